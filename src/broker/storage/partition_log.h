// One partition: an ordered, durable, append-only sequence of record batches in segment files.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/storage/append.h"
#include "broker/storage/open_transactions.h"
#include "kafka/group_consumer.h"
#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::broker {

class LogStoreCore;
struct PartitionState;

/// Longer than any log is kept, and short enough that sums with a time do not overflow.
inline constexpr std::chrono::milliseconds kForever{100L * 365 * 24 * 3600'000L};

/// Per-topic settings; names and defaults are Kafka's topic configs.
struct PartitionConfig {
  uint64_t segment_bytes = uint64_t{1} << 30;                     // segment.bytes
  std::chrono::milliseconds segment_age_max{7 * 24 * 3600'000L};  // segment.ms
  uint32_t index_interval_bytes = 4096;                           // index.interval.bytes
  /// retention.bytes and retention.ms; whole closed segments only. -1: keep for ever.
  int64_t retention_bytes = -1;
  int64_t retention_ms = -1;
  /// cleanup.policy has compact; see compaction.h for what the rest means.
  bool compact = false;
  double dirty_ratio_min = 0.5;                                // min.cleanable.dirty.ratio
  std::chrono::milliseconds compaction_lag_min{0};             // min.compaction.lag.ms
  std::chrono::milliseconds compaction_lag_max{kForever};      // max.compaction.lag.ms
  std::chrono::milliseconds delete_retention{24 * 3600'000L};  // delete.retention.ms
  friend bool operator==(const PartitionConfig&, const PartitionConfig&) = default;
};

struct TimestampOffset {
  int64_t timestamp_ms = -1;
  Offset offset = kNoOffset;
  int32_t leader_epoch = -1;
};

/// What a reader is given: everything, or only what is before the last stable offset. The batches
/// of rolled back transactions and the markers are given in either case; who reads committed
/// records leaves them out with the help of aborted_transactions().
enum class Isolation : uint8_t { kReadUncommitted, kReadCommitted };

struct LogRead {
  std::vector<kafka::LogSlice> slices;  // whole batches; empty at the end
  Offset next_offset;                   // one past the last offset in them; `from` when empty
  Offset log_start;
  Offset high_watermark;
};

/// A producer as DescribeProducers shows it.
struct ActiveProducer {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int32_t last_sequence = -1;
  int64_t last_append_ms = -1;
  bool ended_any = false;  // there is a marker of it
  Offset transaction_start = kNoOffset;
};

/// Reads and appends one partition. Made and owned by LogStore; hand it on as shared_ptr, but use
/// it no longer than the LogStore lives. Any thread may call any method; none but wait_past blocks
/// on anything but the disk's page cache.
///
/// Invariant: a segment never holds a byte that the write-ahead log has not made durable, so
/// high_watermark() = log end = one past the last durable offset, and what can be read survives.
/// Offsets come from the append order alone, never from a clock.
class PartitionLog : public std::enable_shared_from_this<PartitionLog> {
 public:
  PartitionLog(LogStoreCore& core, std::unique_ptr<PartitionState> state);
  ~PartitionLog();
  PartitionLog(const PartitionLog&) = delete;
  PartitionLog& operator=(const PartitionLog&) = delete;

  [[nodiscard]] const TopicPartition& tp() const;
  [[nodiscard]] const TopicId& topic_id() const;
  [[nodiscard]] Offset log_start() const;
  [[nodiscard]] Offset high_watermark() const;
  /// min(high watermark, first offset of any open transaction).
  [[nodiscard]] Offset last_stable_offset() const;
  /// Where a reader of that isolation ends.
  [[nodiscard]] Offset end_offset(Isolation isolation) const {
    return isolation == Isolation::kReadCommitted ? last_stable_offset() : high_watermark();
  }
  /// When the first of the readable records from `offset` on was given to append(), before it was
  /// durable: if that is further back than is remembered (64 group commits), a later time; nullopt
  /// when none has come since the store was opened.
  [[nodiscard]] std::optional<SteadyTime> arrived_since(Offset offset) const;
  [[nodiscard]] int32_t leader_epoch() const;
  [[nodiscard]] uint64_t size_bytes() const;
  [[nodiscard]] size_t segment_count() const;
  [[nodiscard]] bool is_deleted() const;

  [[nodiscard]] PartitionConfig config() const;
  /// Holds from the next append on.
  void set_config(const PartitionConfig& config);

  /// Queues the batches; see AppendDone for what follows. Batches of one call become durable and
  /// visible together; appends to one partition keep the order of their calls.
  void append(AppendBatches batches, AppendDone done);

  /// Batches from the one that holds `from` on: about `bytes_max` in all but at least one batch if
  /// there is any, unless that one is larger than `first_batch_max`: then none, and it costs no
  /// look at its bytes. kOutOfRange when `from` is below the log start or above the high watermark.
  /// kCorrupt when the segment is damaged there: names file, byte and the offsets lost.
  [[nodiscard]] Result<LogRead> read(Offset from, size_t bytes_max,
                                     Isolation isolation = Isolation::kReadUncommitted,
                                     size_t first_batch_max = SIZE_MAX) const;
  /// The rolled back transactions with records in [from, to); `to` is at most the last stable
  /// offset.
  [[nodiscard]] Result<std::vector<AbortedTransaction>> aborted_transactions(Offset from,
                                                                             Offset to) const;
  /// Whoever has written with a producer id, by id.
  [[nodiscard]] std::vector<ActiveProducer> active_producers() const;
  /// From now on this producer's next transactional batch may begin a transaction here. The marker
  /// that ends one takes it back. Not durable: the transaction coordinator knows.
  void allow_transaction(int64_t producer_id, int16_t producer_epoch);
  /// The newest batches that end before `before` (kNoOffset: the end), newest batch first, one
  /// batch per slice, about `bytes_max` in all but at least one; empty at the start of the log.
  [[nodiscard]] Result<std::vector<kafka::LogSlice>> read_backwards(Offset before,
                                                                    size_t bytes_max) const;

  /// The first record whose timestamp is >= `timestamp_ms`, inside its batch too, compressed or
  /// not; nullopt when there is none.
  [[nodiscard]] Result<std::optional<TimestampOffset>> find_by_time(int64_t timestamp_ms) const;
  /// The record with the largest timestamp (ListOffsets -3); nullopt in an empty log.
  [[nodiscard]] Result<std::optional<TimestampOffset>> max_timestamp() const;

  /// One past the last offset written under `epoch` or an older one (OffsetForLeaderEpoch), with
  /// the largest such epoch. Both -1 when `epoch` is newer than any known.
  [[nodiscard]] std::pair<int32_t, Offset> end_of_epoch(int32_t epoch) const;

  /// Calls `ready` once, on the commit thread, as soon as end_offset() is above `offset` or the
  /// partition is deleted; at once, on this thread, when that holds already (returns 0 then). Be
  /// brief in it. Returns an id for cancel_wait.
  uint64_t when_past(Offset offset, std::move_only_function<void()> ready,
                     Isolation isolation = Isolation::kReadUncommitted);
  /// True if `ready` had not been called and now never will be.
  bool cancel_wait(uint64_t id);
  /// Blocks a plain thread until end_offset() is above `offset` (true) or the deadline.
  [[nodiscard]] bool wait_past(Offset offset, std::chrono::steady_clock::time_point deadline,
                               Isolation isolation = Isolation::kReadUncommitted);

  /// Deletes whole segments that lie before `offset` and moves the log start to it; durable before
  /// `done`. An offset below the log start changes nothing.
  void delete_before(Offset offset, std::move_only_function<void(Result<Offset>)> done);
  /// Closes the active segment, in append order, if it holds anything; then calls `done`.
  void roll(std::move_only_function<void(Result<void>)> done);

  /// For the storage module only.
  [[nodiscard]] PartitionState& state() const { return *state_; }

 private:
  [[nodiscard]] Result<void> check_bounds(Offset from) const;

  LogStoreCore& core_;
  const std::unique_ptr<PartitionState> state_;
};

using PartitionLogPtr = std::shared_ptr<PartitionLog>;

/// One append of several that go together (LogStore::append_together).
struct PartitionAppend {
  PartitionLogPtr log;
  AppendBatches batches;
  AppendDone done;
};

}  // namespace freshet::broker
