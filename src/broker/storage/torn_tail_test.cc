// Files cut or damaged at every place: what is read is always a prefix, and damage is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "broker/storage/failing_disk.h"
#include "broker/storage/recovery_point.h"
#include "broker/storage/segment.h"
#include "broker/storage/storage_fixture.h"
#include "broker/storage/wal_format.h"
#include "io/file.h"

namespace freshet::broker {
namespace {

using ::testing::HasSubstr;

const TopicPartition kTp{.topic = "events", .partition = 0};
constexpr int kRecords = 6;

class TornTail : public ::testing::Test {
 protected:
  TornTail() { disk_.leave_out_syncs(); }
  LogStoreOptions options(const std::filesystem::path& root) {
    auto options = small_options(root);
    options.disk = &disk_;
    return options;
  }
  static std::string value(int64_t i) { return fmt::format("value {}", i); }

  std::filesystem::path segment(const std::filesystem::path& root) {
    return root / "events-0" / "00000000000000000000.log";
  }

  // A store as a SIGKILL leaves it.
  void write_store() {
    const auto store = open_store(options(directory_.path()));
    const auto log = create_partition(*store, kTp);
    for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(append(*log, make_batch({value(i)})).ok());
    batch_bytes_ = make_batch({value(0)}).size();
  }

  std::unique_ptr<TemporaryDirectory> copy() {
    auto to = std::make_unique<TemporaryDirectory>();
    std::filesystem::copy(directory_.path(), to->path(), std::filesystem::copy_options::recursive);
    return to;
  }

  // All that is there, checked to be a prefix of what was written.
  size_t prefix_length(const std::filesystem::path& root) {
    const auto store = open_store(options(root));
    const auto log = store ? store->find(kTp) : nullptr;
    if (!log) return 0;
    const auto values = read_all(*log);
    int64_t expected = 0;
    for (const auto& [offset, text] : values) {
      EXPECT_EQ(offset, expected);
      EXPECT_EQ(text, value(expected));
      ++expected;
    }
    EXPECT_EQ(log->high_watermark(), Offset(expected));
    EXPECT_EQ(append(*log, make_batch({"next"})).base_offset, Offset(expected));
    return values.size();
  }

  TemporaryDirectory directory_;
  FailingDisk disk_;
  size_t batch_bytes_ = 0;
};

TEST_F(TornTail, segment_cut_at_any_byte_is_refilled_from_the_write_ahead_log) {
  write_store();
  for (size_t size = (kRecords - 2) * batch_bytes_; size <= kRecords * batch_bytes_; ++size) {
    const auto torn = copy();
    std::filesystem::resize_file(segment(torn->path()), size);
    ASSERT_EQ(prefix_length(torn->path()), size_t{kRecords}) << size;
  }
}

TEST_F(TornTail, segment_cut_at_any_byte_without_anything_else_keeps_the_whole_batches) {
  write_store();
  for (size_t size = (kRecords - 2) * batch_bytes_; size <= kRecords * batch_bytes_; ++size) {
    const auto torn = copy();
    std::filesystem::remove_all(torn->path() / "wal");
    std::filesystem::remove(torn->path() / RecoveryPoint::kFileName);
    std::filesystem::resize_file(segment(torn->path()), size);
    ASSERT_EQ(prefix_length(torn->path()), size / batch_bytes_) << size;
  }
}

TEST_F(TornTail, write_ahead_log_torn_at_any_byte_keeps_the_whole_entries) {
  write_store();
  const size_t entry = kWalEntryHeaderBytes + batch_bytes_;
  const size_t first = kWalEntriesStart + kWalEntryHeaderBytes + kTp.topic.size();
  for (size_t at = first + (kRecords - 2) * entry; at <= first + kRecords * entry; ++at) {
    const auto torn = copy();
    std::filesystem::resize_file(segment(torn->path()), 0);
    for (const auto& file : std::filesystem::directory_iterator(torn->path() / "wal")) {
      const auto size = file.file_size();
      std::filesystem::resize_file(file.path(), at);
      std::filesystem::resize_file(file.path(), size);
    }
    // A cut that falls on zeros of the batch is no cut.
    const auto length = prefix_length(torn->path());
    ASSERT_GE(length, (at - first) / entry) << at;
    ASSERT_LE(length, (at - first + 16) / entry) << at;
  }
}

TEST_F(TornTail, damage_before_the_recovery_point_is_served_up_to_and_named) {
  {
    const auto store = open_store(options(directory_.path()));
    const auto log = create_partition(*store, kTp);
    for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(append(*log, make_batch({value(i)})).ok());
    ASSERT_TRUE(store->close());
  }
  const auto bytes = io::read_file(segment(directory_.path()), 1 << 20).value();
  const size_t batch_bytes = bytes.size() / kRecords;
  for (size_t i = 3 * batch_bytes; i < 4 * batch_bytes; ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    const auto copied = copy();
    const auto path = segment(copied->path());
    std::ofstream(path, std::ios::binary) << damaged;
    const auto store = open_store(options(copied->path()));
    const auto log = store->find(kTp);
    ASSERT_EQ(log->high_watermark(), Offset(kRecords));
    ASSERT_EQ(log->read(Offset(0), 1 << 20)->slices.at(0).bytes.size() >= 3 * batch_bytes, true);
    const auto in_damage = log->read(Offset(3), 1 << 20);
    const size_t in_batch = i - 3 * batch_bytes;
    // No checksum covers the leader epoch; a smaller base offset passes for a valid one.
    if (in_batch >= 12 && in_batch < 16) continue;
    if (in_batch >= kafka::batch_layout::kMagic) {
      ASSERT_FALSE(in_damage) << i;
      EXPECT_EQ(in_damage.error().code(), Errc::kCorrupt);
      EXPECT_THAT(in_damage.error().message(), HasSubstr(path.native()));
      EXPECT_THAT(in_damage.error().message(), HasSubstr(fmt::format("byte {}", 3 * batch_bytes)));
      EXPECT_THAT(in_damage.error().message(), HasSubstr("offset 3 to 3 are lost"));
      const auto behind = log->read(Offset(4), 1 << 20);
      ASSERT_TRUE(behind) << i << behind.error().message();
      EXPECT_EQ(kafka::RecordBatchView(behind->slices.at(0).bytes).base_offset(), Offset(4));
    }
    // Nothing was cut off.
    EXPECT_GE(std::filesystem::file_size(path), bytes.size());
    EXPECT_EQ(append(*log, make_batch({"next"})).base_offset, Offset(kRecords));
    ASSERT_TRUE(log->read(Offset(kRecords), 100));
  }
}

TEST_F(TornTail, damaged_recovery_point_costs_time_but_no_record) {
  write_store();
  const auto path = directory_.path() / RecoveryPoint::kFileName;
  std::ofstream(path, std::ios::binary) << "rubbish";
  EXPECT_EQ(prefix_length(directory_.path()), size_t{kRecords});
}

TEST_F(TornTail, segment_that_is_lost_leaves_its_place_empty) {
  constexpr int kLost = 2;  // where the lost segment begins
  const auto segment_of = [this](int64_t base) {
    return directory_.path() / "events-0" / segment_file_name(Offset(base), ".log");
  };
  {
    const auto store = open_store(options(directory_.path()));
    const auto log = create_partition(*store, kTp);
    for (int i = 0; i < kRecords; ++i) {
      if (i == kLost) {
        std::promise<void> rolled;
        log->roll([&](const Result<void>& done) {
          EXPECT_TRUE(done);
          rolled.set_value();
        });
        rolled.get_future().wait();
      }
      ASSERT_TRUE(append(*log, make_batch({value(i)})).ok());
    }
    ASSERT_TRUE(store->checkpoint());
  }
  ASSERT_TRUE(std::filesystem::remove(segment_of(kLost)));
  auto opts = options(directory_.path());
  // The age of the records is no reason to begin another segment.
  opts.default_config.segment_age_max = kForever;
  for (int life = 0; life < 3; ++life) {
    const auto store = open_store(opts);
    const auto log = store->find(kTp);
    EXPECT_EQ(append(*log, make_batch({"next"})).base_offset, Offset(kRecords + life));
    EXPECT_TRUE(std::filesystem::exists(segment_of(kRecords)));
    EXPECT_EQ(read_all(*log, Offset(kRecords)).size(), static_cast<size_t>(life) + 1);
    const auto lost = log->read(Offset(kLost), 1 << 20);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code(), Errc::kCorrupt);
    // Once with a checkpoint between, once without.
    if (life == 1) ASSERT_TRUE(store->checkpoint());
  }
}

TEST_F(TornTail, segment_that_lost_synced_bytes_gives_no_offset_twice) {
  {
    const auto store = open_store(options(directory_.path()));
    const auto log = create_partition(*store, kTp);
    for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(append(*log, make_batch({value(i)})).ok());
    ASSERT_TRUE(store->close());
  }
  const auto size = std::filesystem::file_size(segment(directory_.path()));
  std::filesystem::resize_file(segment(directory_.path()), size / 2 + 5);
  const auto store = open_store(options(directory_.path()));
  const auto log = store->find(kTp);
  EXPECT_EQ(log->high_watermark(), Offset(kRecords));
  EXPECT_EQ(append(*log, make_batch({"next"})).base_offset, Offset(kRecords));
  EXPECT_TRUE(log->read(Offset(0), 1 << 20));
  const auto lost = log->read(Offset(kRecords / 2), 1 << 20);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), Errc::kCorrupt);
  EXPECT_TRUE(log->read(Offset(kRecords), 1 << 20));
}

}  // namespace
}  // namespace freshet::broker
