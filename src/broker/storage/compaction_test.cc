#include "broker/storage/compaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "broker/storage/compactor.h"
#include "broker/storage/failing_disk.h"
#include "broker/storage/storage_fixture.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

using testing::ElementsAre;
using testing::Pair;

const TopicPartition kTp{.topic = "t", .partition = 0};

struct KeyValue {
  std::string key;
  std::optional<std::string> value;
};

class CompactionTest : public ::testing::Test {
 protected:
  CompactionTest() {
    disk_.leave_out_syncs();
    open();
  }

  void open() {
    log_.reset();
    store_.reset();
    auto options = small_options(directory_.path());
    options.clock = &clock_;
    options.disk = &disk_;
    options.compaction_bytes_max = map_bytes_max_;
    store_ = open_store(options);
    log_ = store_->find(kTp);
    if (!log_) {
      log_ = create_partition(*store_, kTp, config());
    } else {
      log_->set_config(config());
    }
  }
  PartitionConfig config() const {
    PartitionConfig config;
    config.segment_bytes = 1'500;
    config.compact = true;
    config.dirty_ratio_min = 0;
    config.delete_retention = std::chrono::milliseconds(1'000);
    config.index_interval_bytes = 200;
    return config;
  }

  [[nodiscard]] int64_t now_ms() const { return clock_.wall().time_since_epoch().count(); }
  std::string batch(const std::vector<KeyValue>& records, const kafka::BatchOptions& options = {}) {
    kafka::RecordBatchBuilder builder(options);
    for (const auto& [key, value] : records) builder.append(now_ms(), key, value);
    return builder.build();
  }
  Offset put(const std::vector<KeyValue>& records, const kafka::BatchOptions& options = {}) {
    const auto result = append(*log_, batch(records, options));
    EXPECT_TRUE(result.ok()) << result.message;
    return result.base_offset;
  }
  void roll() {
    std::promise<void> rolled;
    log_->roll([&](Result<void> done) {
      EXPECT_TRUE(done);
      rolled.set_value();
    });
    rolled.get_future().wait();
  }
  void compact() {
    store_->compact([] { return false; });
  }
  /// Offset -> "key=value" of all that is left.
  std::map<int64_t, std::string> left(const PartitionLog& log) {
    std::map<int64_t, std::string> all;
    Offset next = log.log_start();
    std::string scratch;
    while (next < log.high_watermark()) {
      const auto read = log.read(next, 700);
      if (!read || read->slices.empty()) {
        ADD_FAILURE() << (read ? "nothing" : read.error().message());
        break;
      }
      for (const auto& slice : read->slices) {
        std::string_view rest = slice.bytes;
        while (!rest.empty()) {
          const auto view = **kafka::next_batch(rest);
          EXPECT_TRUE(kafka::check_batch(view));
          EXPECT_GE(view.next_offset(), next);
          next = view.next_offset();
          if (view.is_control()) continue;
          auto records = kafka::RecordIterator::open(view, scratch);
          RecordView record;
          while (records->next(record)) {
            all[record.offset.value()] =
                fmt::format("{}={}", *record.key, record.value.value_or("(null)"));
          }
        }
      }
    }
    return all;
  }
  std::map<int64_t, std::string> left() { return left(*log_); }
  [[nodiscard]] size_t files(std::string_view part) const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "t-0")) {
      count += entry.path().filename().native().find(part) != std::string::npos ? 1 : 0;
    }
    return count;
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  FailingDisk disk_;
  size_t map_bytes_max_ = 1 << 20;
  std::unique_ptr<LogStore> store_;
  PartitionLogPtr log_;
};

TEST_F(CompactionTest, keeps_the_newest_record_of_each_key_where_it_was) {
  put({{"a", "1"}, {"b", "1"}, {"c", "1"}});
  put({{"a", "2"}, {"b", "2"}}, {.codec = kafka::Codec::kZstd});
  roll();
  put({{"a", "3"}});
  compact();
  const auto expected = ElementsAre(Pair(2, "c=1"), Pair(3, "a=2"), Pair(4, "b=2"), Pair(5, "a=3"));
  EXPECT_THAT(left(), expected);
  EXPECT_EQ(log_->log_start(), Offset(0));
  open();  // as after a crash
  EXPECT_THAT(left(), expected);
  log_.reset();
  ASSERT_TRUE(store_->close());
  open();
  EXPECT_THAT(left(), expected);
  EXPECT_EQ(put({{"on", "1"}}), Offset(6));
  EXPECT_EQ(files(".cleaned") + files(".swap"), 0U);
}

TEST_F(CompactionTest, a_long_history_becomes_one_record_for_each_key) {
  std::mt19937_64 random(11);
  std::map<std::string, std::pair<int64_t, std::string>> newest;
  for (int i = 0; i < 1'500; ++i) {
    const auto key = fmt::format("key {}", random() % 40);
    const auto value = fmt::format("{} {}", i, std::string(random() % 60, 'v'));
    const Offset offset =
        put({{key, value}}, {.codec = i % 3 == 0 ? kafka::Codec::kLz4 : kafka::Codec::kNone});
    newest[key] = {offset.value(), key + "=" + value};
    if (i % 200 == 199) compact();
    if (i == 700) open();
  }
  roll();
  put({{"end", "1"}});
  const size_t before = log_->segment_count();
  compact();
  EXPECT_LT(log_->segment_count(), before);
  std::map<int64_t, std::string> expected{{1'500, "end=1"}};
  for (const auto& [key, record] : newest) expected.insert(record);
  EXPECT_EQ(left(), expected);
  // Lookups in what was rewritten: every offset leads to the next record that is left.
  for (int64_t offset = 0; offset < 1'500; offset += 37) {
    const auto read = log_->read(Offset(offset), 1);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_GE(kafka::RecordBatchView(read->slices.at(0).bytes).last_offset(), Offset(offset));
  }
  open();
  EXPECT_EQ(left(), expected);
}

TEST_F(CompactionTest, waits_for_its_share_and_its_lags) {
  auto config = this->config();
  config.dirty_ratio_min = 0.5;
  config.compaction_lag_min = std::chrono::milliseconds(10'000);
  config.compaction_lag_max = std::chrono::milliseconds(60'000);
  log_->set_config(config);
  for (int i = 0; i < 10; ++i) put({{"a", "1"}});
  roll();
  put({{"b", "1"}});
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms() + 9'000)) << "too young";
  clock_.advance(Millis(10'000));
  EXPECT_TRUE(plan_compaction(log_->state(), now_ms()));
  compact();
  EXPECT_EQ(left().size(), 2U);
  put({{"a", "2"}});
  roll();
  put({{"b", "2"}});
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms() + 1)) << "too young again";
  clock_.advance(Millis(49'000));
  config.dirty_ratio_min = 0.99;
  log_->set_config(config);
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms())) << "too small a share";
  clock_.advance(Millis(2'000));
  EXPECT_TRUE(plan_compaction(log_->state(), now_ms())) << "overdue";
  config.compact = false;
  log_->set_config(config);
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms()));
}

TEST_F(CompactionTest, what_is_clean_is_remembered) {
  for (int i = 0; i < 5; ++i) put({{"a", "1"}});
  roll();
  put({{"a", "2"}});
  compact();
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms()));
  open();
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms()));
  std::filesystem::remove(directory_.path() / "compacted-offsets");
  open();
  EXPECT_TRUE(plan_compaction(log_->state(), now_ms()));
}

TEST_F(CompactionTest, tombstones_go_after_their_retention) {
  put({{"a", "1"}, {"b", "1"}});
  put({{"a", std::nullopt}});
  roll();
  put({{"c", "1"}});
  compact();
  EXPECT_THAT(left(), ElementsAre(Pair(1, "b=1"), Pair(2, "a=(null)"), Pair(3, "c=1")));
  clock_.advance(Millis(900));
  roll();
  put({{"c", "2"}});
  compact();
  EXPECT_THAT(left(),
              ElementsAre(Pair(1, "b=1"), Pair(2, "a=(null)"), Pair(3, "c=1"), Pair(4, "c=2")));
  clock_.advance(Millis(200));
  roll();
  put({{"c", "3"}});
  compact();
  EXPECT_THAT(left(), ElementsAre(Pair(1, "b=1"), Pair(4, "c=2"), Pair(5, "c=3")));
}

TEST_F(CompactionTest, the_last_batch_of_a_producer_stays_without_its_records) {
  const kafka::BatchOptions producer{.producer_id = 7, .producer_epoch = 0, .base_sequence = 0};
  put({{"a", "1"}, {"a", "2"}}, producer);
  put({{"a", "3"}});
  put({{"a", "4"}});
  roll();
  put({{"a", "5"}});
  compact();
  EXPECT_THAT(left(), ElementsAre(Pair(3, "a=4"), Pair(4, "a=5")));
  // Everything is read again: the producer is known from its batch alone.
  log_.reset();
  store_.reset();
  std::filesystem::remove(directory_.path() / "recovery-point");
  std::filesystem::remove_all(directory_.path() / "wal");
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "t-0")) {
    if (entry.path().extension() == ".snapshot") std::filesystem::remove(entry.path());
  }
  open();
  EXPECT_THAT(left(), ElementsAre(Pair(3, "a=4"), Pair(4, "a=5")));
  EXPECT_EQ(append(*log_, batch({{"a", "1"}, {"a", "2"}}, producer)).status,
            AppendStatus::kDuplicate);
  auto next = producer;
  next.base_sequence = 2;
  EXPECT_EQ(append(*log_, batch({{"a", "6"}}, next)).status, AppendStatus::kAppended);
}

TEST_F(CompactionTest, records_rolled_back_go_and_markers_follow) {
  const auto transaction = [&](int64_t id, int32_t sequence, const std::vector<KeyValue>& records) {
    log_->allow_transaction(id, 0);
    put(records,
        {.producer_id = id, .producer_epoch = 0, .base_sequence = sequence, .transactional = true});
  };
  const auto end = [&](int64_t id, bool commit) {
    EXPECT_TRUE(append(*log_, kafka::encode_marker({.producer_id = id,
                                                    .producer_epoch = 0,
                                                    .commit = commit,
                                                    .coordinator_epoch = 0},
                                                   now_ms()))
                    .ok());
  };
  put({{"a", "1"}, {"b", "1"}});            // 0, 1
  transaction(1, 0, {{"a", "gone"}});       // 2
  transaction(2, 0, {{"b", "kept"}});       // 3
  end(1, false);                            // 4
  end(2, true);                             // 5
  transaction(1, 1, {{"c", "also kept"}});  // 6
  end(1, true);                             // 7
  transaction(3, 0, {{"a", "open"}});       // 8
  roll();
  put({{"d", "1"}});  // 9
  compact();
  EXPECT_EQ(log_->segment_count(), 2U) << "nothing at or behind the last stable offset";
  EXPECT_EQ(left().size(), 7U);
  end(3, false);  // 10
  compact();
  const auto expected =
      ElementsAre(Pair(0, "a=1"), Pair(3, "b=kept"), Pair(6, "c=also kept"), Pair(9, "d=1"));
  EXPECT_THAT(left(), expected);
  EXPECT_EQ(log_->last_stable_offset(), Offset(11));
  for (int round = 0; round < 4; ++round) {
    clock_.advance(Millis(2'000));
    roll();
    put({{"d", "1"}});
    compact();
    const auto aborted = log_->aborted_transactions(Offset(0), log_->high_watermark());
    ASSERT_TRUE(aborted);
    // Whoever is listed has a marker that ends the list's claim on the producer's records.
    std::set<Offset> markers;
    Offset next = log_->log_start();
    while (next < log_->high_watermark()) {
      const auto read = log_->read(next, 1);
      ASSERT_TRUE(read);
      const kafka::RecordBatchView view(read->slices.at(0).bytes);
      if (view.is_control() && view.record_count() > 0) markers.insert(view.last_offset());
      next = view.next_offset();
    }
    for (const auto& one : *aborted) EXPECT_TRUE(markers.contains(one.last_offset));
    open();
  }
  EXPECT_THAT(log_->aborted_transactions(Offset(0), log_->high_watermark()).value(),
              testing::SizeIs(testing::Le(1U)));
}

TEST_F(CompactionTest, more_keys_than_memory_are_done_in_turns) {
  map_bytes_max_ = 1;  // the smallest table holds 768 keys
  open();
  for (int i = 0; i < 2'500; ++i) {
    put({{fmt::format("key {}", i), "1"}, {fmt::format("key {}", i % 100), "2"}});
  }
  roll();
  put({{"end", "1"}});
  int rounds = 0;
  for (; plan_compaction(log_->state(), now_ms()) && rounds < 20; ++rounds) compact();
  EXPECT_GT(rounds, 2);
  EXPECT_LT(rounds, 20);
  EXPECT_EQ(left().size(), 2'501U);
}

TEST_F(CompactionTest, readers_keep_what_they_hold) {
  for (int i = 0; i < 50; ++i) put({{"a", std::to_string(i)}});
  roll();
  put({{"a", "end"}});
  const auto read = log_->read(Offset(0), 1 << 20);
  ASSERT_TRUE(read);
  std::string before;
  for (const auto& slice : read->slices) before += slice.bytes;
  compact();
  EXPECT_EQ(left().size(), 2U);
  std::string after;
  for (const auto& slice : read->slices) after += slice.bytes;
  EXPECT_EQ(after, before);
}

TEST_F(CompactionTest, the_log_start_may_move_meanwhile) {
  for (int i = 0; i < 200; ++i) put({{fmt::format("key {}", i % 60), std::to_string(i)}});
  roll();
  put({{"end", "1"}});
  bool moved = false;
  store_->compact([&] {
    if (moved) return false;
    moved = true;
    std::promise<void> done;
    log_->delete_before(Offset(150), [&](Result<Offset> start) {
      EXPECT_EQ(start.value_or(kNoOffset), Offset(150));
      done.set_value();
    });
    done.get_future().wait();
    return false;
  });
  const auto after = left();
  EXPECT_EQ(after.size(), 51U);
  roll();  // behind what the compaction has asked for
  EXPECT_EQ(log_->log_start(), Offset(150));
  open();
  EXPECT_EQ(left(), after);
  EXPECT_EQ(log_->log_start(), Offset(150));
}

TEST_F(CompactionTest, a_deleted_and_recreated_partition_is_left_alone) {
  for (int i = 0; i < 200; ++i) put({{"a", std::to_string(i)}});
  roll();
  put({{"end", "1"}});
  bool deleted = false;
  store_->compact([&] {
    if (deleted) return false;
    deleted = true;
    EXPECT_TRUE(store_->delete_partitions({kTp}));
    log_ = create_partition(*store_, kTp, config(), /*id=*/2);
    for (int i = 0; i < 30; ++i) put({{"new", std::to_string(i)}});
    return false;
  });
  EXPECT_EQ(left().size(), 30U);
  EXPECT_EQ(files(".swap"), 0U);
  open();
  EXPECT_EQ(left().size(), 30U);
}

TEST_F(CompactionTest, asked_to_stop_it_leaves_nothing_behind) {
  for (int i = 0; i < 400; ++i) put({{fmt::format("{}", i % 90), std::to_string(i)}});
  roll();
  put({{"end", "1"}});
  const auto before = left();
  for (int calls = 1; calls < 40; ++calls) {
    int left_calls = calls;
    store_->compact([&] { return --left_calls < 0; });
    ASSERT_EQ(files(".cleaned") + files(".swap"), 0U) << calls;
  }
  compact();
  EXPECT_EQ(left().size(), 91U);
  for (const auto& [offset, record] : left()) EXPECT_EQ(before.at(offset), record);
}

TEST_F(CompactionTest, a_damaged_segment_is_left_as_it_is) {
  for (int i = 0; i < 100; ++i) put({{"a", std::to_string(i)}});
  roll();
  put({{"end", "1"}});
  log_.reset();
  ASSERT_TRUE(store_->close());
  const auto path = directory_.path() / "t-0" / segment_file_name(Offset(0), ".log");
  {
    const auto file = io::File::open(path, io::OpenMode::kReadWrite);
    ASSERT_TRUE(file);
    const std::string_view bytes("damage");
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    ASSERT_TRUE(file->write_at({&piece, 1}, 300));
  }
  const auto size = std::filesystem::file_size(path);
  open();
  compact();
  EXPECT_EQ(std::filesystem::file_size(path), size);
  EXPECT_EQ(files(".cleaned") + files(".swap"), 0U);
  EXPECT_FALSE(plan_compaction(log_->state(), now_ms())) << "not again at once";
}

TEST(Compactor, clean_offsets_are_read_as_written_and_nothing_else_is) {
  Compactor::CleanOffsets offsets;
  offsets[{topic_id(1), 0}] = Offset(5);
  offsets[{topic_id(1), 12}] = Offset(1'000'000'000'000);
  const auto text = Compactor::encode(offsets);
  EXPECT_EQ(Compactor::decode(text).value(), offsets);
  EXPECT_TRUE(Compactor::decode(Compactor::encode({}))->empty());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(Compactor::decode(text.substr(0, size))) << size;
  }
  EXPECT_FALSE(Compactor::decode(text + "x"));
  EXPECT_FALSE(Compactor::decode("1\n0\n"));
  EXPECT_FALSE(Compactor::decode("0\n-1\n"));
}

}  // namespace
}  // namespace freshet::broker
