// Makes segments durable behind the write-ahead log, and gives its files back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "broker/storage/partition_log.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/recovery_point.h"
#include "broker/storage/wal_files.h"
#include "broker/storage/wal_replay.h"

namespace freshet::broker {

/// Owns the thread log.checkpoint. A checkpoint syncs what was written since the last one, writes
/// the recovery point, then frees the write-ahead log files before the one that was being written
/// when it began. It also readies the next file and removes what was deleted.
///
/// Any thread may call any method.
class Checkpointer {
 public:
  Checkpointer(Disk& disk, WalFiles& wal, std::filesystem::path directory);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  struct Hooks {
    std::function<std::vector<PartitionLogPtr>()> partitions;
    /// A sync has failed: what the segments hold is not known any more, appends must stop.
    std::function<void(const Error&)> fatal;
  };
  /// Writes `point` as the recovery point in force, then starts the thread. `wal_sequence` is the
  /// write-ahead log file that is being written. `recovered`: segments hold more than `point` says.
  Result<void> start(RecoveryPoint point, uint64_t wal_sequence, bool recovered, Hooks hooks);
  /// The write-ahead log goes on in file `sequence`; everything in older ones is in the segments.
  void wal_switched(uint64_t sequence);
  /// Readies one more file when there is none.
  void want_wal_file();
  /// Nothing else will ever have the name `path`.
  void remove_later(std::filesystem::path path);
  /// The files of segments that are in no list any more; they go with the partition if it is
  /// deleted first, for its directory's name may be another topic's then.
  void remove_later(const PartitionLogPtr& log, const SegmentList& gone);
  /// Runs a checkpoint on the calling thread; waits for one that is running.
  Result<void> run(bool clean_shutdown);
  void stop();

 private:
  void loop();
  Result<void> prepare_files();
  struct Part;
  struct Work;
  struct Removal {
    std::filesystem::path path;
    PartitionLogPtr of;  // nullptr: of none that is in use
  };
  Result<void> collect(Work& work);
  Result<void> sync(const Work& work);
  Result<void> sync(const Part& part);
  void remove_paths();

  Disk& disk_;
  WalFiles& wal_;
  const std::filesystem::path directory_;
  Hooks hooks_;
  std::atomic<uint64_t> wal_sequence_{0};

  std::mutex run_mutex_;  // one checkpoint at a time; guards what follows
  bool sync_failed_ = false;
  RecoveryPoint point_;
  std::map<PartitionKey, PartitionPoint> points_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool wanted_ = false;
  bool file_wanted_ = false;
  bool stopped_ = false;
  std::vector<Removal> to_remove_;

  std::thread thread_;
};

}  // namespace freshet::broker
