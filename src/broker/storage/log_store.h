// All partitions of one node in one directory, and the durable path into them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/storage/partition_log.h"
#include "model/offset.h"
#include "model/topic_id.h"
#include "observe/metrics.h"

namespace freshet::broker {

class Disk;
class LogStoreCore;

inline constexpr uint64_t kWalFileBytesMin = 64 << 10;
inline constexpr uint32_t kWalFilesMin = 2;

struct LogStoreOptions {
  std::filesystem::path directory;                // made when missing
  uint64_t wal_file_bytes = uint64_t{128} << 20;  // of each write-ahead log file
  uint32_t wal_files_max = 8;                     // appends wait when all are in use
  size_t append_queue_bytes_max = size_t{64} << 20;
  uint64_t free_bytes_min = uint64_t{64} << 20;  // below it appends are refused as kNoSpace
  std::chrono::milliseconds producer_idle_max{24 * 3600'000L};  // producer.id.expiration.ms
  /// Of the keys that one compaction looks at; half as much again while it grows.
  size_t compaction_bytes_max = size_t{32} << 20;
  PartitionConfig default_config;
  Clock* clock = nullptr;             // nullptr: the system's
  Disk* disk = nullptr;               // nullptr: the real one; tests record and fail writes
  MetricRegistry* metrics = nullptr;  // nullptr: none
};

struct PartitionSpec {
  TopicPartition tp;
  TopicId topic_id;  // the same for all partitions of a topic; never used twice
  PartitionConfig config;
};

/// Opens, creates, deletes and appends to partitions. One per data directory; the caller holds the
/// io::DirectoryLock. Any thread may call any method; the ones without a callback that change
/// something block until it is durable.
///
/// Owns three threads. `log.commit` takes everything queued, writes it to the shared write-ahead
/// log and syncs once. What is durable then goes to the segments through the page cache, and its
/// callers are completed: on `log.commit` itself if it is little, else on `log.apply` beside the
/// next write and sync (apply_stage.h); one of the two works at a time, groups keep their order.
/// `log.checkpoint` syncs segments in the background and recycles write-ahead log files.
class LogStore {
 public:
  /// Recovers and returns ready to serve; says in the log what was cut off or found damaged.
  static Result<std::unique_ptr<LogStore>> open(LogStoreOptions options);
  /// Without close() it stops as a crash would: everything acknowledged is safe, the next open
  /// recovers.
  ~LogStore();
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  /// Completes what is queued, makes all segments durable and leaves the clean-shutdown marker.
  Result<void> close();

  [[nodiscard]] PartitionLogPtr find(const TopicPartition& tp) const;
  /// In order of topic and partition.
  [[nodiscard]] std::vector<PartitionLogPtr> partitions() const;
  /// Of this node's log; one more after each start that was not clean.
  [[nodiscard]] int32_t leader_epoch() const;

  using CreateDone = std::move_only_function<void(Result<std::vector<PartitionLogPtr>>)>;
  using DeleteDone = std::move_only_function<void(Result<void>)>;
  /// Creates all or none, durable before `done` (on the commit thread), whatever their number one
  /// sync. kAlreadyExists when one is there.
  void create_partitions(std::vector<PartitionSpec> specs, CreateDone done);
  Result<std::vector<PartitionLogPtr>> create_partitions(std::vector<PartitionSpec> specs);
  /// Deletes all that exist. Slices handed out stay readable; the files go in the background.
  void delete_partitions(std::vector<TopicPartition> tps, DeleteDone done);
  Result<void> delete_partitions(std::vector<TopicPartition> tps);

  /// Appends all in this order with one sync. Either every one of them is queued or all are refused
  /// with the same status, and after a crash any prefix of them is there, never another part. One
  /// that cannot be (kDeleted, kInvalidTxnState) is left out alone.
  void append_together(std::vector<PartitionAppend> appends);

  /// False: append() would answer kOverloaded now.
  [[nodiscard]] bool has_room() const;
  /// Calls `ready` once, as soon as the queue is at most half full; at once when it is already.
  void on_room(std::move_only_function<void()> ready);
  /// Blocks a plain thread until has_room() (true) or the deadline (false).
  [[nodiscard]] bool wait_for_room(std::chrono::steady_clock::time_point deadline);

  /// Makes every segment durable and recycles the write-ahead log now (also runs by itself whenever
  /// a write-ahead log file is full).
  Result<void> checkpoint();
  /// Deletes segments over their retention, the active one only when all of it is too old, and
  /// forgets idle producers; call it every few minutes.
  void apply_retention();
  /// Compacts the partitions that are due (compaction.h); call it every few seconds from a thread
  /// that may be busy for long. Ends soon after `cancelled`.
  void compact(const std::function<bool()>& cancelled);

 private:
  explicit LogStore(std::unique_ptr<LogStoreCore> core);
  std::unique_ptr<LogStoreCore> core_;
};

}  // namespace freshet::broker
