// What is left after a power cut at any moment must hold everything that was acknowledged before
// it.
#include <gtest/gtest.h>

#include <random>

#include "broker/storage/failing_disk.h"
#include "broker/storage/recording_disk.h"
#include "broker/storage/storage_fixture.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

struct Acknowledged {
  TopicPartition tp;
  int64_t offset = 0;
  std::string value;
  size_t changes = 0;  // on the disk when it was acknowledged
};

class PowerCut : public ::testing::Test {
 protected:
  PowerCut() : disk_(directory_.path()) { fast_disk_.leave_out_syncs(); }

  LogStoreOptions options_without_syncs(const std::filesystem::path& directory) {
    auto options = small_options(directory);
    options.disk = &fast_disk_;
    return options;
  }

  LogStoreOptions options() {
    auto options = small_options(directory_.path());
    options.disk = &disk_;
    return options;
  }

  void append_one(PartitionLog& log, std::string value) {
    const auto result = append(log, make_batch({value}));
    ASSERT_TRUE(result.ok()) << result.message;
    acknowledged_.push_back({.tp = log.tp(),
                             .offset = result.base_offset.value(),
                             .value = std::move(value),
                             .changes = disk_.change_count()});
  }

  void check_cut(size_t changes, uint64_t seed) {
    SCOPED_TRACE(fmt::format("after {} changes, seed {}", changes, seed));
    const TemporaryDirectory left;
    disk_.lay_out(changes, seed, left.path());
    const auto store = open_store(options_without_syncs(left.path()));
    ASSERT_TRUE(store);
    std::map<TopicPartition, std::map<int64_t, std::string>> found;
    for (const auto& log : store->partitions()) {
      found[log->tp()] = read_all(*log);
      ASSERT_EQ(found[log->tp()].size(),
                static_cast<size_t>(log->high_watermark() - log->log_start()));
    }
    for (const auto& record : acknowledged_) {
      if (record.changes > changes) break;
      const auto log = store->find(record.tp);
      ASSERT_TRUE(log) << "a partition with acknowledged records is gone";
      ASSERT_EQ(log->log_start(), Offset(0));
      ASSERT_EQ(found[record.tp][record.offset], record.value) << "offset " << record.offset;
    }
    // And it goes on from there.
    for (const auto& log : store->partitions()) ASSERT_TRUE(append(*log, make_batch({"on"})).ok());
  }

  TemporaryDirectory directory_;
  RecordingDisk disk_;
  FailingDisk fast_disk_;
  std::vector<Acknowledged> acknowledged_;
};

TEST_F(PowerCut, loses_nothing_acknowledged) {
  std::mt19937_64 random(17);
  {
    const auto store = open_store(options());
    std::vector<PartitionLogPtr> logs;
    for (int p = 0; p < 2; ++p) {
      logs.push_back(
          create_partition(*store, {.topic = "t", .partition = p}, {.segment_bytes = 6'000}));
    }
    for (int i = 0; i < 120; ++i) {
      if (i == 60) {
        logs.push_back(create_partition(*store, {.topic = "late", .partition = 0}, {}, 2));
      }
      auto value = fmt::format("{}:{}", i, std::string(random() % 3'000, 'x'));
      append_one(*logs[random() % logs.size()], std::move(value));
      if (i % 50 == 49) ASSERT_TRUE(store->checkpoint());
    }
  }
  // A second life on the same disk, after what counts as a SIGKILL.
  {
    const auto store = open_store(options());
    const auto log = store->find({.topic = "t", .partition = 0});
    for (int i = 0; i < 40; ++i) append_one(*log, fmt::format("again {}", i));
  }
  const size_t total = disk_.change_count();
  for (int cut = 0; cut < 100; ++cut) check_cut(random() % (total + 1), random());
  check_cut(total, 1);
}

TEST_F(PowerCut, a_compaction_loses_no_newest_record) {
  std::mt19937_64 random(23);
  struct Newest {
    int64_t offset;
    size_t changes;
  };
  std::map<std::string, std::vector<Newest>> history;
  const PartitionConfig config{
      .segment_bytes = 900, .index_interval_bytes = 100, .compact = true, .dirty_ratio_min = 0};
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, {.topic = "t", .partition = 0}, config);
    for (int i = 0; i < 150; ++i) {
      const auto key = fmt::format("key {}", random() % 12);
      kafka::RecordBatchBuilder builder;
      builder.append(1'000, key, std::to_string(i));
      const auto result = append(*log, builder.build());
      ASSERT_TRUE(result.ok());
      history[key].push_back({result.base_offset.value(), disk_.change_count()});
      if (i % 30 == 29) store->compact([] { return false; });
    }
  }
  const size_t total = disk_.change_count();
  for (int cut = 0; cut < 120; ++cut) {
    const size_t changes = random() % (total + 1);
    const uint64_t seed = random();
    SCOPED_TRACE(fmt::format("after {} changes, seed {}", changes, seed));
    const TemporaryDirectory left;
    disk_.lay_out(changes, seed, left.path());
    const auto store = open_store(options_without_syncs(left.path()));
    ASSERT_TRUE(store);
    const auto log = store->find({.topic = "t", .partition = 0});
    if (!log) {
      ASSERT_TRUE(std::ranges::none_of(
          history, [&](const auto& one) { return one.second.front().changes <= changes; }));
      continue;
    }
    log->set_config(config);
    for (int round = 0; round < 2; ++round) {
      const auto found = read_all(*log);
      for (const auto& [key, writes] : history) {
        const auto after =
            std::ranges::find_if(writes, [&](const Newest& one) { return one.changes > changes; });
        if (after == writes.begin()) continue;
        // The one acknowledged last, or one on its way that replaced it.
        const bool there = std::ranges::any_of(
            after - 1, writes.end(), [&](const Newest& one) { return found.contains(one.offset); });
        ASSERT_TRUE(there) << key;
      }
      ASSERT_TRUE(append(*log, make_batch({"on"})).ok());
      store->compact([] { return false; });
    }
  }
}

TEST_F(PowerCut, a_rolled_back_transaction_stays_so_when_its_index_is_new) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, {.topic = "t", .partition = 0});
    append_one(*log, "before");
    ASSERT_TRUE(store->checkpoint());
    log->allow_transaction(7, 0);
    ASSERT_TRUE(
        append(*log,
               make_batch({"gone"},
                          {.producer_id = 7, .epoch = 0, .sequence = 0, .transactional = true}))
            .ok());
    ASSERT_TRUE(
        append(*log, kafka::encode_marker({.producer_id = 7, .producer_epoch = 0}, 1'000)).ok());
    ASSERT_TRUE(store->checkpoint());
  }
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const TemporaryDirectory left;
    disk_.lay_out(disk_.change_count(), seed, left.path());
    const auto store = open_store(options_without_syncs(left.path()));
    const auto log = store->find({.topic = "t", .partition = 0});
    ASSERT_TRUE(log);
    const auto aborted = log->aborted_transactions(Offset(0), log->high_watermark());
    ASSERT_TRUE(aborted) << aborted.error().message();
    EXPECT_EQ(aborted->size(), 1U) << "seed " << seed;
  }
}

// The segment is made by the process that is killed, the records by the one after it.
TEST_F(PowerCut, a_segment_that_was_empty_at_the_start_is_durable_with_its_name) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, {.topic = "t", .partition = 0});
    append_one(*log, "before");
    ASSERT_TRUE(store->checkpoint());
    std::promise<void> rolled;
    log->roll([&](const Result<void>& done) {
      EXPECT_TRUE(done);
      rolled.set_value();
    });
    rolled.get_future().wait();
  }
  {
    const auto store = open_store(options());
    const auto log = store->find({.topic = "t", .partition = 0});
    for (int i = 0; i < 8; ++i) append_one(*log, fmt::format("{}:{}", i, std::string(20'000, 'x')));
    ASSERT_TRUE(store->checkpoint());
  }
  for (uint64_t seed = 0; seed < 20; ++seed) check_cut(disk_.change_count(), seed);
}

// The names of the files that a SIGKILL has left give it away, though nobody has synced them.
TEST_F(PowerCut, a_log_start_that_a_start_finds_in_the_files_stays) {
  constexpr int kSegments = 8;
  const Offset start(6);
  const TopicPartition tp{.topic = "t", .partition = 0};
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, tp, {.segment_bytes = 500});
    for (int i = 0; i < kSegments; ++i) append_one(*log, std::string(400, 'x'));
    ASSERT_EQ(log->segment_count(), size_t{kSegments});
    ASSERT_TRUE(store->checkpoint());
    std::promise<void> moved;
    log->delete_before(start, [&](const Result<Offset>& done) {
      EXPECT_TRUE(done);
      moved.set_value();
    });
    moved.get_future().wait();
    await_removal(directory_.path() / "t-0" / "00000000000000000005.log");
  }
  {
    const auto store = open_store(options());
    ASSERT_EQ(store->find(tp)->log_start(), start);
    // Lets go of the write-ahead log, which says the same.
    ASSERT_TRUE(store->checkpoint());
  }
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const TemporaryDirectory left;
    disk_.lay_out(disk_.change_count(), seed, left.path());
    const auto store = open_store(options_without_syncs(left.path()));
    EXPECT_EQ(store->find(tp)->log_start(), start) << "seed " << seed;
  }
}

TEST_F(PowerCut, deleted_topic_stays_deleted) {
  size_t deleted_at = 0;
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, {.topic = "t", .partition = 0});
    append(*log, make_batch({"old"}));
    ASSERT_TRUE(store->checkpoint());
    ASSERT_TRUE(store->delete_partitions({log->tp()}));
    deleted_at = disk_.change_count();
    const auto fresh = create_partition(*store, {.topic = "t", .partition = 0}, {}, 2);
    for (int i = 0; i < 5; ++i) append_one(*fresh, fmt::format("new {}", i));
    ASSERT_TRUE(store->checkpoint());
  }
  for (size_t changes = deleted_at; changes <= disk_.change_count(); ++changes) {
    check_cut(changes, changes);
    const TemporaryDirectory left;
    disk_.lay_out(changes, changes, left.path());
    const auto store = open_store(options_without_syncs(left.path()));
    if (const auto log = store->find({.topic = "t", .partition = 0})) {
      EXPECT_EQ(log->topic_id(), topic_id(2));
    }
  }
}

}  // namespace
}  // namespace freshet::broker
