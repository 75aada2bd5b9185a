// The parts of one partition that the log store's threads share.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "broker/storage/arrival_times.h"
#include "broker/storage/leader_epochs.h"
#include "broker/storage/open_transactions.h"
#include "broker/storage/partition_log.h"
#include "broker/storage/producer_table.h"
#include "broker/storage/recovery_point.h"
#include "broker/storage/segment.h"

namespace freshet::broker {

using SegmentList = std::vector<SegmentPtr>;  // in offset order, never empty

/// "<topic>-<partition>", as Kafka names the directory.
[[nodiscard]] std::string partition_directory_name(const TopicPartition& tp);
/// The other way; nullopt when the name is not of that form.
[[nodiscard]] std::optional<TopicPartition> parse_partition_directory_name(std::string_view name);
/// Kafka's partition.metadata.
[[nodiscard]] std::string partition_metadata_text(const TopicId& id);
Result<TopicId> parse_partition_metadata(std::string_view text);

struct PartitionState {
  PartitionState(Disk& disk_in, TopicPartition tp_in, TopicId id, std::filesystem::path dir)
      : disk(disk_in), tp(std::move(tp_in)), topic_id(id), directory(std::move(dir)) {}

  // Constant after construction.
  Disk& disk;
  const TopicPartition tp;
  const TopicId topic_id;
  const std::filesystem::path directory;

  // Published by the commit thread and its apply stage, of which one works at a time.
  std::atomic<int64_t> log_start{0};
  std::atomic<int64_t> high_watermark{0};
  std::atomic<bool> deleted{false};
  // Published by the compacting thread: wall clock before which it leaves the partition alone.
  std::atomic<int64_t> compaction_not_before_ms{0};

  // Held while files of closed segments change their names, and while the directory does.
  std::mutex directory_mutex;
  // First offset of the oldest open transaction; INT64_MAX when none is open.
  std::atomic<int64_t> first_open_offset{INT64_MAX};
  // No marker that rolls a transaction back lies behind it; -1: there is none at all.
  std::atomic<int64_t> last_rollback{-1};

  // Owned by the commit thread (by recovery before it runs); active_since_ms by its apply stage.
  Offset next_offset{0};         // of the batch that is appended next, durable or not
  size_t group_part = SIZE_MAX;  // this partition's place in the group being built
  int64_t active_since_ms = -1;  // wall clock of the active segment's first append; -1 unknown
  std::set<int64_t>
      in_transaction;  // producers whose open transaction has an offset, durable or not

  mutable std::mutex mutex;  // guards what follows
  std::shared_ptr<const SegmentList> segments = std::make_shared<SegmentList>();
  PartitionConfig config;
  bool pinned = false;  // a compaction works on closed segments: none is taken out of the list
  Offset clean_to{0};   // what lies before it was compacted
  LeaderEpochs epochs;
  ProducerTable producers;
  OpenTransactions transactions;  // by durable batches
  // Producer id -> epoch: whose next transactional batch may begin a transaction here.
  std::map<int64_t, int16_t> may_begin;
  struct Waiter {
    Offset past;
    bool committed = false;  // waits for the last stable offset, not the high watermark
    std::move_only_function<void()> ready;
  };
  std::map<uint64_t, Waiter> waiters;
  uint64_t next_waiter = 1;
  std::vector<Offset> snapshots;  // of the .snapshot files there, oldest first
  ArrivalTimes arrivals;
  // What a checkpoint has to sync.
  bool dirty = false;
  bool dirty_directory = false;
  bool dirty_metadata = false;
  Offset sidecars_at = kNoOffset;  // high watermark at the last write_sidecars(), or at the open
  std::vector<SegmentPtr> dirty_segments;

  [[nodiscard]] std::shared_ptr<const SegmentList> segment_list() const {
    const std::lock_guard lock(mutex);
    return segments;
  }
  /// Under `mutex`.
  void mark_dirty(const SegmentPtr& segment);
  /// Under `mutex`: what is published now, with the index entries that go with it.
  [[nodiscard]] Result<PartitionPoint> point() const;
  [[nodiscard]] Offset last_stable_offset() const;
  /// Under `mutex` (or in recovery): follows the transactions; one that is rolled back enters the
  /// index of the segment that `batch` lies in.
  void note_transaction(const Segment& segment, kafka::RecordBatchView batch);
  /// Takes out the waiters whose offset has been passed, or all when deleted.
  [[nodiscard]] std::vector<std::move_only_function<void()>> ripe_waiters();
};

/// Writes batches, which are durable elsewhere and carry their offsets, to the partition's
/// segments, rolls where needed and publishes them. Commit thread only. Returns how many of
/// `batches` are done in `done`; after kNoSpace it may be called again with the rest.
Result<void> apply_batches(PartitionState& partition,
                           std::span<const kafka::RecordBatchView> batches, int64_t now_ms,
                           size_t& done);
/// Closes the active segment if it is not empty and begins the next one.
Result<void> roll_segment(PartitionState& partition);
/// Moves the log start and takes whole segments that lie before it out of the list, unless they are
/// pinned; the caller removes their files.
SegmentList advance_log_start(PartitionState& partition, Offset to);
/// Kafka's leader-epoch-checkpoint and <offset>.snapshot of the producers: for its tools, and the
/// snapshot (the two newest are kept) for when the recovery point is lost. Ours are in that.
Result<void> write_sidecars(PartitionState& partition);

}  // namespace freshet::broker
