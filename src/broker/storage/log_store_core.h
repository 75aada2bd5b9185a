// The inside of LogStore: the queue, the commit thread and the table of partitions.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "broker/storage/apply_stage.h"
#include "broker/storage/checkpointer.h"
#include "broker/storage/compactor.h"
#include "broker/storage/log_store.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/storage_probe.h"
#include "broker/storage/wal_files.h"
#include "broker/storage/wal_writer.h"

namespace freshet::broker {

/// Life of an append: append() queues it; the commit thread takes all that is queued, gives each
/// batch its offset in queue order, writes them to the write-ahead log and syncs once; then the
/// apply stage writes them to their segments through the page cache, moves the high watermarks,
/// wakes waiting readers and completes the callers, while the commit thread goes on with the next
/// group. Everything else that changes the store goes through the same queue, and runs on the
/// commit thread once the groups before it are applied. So does the switch to the next file of the
/// write-ahead log: what a checkpoint frees has been applied.
class LogStoreCore {
 public:
  struct Append {
    PartitionLogPtr log;
    AppendBatches batches;
    AppendDone done;
    SteadyTime queued;
    size_t together = 1;  // with how many of the following (itself counts) it must be committed
  };
  struct Create {
    std::vector<PartitionSpec> specs;
    LogStore::CreateDone done;
  };
  struct Delete {
    std::vector<TopicPartition> tps;
    LogStore::DeleteDone done;
  };
  struct MoveLogStart {
    PartitionLogPtr log;
    Offset to;
    std::move_only_function<void(Result<Offset>)> done;
  };
  struct Roll {
    PartitionLogPtr log;
    std::move_only_function<void(Result<void>)> done;
  };
  using Command = std::variant<Append, Create, Delete, MoveLogStart, Roll>;

  explicit LogStoreCore(LogStoreOptions options);
  ~LogStoreCore();
  LogStoreCore(const LogStoreCore&) = delete;
  LogStoreCore& operator=(const LogStoreCore&) = delete;

  Result<void> start();
  Result<void> close();

  void append(PartitionLogPtr log, AppendBatches batches, AppendDone done);
  void append_together(std::vector<PartitionAppend> appends);
  void enqueue(Command command);

  [[nodiscard]] PartitionLogPtr find(const TopicPartition& tp) const;
  [[nodiscard]] std::vector<PartitionLogPtr> partitions() const;
  [[nodiscard]] int32_t leader_epoch() const { return leader_epoch_; }
  [[nodiscard]] bool has_room() const;
  void on_room(std::move_only_function<void()> ready);
  Result<void> checkpoint() { return checkpointer_.run(/*clean_shutdown=*/false); }
  void apply_retention();
  void compact(const std::function<bool()>& cancelled);

 private:
  // The batches of one partition in the group that is being committed.
  struct GroupPart {
    PartitionLogPtr log;
    std::vector<kafka::RecordBatchView> batches;
    size_t applied = 0;
    SteadyTime arrived;  // the first append
  };
  struct GroupAppend {
    Append append;
    AppendResult result;
  };
  struct Group {
    std::vector<GroupAppend> appends;
    std::vector<GroupPart> parts;
    uint64_t bytes = 0;
    int64_t now_ms = 0;  // wall clock
    SteadyTime started;
  };

  void loop();
  void stop_threads();
  void process(std::deque<Command> commands);
  void commit_group(std::vector<Append> appends);
  AppendResult admit(Group& group, const Append& append, int64_t now_ms);
  void enter(Group& group, const Append& append, std::span<const kafka::RecordBatchView> batches,
             int64_t now_ms);
  static std::optional<AppendResult> check_transaction(
      const PartitionState& partition, const std::vector<kafka::RecordBatchView>& batches);
  static void note_transaction(PartitionState& partition, kafka::RecordBatchView batch);
  static std::optional<AppendResult> check_sequence(
      const PartitionState& partition, const std::vector<kafka::RecordBatchView>& batches);
  void finish(Group& group, Result<void> durable);
  Result<void> apply(Group& group);
  void complete(Group& group);
  void run(Create command);
  void run(Delete command);
  void run(MoveLogStart command);
  void run(Roll command);
  void drop_old_segments(const PartitionLogPtr& log, int64_t now_ms);
  Result<std::vector<PartitionLogPtr>> create(std::vector<PartitionSpec>& specs);
  Result<PartitionLogPtr> make_partition(const PartitionSpec& spec);
  Result<void> commit_wal();
  template <class Step>
  Result<void> retry_while_full(Step step);
  [[nodiscard]] std::optional<AppendResult> refusal() const;
  void fail_store(const Error& error);
  void release_room(size_t bytes);
  static void refuse(Command& command, const Error& error);

  // Constant after construction.
  const LogStoreOptions options_;
  Disk& disk_;
  Clock& clock_;
  StorageProbe probe_;

  WalFiles wal_files_;
  Checkpointer checkpointer_;
  Compactor compactor_;
  WalWriter wal_;              // owned by the commit thread
  ApplyStage stage_;           // given work by the commit thread
  bool apply_failed_ = false;  // owned by the stage's works
  std::atomic<int32_t> leader_epoch_{0};

  mutable std::mutex partitions_mutex_;  // guards what follows
  std::map<TopicPartition, PartitionLogPtr> partitions_;

  mutable std::mutex queue_mutex_;  // guards what follows
  std::condition_variable queue_changed_;
  std::condition_variable stopping_changed_;
  std::deque<Command> queue_;
  size_t queued_bytes_ = 0;  // until their callers are completed
  std::vector<std::move_only_function<void()>> room_waiters_;
  bool stopping_ = false;
  bool abandon_ = false;            // stop without completing what is queued
  std::optional<Error> failure_;    // nothing may be appended until the next start
  std::optional<Error> disk_full_;  // appends are refused until the disk has room again

  std::thread thread_;
};

}  // namespace freshet::broker
