// Compaction of one partition (cleanup.policy=compact): what is due, and doing it.
//
// The log is [clean | dirty | not to be touched yet]. Clean is what an earlier compaction has seen;
// the third part is the active segment, whatever lies at or behind the last stable offset, and
// what is younger than min.compaction.lag.ms. A compaction learns the newest offset of each key in
// the dirty part and rewrites both parts without the records that a newer one replaces.
//
// What stays, beside the newest record of each key:
//   - every offset is where it was; the last batch of each rewritten run of segments stays, without
//     records if need be, so that a segment still ends where the next begins
//   - a tombstone (no value), for delete.retention.ms after the first compaction that met it; until
//     then readers that come late learn of the deletion. The time stands in its batch
//   - the last batch of each producer that is not forgotten yet, without records if need be, so
//   that
//     its sequence can still be found out from the log
//   - the marker of a transaction as long as anything of it stays, and then as long as a tombstone
// Records of transactions that were rolled back go, and so do records without a key.
//
// Readers are not disturbed: they hold the old segments, whose files go when the last one is done.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "broker/storage/compacted_batch.h"
#include "broker/storage/key_offset_map.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/transaction_filter.h"

namespace freshet::broker {

struct CompactionPlan {
  SegmentList segments;  // of the clean and the dirty part, in order
  Offset dirty_from;     // the dirty part, which ends where a segment ends
  Offset end;
  uint64_t bytes = 0;
  uint64_t dirty_bytes = 0;
};

/// nullopt: the partition is not compacted, or there is not enough to do yet: the dirty share is
/// not over min.cleanable.dirty.ratio, and nothing dirty is older than max.compaction.lag.ms.
[[nodiscard]] std::optional<CompactionPlan> plan_compaction(const PartitionState& partition,
                                                            int64_t now_ms);

struct CompactionOutcome {
  Offset clean_to;  // everything before it is clean now
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
};

/// One compaction; run() once, on a thread of its own while everything else goes on. The segments
/// of the plan must be synced, and pinned (PartitionState::pinned) until it has ended.
class Compaction {
 public:
  struct Options {
    int64_t now_ms = 0;
    size_t map_bytes_max = 0;         // more keys than fit: the rest of the dirty part stays dirty
    std::function<bool()> cancelled;  // asked now and then
  };
  Compaction(PartitionState& partition, CompactionPlan plan, Options options,
             std::vector<AbortedTransaction> aborted);

  /// kCancelled: asked to stop, or the partition is deleted; what was swapped in stays. kCorrupt: a
  /// damaged batch; nothing behind it was touched. swap_broken() says whether the directory was
  /// left in the middle of a swap.
  Result<CompactionOutcome> run();
  [[nodiscard]] bool swap_broken() const { return swap_broken_; }

 private:
  class Output;
  using Group = std::span<const SegmentPtr>;
  using BatchVisitor = std::function<Result<bool>(kafka::RecordBatchView)>;

  void learn_live_producers();
  Result<void> learn_keys();
  Result<bool> learn_batch(kafka::RecordBatchView batch, TransactionFilter& filter);
  Result<void> walk(const Segment& segment, const BatchVisitor& visit) const;
  [[nodiscard]] Group next_group(size_t first) const;
  Result<void> rewrite(Group group, Offset group_end, TransactionFilter& filter);
  Result<void> rewrite_batch(kafka::RecordBatchView batch, Offset group_end,
                             TransactionFilter& filter, Output& output);
  Result<CompactedBatch> decide(kafka::RecordBatchView batch, TransactionFilter& filter,
                                std::string& fewer);
  [[nodiscard]] bool keeps(const RecordView& record, bool horizon_passed) const;
  Result<void> replace(Group group, const Segment& cleaned);

  PartitionState& partition_;
  const CompactionPlan plan_;
  const Options options_;
  const std::vector<AbortedTransaction> aborted_;
  const PartitionConfig config_;
  KeyOffsetMap keys_;
  Offset mapped_to_;
  std::set<std::pair<int64_t, Offset>> last_of_producers_;  // id, last offset
  std::string scratch_;
  CompactionOutcome outcome_;
  bool swap_broken_ = false;
};

}  // namespace freshet::broker
