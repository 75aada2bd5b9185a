#include "broker/storage/log_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <latch>
#include <thread>

#include "broker/storage/storage_fixture.h"
#include "io/file.h"

namespace freshet::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const TopicPartition kTp{.topic = "events", .partition = 0};

class LogStoreTest : public ::testing::Test {
 protected:
  LogStoreOptions options() { return small_options(directory_.path()); }
  std::filesystem::path file(std::string_view name) {
    return directory_.path() / "events-0" / name;
  }
  TemporaryDirectory directory_;
};

TEST_F(LogStoreTest, append_is_visible_when_acknowledged) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  EXPECT_EQ(log->high_watermark(), Offset(0));
  const auto first = append(*log, make_batch({"a", "b"}));
  EXPECT_EQ(first.status, AppendStatus::kAppended);
  EXPECT_EQ(first.base_offset, Offset(0));
  EXPECT_EQ(first.last_offset, Offset(1));
  EXPECT_EQ(append(*log, make_batch({"c"})).base_offset, Offset(2));
  EXPECT_EQ(log->high_watermark(), Offset(3));
  EXPECT_THAT(read_all(*log), ElementsAre(Pair(0, "a"), Pair(1, "b"), Pair(2, "c")));
  EXPECT_THAT(read_all(*log, Offset(1)), ElementsAre(Pair(0, "a"), Pair(1, "b"), Pair(2, "c")));
}

TEST_F(LogStoreTest, tells_when_records_came) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  EXPECT_EQ(log->arrived_since(Offset(0)), std::nullopt);
  const auto before = std::chrono::steady_clock::now();
  append(*log, make_batch({"a", "b"}));
  const auto between = std::chrono::steady_clock::now();
  append(*log, make_batch({"c"}));
  const auto after = std::chrono::steady_clock::now();
  for (int64_t offset : {0, 1}) {
    const auto arrived = log->arrived_since(Offset(offset));
    ASSERT_TRUE(arrived);
    EXPECT_GE(*arrived, before);
    EXPECT_LE(*arrived, between);
  }
  const auto last = log->arrived_since(Offset(2));
  ASSERT_TRUE(last);
  EXPECT_GE(*last, between);
  EXPECT_LE(*last, after);
  EXPECT_EQ(log->arrived_since(Offset(3)), std::nullopt);
}

TEST_F(LogStoreTest, several_batches_in_one_append_follow_each_other) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  const auto result = append(*log, make_batch({"a", "b"}) + make_batch({"c"}));
  EXPECT_EQ(result.base_offset, Offset(0));
  EXPECT_EQ(result.last_offset, Offset(2));
  EXPECT_EQ(read_all(*log).size(), 3U);
}

TEST_F(LogStoreTest, refuses_bytes_that_are_no_batches) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  EXPECT_EQ(append(*log, "rubbish").status, AppendStatus::kInvalidBatch);
  EXPECT_EQ(append(*log, "").status, AppendStatus::kInvalidBatch);
  const auto batch = make_batch({"a"});
  EXPECT_EQ(append(*log, batch + batch.substr(0, 30)).status, AppendStatus::kInvalidBatch);
  EXPECT_EQ(append(*log, make_batch({std::string(kWalFileBytesMin, 'x')})).status,
            AppendStatus::kTooLarge);
  EXPECT_EQ(log->high_watermark(), Offset(0));
}

TEST_F(LogStoreTest, closed_store_opens_with_everything_and_the_same_epoch) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, kTp);
    for (int i = 0; i < 50; ++i) append(*log, make_batch({std::to_string(i)}));
    ASSERT_TRUE(store->close());
  }
  const auto store = open_store(options());
  EXPECT_EQ(store->leader_epoch(), 0);
  const auto log = store->find(kTp);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->topic_id(), topic_id(1));
  EXPECT_EQ(read_all(*log).size(), 50U);
  EXPECT_EQ(append(*log, make_batch({"next"})).base_offset, Offset(50));
}

TEST_F(LogStoreTest, abandoned_store_recovers_and_bumps_the_epoch) {
  for (int round = 0; round < 5; ++round) {
    const auto store = open_store(options());
    EXPECT_EQ(store->leader_epoch(), round);
    auto log = store->find(kTp);
    if (!log) log = create_partition(*store, kTp);
    ASSERT_EQ(log->high_watermark(), Offset(int64_t{round} * 100));
    for (int i = 0; i < 100; ++i) append(*log, make_batch({std::to_string(round * 100 + i)}));
  }
  const auto store = open_store(options());
  const auto log = store->find(kTp);
  const auto values = read_all(*log);
  ASSERT_EQ(values.size(), 500U);
  for (const auto& [offset, value] : values) EXPECT_EQ(value, std::to_string(offset));
  EXPECT_EQ(log->end_of_epoch(1), std::pair(1, Offset(200)));
  EXPECT_EQ(log->end_of_epoch(5), std::pair(5, Offset(500)));
  EXPECT_EQ(log->end_of_epoch(6), std::pair(-1, kNoOffset));
}

TEST_F(LogStoreTest, write_ahead_log_files_are_recycled) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  const std::string value(8'000, 'v');
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(append(*log, make_batch({value})).ok());
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "wal")) {
    EXPECT_EQ(entry.file_size(), kWalFileBytesMin);
    ++files;
  }
  EXPECT_LE(files, options().wal_files_max);
  EXPECT_EQ(read_all(*log).size(), 200U);
}

TEST_F(LogStoreTest, rolls_segments_and_reads_across_them) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp, {.segment_bytes = 1'000});
  for (int i = 0; i < 100; ++i) append(*log, make_batch({std::to_string(i), "x"}));
  EXPECT_GT(log->segment_count(), 5U);
  EXPECT_EQ(read_all(*log).size(), 200U);
  // One read goes on over the end of a segment.
  EXPECT_GT(log->read(Offset(0), 5'000)->slices.size(), 2U);
  for (int64_t at = 0; at < 200; ++at) {
    const auto read = log->read(Offset(at), 1);
    ASSERT_TRUE(read) << read.error().message();
    ASSERT_EQ(read->slices.size(), 1U);
    const kafka::RecordBatchView batch(read->slices[0].bytes);
    EXPECT_LE(batch.base_offset(), Offset(at));
    EXPECT_GE(batch.last_offset(), Offset(at));
  }
}

TEST_F(LogStoreTest, reads_stay_within_bytes_max_but_give_one_batch) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  const auto size = make_batch({std::string(100, 'x')}).size();
  for (int i = 0; i < 100; ++i) append(*log, make_batch({std::string(100, 'x')}));
  EXPECT_EQ(log->read(Offset(0), 1)->slices.at(0).bytes.size(), size);
  EXPECT_EQ(log->read(Offset(3), size * 10 + 5)->slices.at(0).bytes.size(), size * 10);
  EXPECT_EQ(log->read(Offset(3), size * 70)->slices.at(0).bytes.size(), size * 70);
  EXPECT_TRUE(log->read(Offset(100), 100)->slices.empty());
  EXPECT_EQ(log->read(Offset(101), 100).error().code(), Errc::kOutOfRange);
  EXPECT_EQ(log->read(Offset(-1), 100).error().code(), Errc::kOutOfRange);
}

TEST_F(LogStoreTest, a_batch_that_has_no_room_is_not_looked_at) {
  auto store = open_store(options());
  auto log = create_partition(*store, kTp, {.segment_bytes = 1'000});
  for (int i = 0; i < 4; ++i) append(*log, make_batch({std::string(600, 'x')}));
  const auto size = log->read(Offset(0), 1)->slices.at(0).bytes.size();
  ASSERT_TRUE(store->close());
  // What reads a batch finds this.
  std::fstream segment(file("00000000000000000001.log"),
                       std::ios::binary | std::ios::in | std::ios::out);
  segment.seekp(300);
  segment.put('y');
  segment.close();
  log.reset();
  store.reset();
  store = open_store(options());
  log = store->find(kTp);
  const auto damaged = log->read(Offset(1), 1'000);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code(), Errc::kCorrupt);
  const auto none = log->read(Offset(1), 1'000, Isolation::kReadUncommitted, size - 1);
  ASSERT_TRUE(none) << none.error().message();
  EXPECT_TRUE(none->slices.empty());
  EXPECT_EQ(none->next_offset, Offset(1));
  EXPECT_EQ(none->high_watermark, Offset(4));
  const auto whole = log->read(Offset(0), 1'000, Isolation::kReadUncommitted, size);
  ASSERT_TRUE(whole) << "the next segment's batch has no room behind the first";
  EXPECT_EQ(whole->next_offset, Offset(1));
}

TEST_F(LogStoreTest, reads_backwards_newest_first) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp, {.segment_bytes = 2'000});
  for (int i = 0; i < 100; ++i) append(*log, make_batch({"x", "y"}));
  Offset before = kNoOffset;
  int64_t expected = 198;
  while (true) {
    const auto slices = log->read_backwards(before, 700);
    ASSERT_TRUE(slices) << slices.error().message();
    if (slices->empty()) break;
    for (const auto& slice : *slices) {
      const kafka::RecordBatchView batch(slice.bytes);
      ASSERT_EQ(batch.size(), slice.bytes.size());
      EXPECT_EQ(batch.base_offset(), Offset(expected));
      before = batch.base_offset();
      expected -= 2;
    }
  }
  EXPECT_EQ(expected, -2);
  // A batch that holds `before` does not end before it.
  const auto inside = log->read_backwards(Offset(5), 1);
  EXPECT_EQ(kafka::RecordBatchView(inside->at(0).bytes).base_offset(), Offset(2));
}

TEST_F(LogStoreTest, finds_the_first_record_at_or_after_a_time_inside_batches) {
  const auto store = open_store(options());
  const auto log =
      create_partition(*store, kTp, {.segment_bytes = 3'000, .index_interval_bytes = 300});
  for (int64_t i = 0; i < 60; ++i) {
    kafka::RecordBatchBuilder builder(
        {.codec = i % 2 == 0 ? kafka::Codec::kNone : kafka::Codec::kLz4});
    for (int64_t k = 0; k < 5; ++k) builder.append(1'000 + 10 * (i * 5 + k), std::nullopt, "value");
    append(*log, builder.build());
  }
  for (int64_t offset = 0; offset < 300; offset += 7) {
    const auto exact = log->find_by_time(1'000 + 10 * offset);
    ASSERT_TRUE(exact && *exact);
    EXPECT_EQ((*exact)->offset, Offset(offset));
    const auto between = log->find_by_time(1'000 + 10 * offset - 5);
    EXPECT_EQ((*between)->offset, Offset(offset));
    EXPECT_EQ((*between)->timestamp_ms, 1'000 + 10 * offset);
  }
  EXPECT_FALSE(*log->find_by_time(1'000 + 10 * 300));
  EXPECT_EQ((*log->max_timestamp())->offset, Offset(299));
}

TEST_F(LogStoreTest, clock_that_jumps_back_changes_no_offset_and_no_lookup) {
  const auto store = open_store(options());
  const auto log =
      create_partition(*store, kTp, {.segment_bytes = 1'000, .index_interval_bytes = 10});
  for (const int64_t ts : {100, 200, 300, 50, 60, 250, 400, 10}) {
    for (int i = 0; i < 5; ++i)
      append(*log, make_batch({std::string(100, 'x')}, {.timestamp_ms = ts}));
  }
  EXPECT_EQ(log->high_watermark(), Offset(40));
  EXPECT_EQ((*log->find_by_time(0))->offset, Offset(0));
  EXPECT_EQ((*log->find_by_time(150))->offset, Offset(5));
  EXPECT_EQ((*log->find_by_time(300))->offset, Offset(10));
  EXPECT_EQ((*log->find_by_time(301))->offset, Offset(30));
  EXPECT_EQ((*log->max_timestamp())->timestamp_ms, 400);
}

TEST_F(LogStoreTest, creates_all_partitions_or_none) {
  const auto store = open_store(options());
  create_partition(*store, {.topic = "events", .partition = 1});
  const auto made = store->create_partitions(
      {{.tp = kTp, .topic_id = topic_id(1), .config = {}},
       {.tp = {.topic = "events", .partition = 1}, .topic_id = topic_id(1), .config = {}}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Errc::kAlreadyExists);
  EXPECT_FALSE(store->find(kTp));
  const auto outside = store->create_partitions(
      {{.tp = {.topic = "../x", .partition = 0}, .topic_id = topic_id(2), .config = {}}});
  EXPECT_EQ(outside.error().code(), Errc::kInvalidArgument);
}

TEST_F(LogStoreTest, recreated_topic_does_not_get_the_old_records_back) {
  {
    const auto store = open_store(options());
    const auto old = create_partition(*store, kTp);
    append(*old, make_batch({"old", "old"}));
    ASSERT_TRUE(store->delete_partitions({kTp}));
    EXPECT_TRUE(old->is_deleted());
    EXPECT_EQ(append(*old, make_batch({"late"})).status, AppendStatus::kDeleted);
    const auto fresh = create_partition(*store, kTp, {}, 2);
    append(*fresh, make_batch({"new"}));
  }
  const auto store = open_store(options());
  const auto log = store->find(kTp);
  ASSERT_TRUE(log);
  EXPECT_EQ(log->topic_id(), topic_id(2));
  EXPECT_THAT(read_all(*log), ElementsAre(Pair(0, "new")));
}

TEST_F(LogStoreTest, slices_outlive_the_deletion_of_their_partition) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  append(*log, make_batch({"kept"}));
  const auto read = log->read(Offset(0), 100);
  ASSERT_TRUE(store->delete_partitions({kTp}));
  EXPECT_THAT(std::string(read->slices.at(0).bytes), HasSubstr("kept"));
}

TEST_F(LogStoreTest, delete_before_moves_the_log_start_for_good) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, kTp, {.segment_bytes = 500});
    for (int i = 0; i < 40; ++i) append(*log, make_batch({std::string(50, 'x')}));
    const auto segments = log->segment_count();
    std::promise<Result<Offset>> moved;
    log->delete_before(Offset(21), [&](Result<Offset> r) { moved.set_value(std::move(r)); });
    EXPECT_EQ(moved.get_future().get().value(), Offset(21));
    EXPECT_LT(log->segment_count(), segments);
    EXPECT_EQ(log->read(Offset(20), 100).error().code(), Errc::kOutOfRange);
    EXPECT_EQ(read_all(*log).rbegin()->first, 39);
  }
  const auto store = open_store(options());
  EXPECT_EQ(store->find(kTp)->log_start(), Offset(21));
  EXPECT_EQ(store->find(kTp)->high_watermark(), Offset(40));
}

TEST_F(LogStoreTest, producer_goes_on_after_its_newest_batch_was_deleted_and_the_store_killed) {
  const auto batch_of = [](int32_t sequence) {
    return make_batch({std::string(400, 'x')},
                      {.producer_id = 7, .epoch = 0, .sequence = sequence});
  };
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, kTp, {.segment_bytes = 500});
    ASSERT_TRUE(append(*log, batch_of(0)).ok());
    ASSERT_TRUE(store->checkpoint());
    ASSERT_TRUE(append(*log, batch_of(1)).ok());
    ASSERT_TRUE(append(*log, make_batch({std::string(400, 'y')})).ok());
    ASSERT_EQ(log->segment_count(), 3U);
    std::promise<void> moved;
    log->delete_before(Offset(2), [&](const Result<Offset>& done) {
      EXPECT_TRUE(done);
      moved.set_value();
    });
    moved.get_future().wait();
    await_removal(file("00000000000000000001.log"));
  }
  const auto store = open_store(options());
  const auto log = store->find(kTp);
  EXPECT_EQ(log->log_start(), Offset(2));
  EXPECT_EQ(log->high_watermark(), Offset(3));
  EXPECT_EQ(append(*log, batch_of(1)).status, AppendStatus::kDuplicate);
  const auto next = append(*log, batch_of(2));
  EXPECT_TRUE(next.ok()) << next.message;
  EXPECT_EQ(next.base_offset, Offset(3));
}

TEST_F(LogStoreTest, retention_drops_old_closed_segments_only) {
  ManualClock clock;
  auto opts = options();
  opts.clock = &clock;
  const auto store = open_store(opts);
  const int64_t now = clock.wall().time_since_epoch().count();
  const auto log = create_partition(*store, kTp, {.segment_bytes = 500, .retention_ms = 60'000});
  for (int i = 0; i < 20; ++i)
    append(*log, make_batch({std::string(50, 'x')}, {.timestamp_ms = now}));
  store->apply_retention();
  append(*log, make_batch({"barrier"}, {.timestamp_ms = now}));
  EXPECT_EQ(log->log_start(), Offset(0));
  clock.advance(std::chrono::minutes(2));
  append(*log, make_batch({"young"}, {.timestamp_ms = now + 120'000}));
  store->apply_retention();
  append(*log, make_batch({"barrier"}, {.timestamp_ms = now}));
  EXPECT_GT(log->log_start(), Offset(10));
  EXPECT_LE(log->log_start(), Offset(20));
}

TEST_F(LogStoreTest, waiters_are_called_when_data_arrives_or_the_partition_goes) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  std::promise<void> ready;
  EXPECT_NE(log->when_past(Offset(0), [&] { ready.set_value(); }), 0U);
  append(*log, make_batch({"a"}));
  ready.get_future().wait();
  bool called = false;
  EXPECT_EQ(log->when_past(Offset(0), [&] { called = true; }), 0U);
  EXPECT_TRUE(called);
  const auto id = log->when_past(Offset(10), [] { ADD_FAILURE() << "was cancelled"; });
  EXPECT_TRUE(log->cancel_wait(id));
  EXPECT_FALSE(log->cancel_wait(id));
  EXPECT_FALSE(log->wait_past(Offset(1), std::chrono::steady_clock::now()));
  std::promise<void> gone;
  log->when_past(Offset(99), [&] { gone.set_value(); });
  ASSERT_TRUE(store->delete_partitions({kTp}));
  gone.get_future().wait();
}

TEST_F(LogStoreTest, concurrent_appenders_share_commits_and_keep_their_order) {
  const auto store = open_store(options());
  constexpr int kThreads = 4;
  constexpr int kAppends = 300;
  std::vector<PartitionLogPtr> logs;
  for (int p = 0; p < 3; ++p)
    logs.push_back(create_partition(*store, {.topic = "t", .partition = p}));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::latch done(kAppends);
        for (int i = 0; i < kAppends; ++i) {
          logs[static_cast<size_t>(i % 3)]->append(
              AppendBatches::from_string(make_batch({fmt::format("{}:{}", t, i)})),
              [&done](AppendResult result) {
                EXPECT_EQ(result.status, AppendStatus::kAppended);
                done.count_down();
              });
        }
        done.wait();
      });
    }
  }
  size_t total = 0;
  for (const auto& log : logs) {
    std::map<std::string, int> newest;
    for (const auto& [offset, value] : read_all(*log)) {
      const auto colon = value.find(':');
      const int number = std::stoi(value.substr(colon + 1));
      auto& last = newest.try_emplace(value.substr(0, colon), -1).first->second;
      EXPECT_GT(number, last);
      last = number;
      ++total;
    }
  }
  EXPECT_EQ(total, size_t{kThreads} * kAppends);
}

TEST_F(LogStoreTest, full_queue_refuses_and_tells_when_there_is_room) {
  auto opts = options();
  opts.append_queue_bytes_max = 2'000;
  const auto store = open_store(opts);
  const auto log = create_partition(*store, kTp);
  std::atomic<int> appended = 0;
  int refused = 0;
  for (int i = 0; i < 500 || refused == 0; ++i) {
    log->append(AppendBatches::from_string(make_batch({std::string(500, 'x')})),
                [&](AppendResult result) {
                  if (result.ok()) ++appended;
                  if (result.status == AppendStatus::kOverloaded) ++refused;
                });
  }
  ASSERT_TRUE(store->wait_for_room(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  EXPECT_TRUE(append(*log, make_batch({"fits"})).ok());
  EXPECT_EQ(log->high_watermark(), Offset(appended + 1));
}

TEST_F(LogStoreTest, thousand_partitions_take_one_append_each_and_come_back) {
  constexpr int kPartitions = 1000;
  auto opts = options();
  opts.wal_file_bytes = 1 << 20;
  {
    const auto store = open_store(opts);
    std::vector<PartitionSpec> specs;
    for (int p = 0; p < kPartitions; ++p) {
      specs.push_back(
          {.tp = {.topic = "wide", .partition = p}, .topic_id = topic_id(7), .config = {}});
    }
    const auto logs = store->create_partitions(specs);
    ASSERT_TRUE(logs) << logs.error().message();
    std::latch done(kPartitions);
    for (const auto& log : *logs) {
      log->append(AppendBatches::from_string(make_batch({std::to_string(log->tp().partition)})),
                  [&](AppendResult result) {
                    EXPECT_TRUE(result.ok());
                    done.count_down();
                  });
    }
    done.wait();
  }
  const auto store = open_store(opts);
  const auto logs = store->partitions();
  ASSERT_EQ(logs.size(), size_t{kPartitions});
  for (const auto& log : logs) {
    EXPECT_THAT(read_all(*log), ElementsAre(Pair(0, std::to_string(log->tp().partition))));
  }
}

TEST_F(LogStoreTest, keeps_the_files_that_kafka_tools_expect) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, kTp, {.segment_bytes = 10'000});
    for (int32_t i = 0; i < 60; ++i) {
      append(*log,
             make_batch({std::string(400, 'x')}, {.producer_id = 9, .epoch = 0, .sequence = i}));
    }
    ASSERT_TRUE(store->close());
  }
  EXPECT_TRUE(std::filesystem::exists(file("00000000000000000000.log")));
  EXPECT_GT(std::filesystem::file_size(file("00000000000000000000.index")), 0U);
  EXPECT_GT(std::filesystem::file_size(file("00000000000000000000.timeindex")), 0U);
  EXPECT_TRUE(std::filesystem::exists(file("00000000000000000060.snapshot")));
  EXPECT_EQ(io::read_file(file("leader-epoch-checkpoint"), 100).value(), "0\n1\n0 0\n");
  EXPECT_THAT(io::read_file(file("partition.metadata"), 100).value(),
              HasSubstr("version: 0\ntopic_id: AQEBAQEBAQEBAQEBAQEBAQ"));
}

}  // namespace
}  // namespace freshet::broker
