// Index files with bytes that are wrong: what is read is right, or refused with the file's name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

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

TEST_F(IndexDamage, rolled_back_records_are_told_right_or_not_at_all) {
  write_store([](PartitionLog& log) {
    for (int i = 0; i < 3; ++i) {
      const int64_t producer = 7 + i;
      log.allow_transaction(producer, 0);
      ASSERT_TRUE(append(log, make_batch({"gone"}, {.producer_id = producer,
                                                    .epoch = 0,
                                                    .sequence = 0,
                                                    .transactional = true}))
                      .ok());
      const kafka::TransactionMarker marker{
          .producer_id = producer, .producer_epoch = 0, .commit = false};
      ASSERT_TRUE(append(log, kafka::encode_marker(marker, 1'000)).ok());
    }
  });
  size_t refused = 0;
  for_each_damage(".txnindex", 0x11, [&](PartitionLog& log, size_t at) {
    const auto aborted = log.aborted_transactions(Offset(0), Offset(6));
    if (!aborted) {
      ++refused;
      EXPECT_EQ(aborted.error().code(), Errc::kCorrupt);
      EXPECT_THAT(aborted.error().message(), HasSubstr("00000000000000000000.txnindex"));
      EXPECT_THAT(aborted.error().message(), HasSubstr("from offset 0 to the end of its segment"));
    } else {
      // Only what no reader of the whole looks at: the last stable offset, which ends a search.
      ASSERT_EQ(aborted->size(), 3U) << "byte " << at;
      for (int64_t i = 0; i < 3; ++i) EXPECT_EQ((*aborted)[i].last_offset, Offset(2 * i + 1));
    }
    EXPECT_TRUE(log.read(Offset(0), 1 << 20)) << "uncommitted reading goes on";
  });
  EXPECT_GT(refused, 50U);
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
