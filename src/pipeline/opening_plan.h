// Decides, from what a group committed for a partition, how its new owner begins. Pure: the heart
// of recovery, told by tables in opening_plan_test.cc.
//
//   metadata      begins
//   ours          settles exactly the pending ranges, then goes on behind them
//   none, and never committed
//                 where the pipeline is to start, by default at the start of the log; refused if
//                 the table holds rows of this partition already: nobody can know whether they are
//                 the same records
//   absent, foreign, other version or corrupt, with a committed offset
//                 there, and every range up to the last row that the table holds is compared with
//                 the table before it is written; refused if the table cannot be asked
// Whatever cannot be true (a topic of another id, offsets beyond the end of the log) is refused
// with a sentence that says how to go on. A destination that holds nothing at all although the
// group has confirmed offsets is told of, not refused: all of them may have been rejects. Offsets
// that retention deleted are named, never guessed.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "model/offset.h"
#include "pipeline/commit_metadata.h"

namespace freshet::pipeline {

struct OpeningFacts {
  std::string group;
  std::string destination;  // "table a.b"
  uint64_t pipeline_hash = 0;
  kafka::AssignedPartition assigned;
  kafka::PartitionBounds bounds;
  /// Where a group without a position begins; kNoOffset: at the start of the log.
  Offset begin = kNoOffset;
  bool provable = false;  // the destination can say which offsets it holds
  /// One past the highest offset of this partition in the destination; kNoOffset: none. Only looked
  /// at if needs_table_end().
  Offset table_end = kNoOffset;
  bool table_empty = false;  // no row of whatever origin
};

struct OpeningPlan {
  Offset start;                     // of the group, for commit metadata
  Offset confirmed;                 // committed offset, or start
  Offset landed;                    // first offset that has to be written or settled
  Offset cut;                       // first offset of the next new range
  std::deque<OffsetRange> pending;  // to be settled, in order; the last ends before `cut`
  /// New ranges that begin below this are compared with the destination first.
  Offset doubt_until = kNoOffset;
  WallMillis intent_time{};
  std::optional<OffsetRange> deleted;  // retention was faster than this group
  bool deleted_in_doubt = false;       // and some of that had been begun
  std::vector<std::string> warnings;
};

[[nodiscard]] bool needs_table_end(const kafka::AssignedPartition& assigned);

/// kRefused: the pipeline must stop, the message says why and how to go on.
Result<OpeningPlan> plan_opening(const OpeningFacts& facts);

}  // namespace freshet::pipeline
