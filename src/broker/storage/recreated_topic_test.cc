// A topic that goes and comes again under its name, while the checkpoint thread is still busy with
// the files of the one before: the new one keeps everything it acknowledged.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "broker/storage/failing_disk.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

const TopicPartition kTp{.topic = "events", .partition = 0};
const TopicPartition kOther{.topic = "other", .partition = 0};

/// Stops the first thread that comes, until it is let go.
class Gate {
 public:
  ~Gate() { let_go(); }
  void hold() {
    if (held_.exchange(true)) return;
    arrived_.set_value();
    open_.get_future().wait();
  }
  void await_arrival() {
    ASSERT_EQ(arrived_.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  }
  void let_go() {
    held_ = true;
    if (!gone_.exchange(true)) open_.set_value();
  }

 private:
  std::promise<void> arrived_;
  std::promise<void> open_;
  std::atomic<bool> held_ = false;
  std::atomic<bool> gone_ = false;
};

class RecreatedTopic : public ::testing::Test {
 protected:
  LogStoreOptions options() {
    auto options = small_options(directory_.path());
    options.disk = &disk_;
    return options;
  }
  std::filesystem::path file(const TopicPartition& tp, std::string_view extension) {
    return directory_.path() / partition_directory_name(tp) /
           segment_file_name(Offset(0), extension);
  }
  /// Holds the checkpoint thread up, and lets nothing be written in `unwritable`.
  FailingDisk::Fault fault(const std::filesystem::path& unwritable = {}) {
    return [this, unwritable](DiskCall call, const std::filesystem::path& path) -> Result<void> {
      if (call == DiskCall::kSync && path.extension() == ".log") gate_.hold();
      if (call == DiskCall::kWrite && path.parent_path() == unwritable) {
        return fail(Errc::kIo, "write {}: injected", path.native());
      }
      return {};
    };
  }
  /// A store whose checkpoint thread waits at the gate, inside the checkpoint after a SIGKILL.
  /// `kTp` has three segments in it.
  std::unique_ptr<LogStore> open_with_busy_checkpoint() {
    {
      const auto store = open_store(options());
      create_partition(*store, kOther, {}, 9);
      const auto log = create_partition(*store, kTp, {.segment_bytes = 500});
      for (int i = 0; i < 3; ++i) append(*log, make_batch({std::string(400, 'x')}));
      EXPECT_EQ(log->segment_count(), 3U);
    }
    disk_.set_fault(fault());
    auto store = open_store(options());
    gate_.await_arrival();
    return store;
  }
  /// What was to be removed before this call is gone on return.
  void let_go_and_await_removals(LogStore& store) {
    const auto id = store.find(kOther)->topic_id().to_string();
    EXPECT_TRUE(store.delete_partitions({kOther}));
    gate_.let_go();
    await_removal(directory_.path() / ("other-0." + id + "-delete"));
  }
  void expect_only_new(std::unique_ptr<LogStore> store) {
    EXPECT_TRUE(std::filesystem::exists(file(kTp, ".log")));
    EXPECT_TRUE(store->close());
    store.reset();
    store = open_store(options());
    const auto log = store->find(kTp);
    ASSERT_TRUE(log);
    EXPECT_EQ(log->topic_id(), topic_id(2));
    EXPECT_EQ(read_all(*log), (std::map<int64_t, std::string>{{0, "new"}}));
  }

  TemporaryDirectory directory_;
  FailingDisk disk_;
  Gate gate_;
};

TEST_F(RecreatedTopic, keeps_files_named_like_deleted_segments) {
  auto store = open_with_busy_checkpoint();
  std::promise<void> moved;
  store->find(kTp)->delete_before(Offset(2), [&](const Result<Offset>& done) {
    EXPECT_TRUE(done);
    moved.set_value();
  });
  moved.get_future().wait();
  ASSERT_TRUE(store->delete_partitions({kTp}));
  ASSERT_TRUE(append(*create_partition(*store, kTp, {}, 2), make_batch({"new"})).ok());
  let_go_and_await_removals(*store);
  expect_only_new(std::move(store));
}

TEST_F(RecreatedTopic, keeps_the_directory_of_a_creation_that_failed_before) {
  auto store = open_with_busy_checkpoint();
  ASSERT_TRUE(store->delete_partitions({kTp}));
  const TopicPartition second{.topic = kTp.topic, .partition = 1};
  disk_.set_fault(fault(directory_.path() / partition_directory_name(second)));
  ASSERT_FALSE(store->create_partitions(
      {{.tp = kTp, .topic_id = topic_id(3)}, {.tp = second, .topic_id = topic_id(3)}}));
  disk_.set_fault(fault());
  ASSERT_TRUE(append(*create_partition(*store, kTp, {}, 2), make_batch({"new"})).ok());
  let_go_and_await_removals(*store);
  expect_only_new(std::move(store));
}

// An index makes its file when a checkpoint first has an entry for it.
TEST_F(RecreatedTopic, gets_no_index_of_the_deleted_one) {
  auto store = open_store(options());
  const PartitionConfig config{.index_interval_bytes = 1};
  for (const auto& tp : {TopicPartition{.topic = "a", .partition = 0}, kTp}) {
    const auto log = create_partition(*store, tp, config);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(*log, make_batch({"old"})).ok());
  }
  disk_.set_fault([this](DiskCall call, const std::filesystem::path& path) -> Result<void> {
    if (call == DiskCall::kWrite && path.extension() == ".index") gate_.hold();
    return {};
  });
  std::thread checkpoint([&] { EXPECT_TRUE(store->checkpoint()); });
  gate_.await_arrival();
  ASSERT_TRUE(store->delete_partitions({kTp}));
  ASSERT_TRUE(append(*create_partition(*store, kTp, {}, 2), make_batch({"new"})).ok());
  gate_.let_go();
  checkpoint.join();
  EXPECT_FALSE(std::filesystem::exists(file(kTp, ".index")));
  expect_only_new(std::move(store));
}

}  // namespace
}  // namespace freshet::broker
