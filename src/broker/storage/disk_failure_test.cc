// Full and broken disks: a clear refusal, reads go on, nothing acknowledged is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/storage/failing_disk.h"
#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

using ::testing::HasSubstr;

const TopicPartition kTp{.topic = "events", .partition = 0};

class DiskFailure : public ::testing::Test {
 protected:
  LogStoreOptions options() {
    auto options = small_options(directory_.path());
    options.disk = &disk_;
    return options;
  }
  static FailingDisk::Fault fail_on(DiskCall on, const std::string& extension, Errc code) {
    return [=](DiskCall call, const std::filesystem::path& path) -> Result<void> {
      if (call != on || path.extension() != extension) return {};
      return fail(code, "write {}: injected", path.native());
    };
  }
  TemporaryDirectory directory_;
  FailingDisk disk_;
};

TEST_F(DiskFailure, too_little_space_refuses_before_anything_is_written) {
  auto opts = options();
  opts.free_bytes_min = 1'000'000;
  const auto store = open_store(opts);
  const auto log = create_partition(*store, kTp);
  ASSERT_TRUE(append(*log, make_batch({"before"})).ok());
  disk_.set_free_bytes(999'999);
  const auto refused = append(*log, make_batch({"full"}));
  EXPECT_EQ(refused.status, AppendStatus::kNoSpace);
  EXPECT_THAT(refused.message, HasSubstr("999999 bytes free"));
  EXPECT_EQ(read_all(*log).size(), 1U);
  disk_.set_free_bytes(10'000'000);
  EXPECT_EQ(append(*log, make_batch({"after"})).base_offset, Offset(1));
}

TEST_F(DiskFailure, segment_that_cannot_grow_holds_the_append_until_there_is_space) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  ASSERT_TRUE(append(*log, make_batch({"before"})).ok());
  disk_.set_fault(fail_on(DiskCall::kWrite, ".log", Errc::kNoSpace));
  std::promise<AppendResult> promise;
  auto held = promise.get_future();
  log->append(AppendBatches::from_string(make_batch({"held"})),
              [&](AppendResult r) { promise.set_value(std::move(r)); });
  // New appends are refused as soon as the store has noticed.
  AppendStatus status = AppendStatus::kAppended;
  std::vector<std::promise<AppendResult>> others(2'000);
  size_t queued = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (status != AppendStatus::kNoSpace && queued < others.size() &&
         std::chrono::steady_clock::now() < deadline) {
    auto& other = others[queued++];
    auto result = other.get_future();
    log->append(AppendBatches::from_string(make_batch({"other"})),
                [&other](AppendResult r) { other.set_value(std::move(r)); });
    if (result.wait_for(std::chrono::milliseconds(20)) == std::future_status::ready) {
      const auto got = result.get();
      status = got.status;
      EXPECT_THAT(got.message, HasSubstr("refused until space is freed"));
    }
  }
  EXPECT_EQ(status, AppendStatus::kNoSpace);
  EXPECT_EQ(read_all(*log).size(), 1U);
  disk_.set_fault(nullptr);
  EXPECT_TRUE(held.get().ok());
  EXPECT_TRUE(append(*log, make_batch({"after"})).ok());
  EXPECT_EQ(read_all(*log).at(1), "held");
}

TEST_F(DiskFailure, broken_write_ahead_log_stops_appends_but_not_reads) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, kTp);
    ASSERT_TRUE(append(*log, make_batch({"before"})).ok());
    disk_.set_fault(fail_on(DiskCall::kSync, ".wal", Errc::kIo));
    EXPECT_EQ(append(*log, make_batch({"lost?"})).status, AppendStatus::kFailed);
    disk_.set_fault(nullptr);
    const auto refused = append(*log, make_batch({"no"}));
    EXPECT_EQ(refused.status, AppendStatus::kFailed);
    EXPECT_THAT(refused.message, HasSubstr("until the next start"));
    EXPECT_EQ(read_all(*log).size(), 1U);
    EXPECT_FALSE(store->close());
  }
  const auto store = open_store(options());
  EXPECT_EQ(read_all(*store->find(kTp)).at(0), "before");
}

TEST_F(DiskFailure, failed_sync_of_a_segment_keeps_the_write_ahead_log) {
  {
    const auto store = open_store(options());
    const auto log = create_partition(*store, kTp);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(append(*log, make_batch({std::to_string(i)})).ok());
    disk_.set_fault(fail_on(DiskCall::kSync, ".log", Errc::kIo));
    EXPECT_FALSE(store->checkpoint());
    disk_.set_fault(nullptr);
    EXPECT_FALSE(store->checkpoint());
    EXPECT_EQ(append(*log, make_batch({"no"})).status, AppendStatus::kFailed);
    // As if the kernel had dropped the pages whose sync failed.
    std::filesystem::resize_file(directory_.path() / "events-0" / "00000000000000000000.log", 100);
  }
  const auto store = open_store(options());
  EXPECT_EQ(read_all(*store->find(kTp)).size(), 10U);
}

TEST_F(DiskFailure, no_room_for_another_write_ahead_log_file_is_no_space) {
  const auto store = open_store(options());
  const auto log = create_partition(*store, kTp);
  disk_.set_fault(fail_on(DiskCall::kWrite, ".wal", Errc::kNoSpace));
  std::promise<AppendResult> promise;
  auto held = promise.get_future();
  log->append(AppendBatches::from_string(make_batch({"held"})),
              [&](AppendResult r) { promise.set_value(std::move(r)); });
  EXPECT_EQ(held.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  disk_.set_fault(nullptr);
  EXPECT_TRUE(held.get().ok());
}

}  // namespace
}  // namespace freshet::broker
