// Index files with bytes that are wrong: what is read is right, or refused with the file's name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <optional>

#include "broker/storage/failing_disk.h"
#include "broker/storage/recovery_point.h"
#include "broker/storage/segment.h"
#include "broker/storage/storage_fixture.h"
#include "io/file.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

using ::testing::HasSubstr;

const TopicPartition kTp{.topic = "t", .partition = 0};
constexpr int kBatches = 16;
constexpr int64_t kStep = 10;  // ms between two batches

// One closed segment with an entry of both indexes for every second batch, one open one.
class IndexDamage : public ::testing::Test {
 protected:
  IndexDamage() { disk_.leave_out_syncs(); }
  LogStoreOptions options(const std::filesystem::path& root) {
    auto options = small_options(root);
    options.disk = &disk_;
    return options;
  }
  static std::filesystem::path file(const std::filesystem::path& root, std::string_view extension) {
    return root / "t-0" / segment_file_name(Offset(0), extension);
  }
  void write_store(const std::function<void(PartitionLog&)>& write) {
    const auto store = open_store(options(directory_.path()));
    PartitionConfig config;
    config.index_interval_bytes = 64;
    const auto log = create_partition(*store, kTp, config);
    write(*log);
    ASSERT_TRUE(store->close());
  }
  std::unique_ptr<TemporaryDirectory> copy() {
    auto to = std::make_unique<TemporaryDirectory>();
    std::filesystem::copy(directory_.path(), to->path(), std::filesystem::copy_options::recursive);
    return to;
  }
  /// A copy of the store for each byte of the file, with that byte changed.
  void for_each_damage(std::string_view extension, uint8_t flip,
                       const std::function<void(PartitionLog&, size_t at)>& look) {
    const auto bytes = io::read_file(file(directory_.path(), extension), 1 << 20).value();
    ASSERT_FALSE(bytes.empty()) << extension;
    for (size_t at = 0; at < bytes.size(); ++at) {
      const auto copied = copy();
      auto damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      std::ofstream(file(copied->path(), extension), std::ios::binary) << damaged;
      const auto store = open_store(options(copied->path()));
      const auto log = store->find(kTp);
      ASSERT_TRUE(log);
      look(*log, at);
      if (HasFailure()) return;
    }
  }
  static void fill(PartitionLog& log) {
    for (int i = 0; i < kBatches; ++i) {
      ASSERT_TRUE(append(log, make_batch({"v"}, {.timestamp_ms = 1'000 + i * kStep})).ok());
    }
  }

  TemporaryDirectory directory_;
  FailingDisk disk_;
};

TEST_F(IndexDamage, every_offset_is_found_whatever_the_offset_index_says) {
  write_store(fill);
  for_each_damage(".index", 0x81, [](PartitionLog& log, size_t at) {
    for (int64_t offset = 0; offset < kBatches; ++offset) {
      const auto read = log.read(Offset(offset), 1);
      ASSERT_TRUE(read) << at << ": " << read.error().message();
      ASSERT_FALSE(read->slices.empty()) << at << " at " << offset;
      EXPECT_EQ(kafka::RecordBatchView(read->slices[0].bytes).base_offset(), Offset(offset))
          << "byte " << at;
    }
    EXPECT_EQ(read_all(log).size(), size_t{kBatches}) << "byte " << at;
  });
}

TEST_F(IndexDamage, every_time_is_found_whatever_the_time_index_says) {
  write_store(fill);
  for_each_damage(".timeindex", 0x81, [](PartitionLog& log, size_t at) {
    for (int64_t i = 0; i < kBatches; ++i) {
      const auto found = log.find_by_time(1'000 + i * kStep);
      ASSERT_TRUE(found && *found) << at;
      EXPECT_EQ((*found)->offset, Offset(i)) << "byte " << at;
    }
    const auto newest = log.max_timestamp();
    ASSERT_TRUE(newest && *newest) << at;
    EXPECT_EQ((*newest)->offset, Offset(kBatches - 1)) << "byte " << at;
  });
}

void begin(PartitionLog& log, int64_t producer) {
  log.allow_transaction(producer, 0);
  ASSERT_TRUE(
      append(log, make_batch(
                      {"gone"},
                      {.producer_id = producer, .epoch = 0, .sequence = 0, .transactional = true}))
          .ok());
}

void roll_back(PartitionLog& log, int64_t producer) {
  const kafka::TransactionMarker marker{
      .producer_id = producer, .producer_epoch = 0, .commit = false};
  ASSERT_TRUE(append(log, kafka::encode_marker(marker, 1'000)).ok());
}

void roll(PartitionLog& log) {
  std::promise<void> rolled;
  log.roll([&rolled](const Result<void>& done) {
    EXPECT_TRUE(done);
    rolled.set_value();
  });
  rolled.get_future().wait();
}

TEST_F(IndexDamage, rolled_back_records_are_told_right_whatever_the_transaction_index_says) {
  write_store([](PartitionLog& log) {
    for (int64_t producer = 7; producer < 10; ++producer) {
      begin(log, producer);
      roll_back(log, producer);
    }
  });
  for_each_damage(".txnindex", 0x11, [&](PartitionLog& log, size_t at) {
    const auto aborted = log.aborted_transactions(Offset(0), Offset(6));
    ASSERT_TRUE(aborted) << aborted.error().message();
    ASSERT_EQ(aborted->size(), 3U) << "byte " << at;
    for (int64_t i = 0; i < 3; ++i) {
      const AbortedTransaction expected{.producer_id = 7 + i,
                                        .first_offset = Offset(2 * i),
                                        .last_offset = Offset(2 * i + 1),
                                        .last_stable_offset = Offset(2 * i + 2)};
      EXPECT_EQ((*aborted)[i], expected) << "byte " << at;
    }
  });
}

// A closed segment 0 to 1, where the transactions of 7 and 8 begin, a closed segment 2 to 4, where
// both are rolled back and a record lies, and an open one.
class TransactionIndexDamage : public IndexDamage {
 protected:
  TransactionIndexDamage() {
    write_store([](PartitionLog& log) {
      begin(log, 7);
      begin(log, 8);
      roll(log);
      roll_back(log, 7);
      roll_back(log, 8);
      ASSERT_TRUE(append(log, make_batch({"v"})).ok());
      roll(log);
      ASSERT_TRUE(append(log, make_batch({"v"})).ok());
    });
  }
  [[nodiscard]] std::filesystem::path index(int64_t base) const {
    return directory_.path() / "t-0" / segment_file_name(Offset(base), ".txnindex");
  }
  static void expect_both(const PartitionLog& log) {
    const auto aborted = log.aborted_transactions(Offset(0), Offset(6));
    ASSERT_TRUE(aborted) << aborted.error().message();
    EXPECT_THAT(*aborted,
                ::testing::ElementsAre(AbortedTransaction{7, Offset(0), Offset(2), Offset(1)},
                                       AbortedTransaction{8, Offset(1), Offset(3), Offset(4)}));
  }
};

TEST_F(TransactionIndexDamage, a_segment_without_rolled_back_transactions_has_no_file) {
  EXPECT_FALSE(std::filesystem::exists(index(0)));
  EXPECT_TRUE(std::filesystem::exists(index(2)));
  EXPECT_FALSE(std::filesystem::exists(index(5)));
  expect_both(*open_store(options(directory_.path()))->find(kTp));
}

TEST_F(TransactionIndexDamage, what_is_missing_or_not_as_it_was_synced_is_rebuilt_from_the_log) {
  const auto whole = io::read_file(index(2), 1 << 20).value();
  ASSERT_EQ(whole.size(), 2 * TransactionIndex::kEntryBytes);
  const auto first = whole.substr(0, TransactionIndex::kEntryBytes);
  const struct {
    const char* what;
    int64_t base;
    std::optional<std::string> content;
  } damages[] = {
      {"missing", 2, std::nullopt},
      {"empty", 2, ""},
      {"an entry short", 2, first},
      {"an entry and a half", 2, whole.substr(0, 50)},
      {"an entry too many", 2, whole + first},
      {"one of another segment", 0, first},
      {"entries swapped", 2, whole.substr(first.size()) + first},
  };
  for (const auto& damage : damages) {
    SCOPED_TRACE(damage.what);
    std::filesystem::remove(index(damage.base));
    if (damage.content) std::ofstream(index(damage.base), std::ios::binary) << *damage.content;
    {
      const auto store = open_store(options(directory_.path()));
      expect_both(*store->find(kTp));
      ASSERT_TRUE(store->close());
    }
    EXPECT_EQ(io::read_file(index(2), 1 << 20).value(), whole) << "it is written anew";
    EXPECT_TRUE(io::read_file(index(0), 1 << 20).value_or("").empty());
  }
}

TEST_F(TransactionIndexDamage, one_that_goes_after_the_start_is_refused_until_the_next) {
  {
    const auto store = open_store(options(directory_.path()));
    const auto log = store->find(kTp);
    std::filesystem::remove(index(2));
    const auto aborted = log->aborted_transactions(Offset(0), Offset(6));
    ASSERT_FALSE(aborted) << "none would show records that were rolled back";
    EXPECT_EQ(aborted.error().code(), Errc::kCorrupt);
    EXPECT_THAT(aborted.error().message(), HasSubstr("00000000000000000002.txnindex"));
    EXPECT_THAT(aborted.error().message(), HasSubstr("has 0 of 2 entries"));
    EXPECT_TRUE(log->read(Offset(0), 1 << 20)) << "uncommitted reading goes on";
    const auto behind = log->aborted_transactions(Offset(5), Offset(6));
    EXPECT_TRUE(behind && behind->empty()) << "no later segment needs it";
  }
  expect_both(*open_store(options(directory_.path()))->find(kTp));
}

TEST_F(TransactionIndexDamage, what_a_damaged_log_does_not_tell_is_refused) {
  std::filesystem::remove(index(2));
  const auto log_file = directory_.path() / "t-0" / segment_file_name(Offset(2), ".log");
  {
    // In the first marker: from the log it would look as if producer 7 was still at it.
    std::fstream bytes(log_file, std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekp(kafka::batch_layout::kRecords);
    bytes.put('\x7f');
  }
  for (int start = 0; start < 2; ++start) {
    const auto store = open_store(options(directory_.path()));
    const auto aborted = store->find(kTp)->aborted_transactions(Offset(0), Offset(6));
    ASSERT_FALSE(aborted);
    EXPECT_EQ(aborted.error().code(), Errc::kCorrupt);
    EXPECT_THAT(aborted.error().message(), HasSubstr("could not be rebuilt"));
    ASSERT_TRUE(store->close());
  }
}

TEST_F(IndexDamage, a_damaged_snapshot_is_passed_over_and_the_producer_is_known_from_the_log) {
  write_store([](PartitionLog& log) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(
          append(log, make_batch({"v"}, {.producer_id = 5, .epoch = 0, .sequence = i})).ok());
    }
  });
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
    if (entry.path().extension() == ".snapshot") std::ofstream(entry.path()) << "rubbish";
  }
  // Without the recovery point, which has the same, the snapshots are what is looked at.
  std::filesystem::remove(directory_.path() / RecoveryPoint::kFileName);
  const auto store = open_store(options(directory_.path()));
  const auto log = store->find(kTp);
  ASSERT_TRUE(log);
  const auto again = append(*log, make_batch({"v"}, {.producer_id = 5, .epoch = 0, .sequence = 2}));
  EXPECT_EQ(again.status, AppendStatus::kDuplicate);
  EXPECT_EQ(again.base_offset, Offset(2));
}

}  // namespace
}  // namespace freshet::broker
