// Brings rows into the destination exactly once outside of the pipeline's own ranges: letters that
// are replayed, records that a repair puts back. Survives its death at any step.
//
//   step                      a crash after it leaves             the next mender
//   1 intent mark             the mark; the rows are absent       writes them (finish)
//   2 write, under the token  the mark; rows there or partly      asks, writes what is missing
//     of the mark's id
//   3 done mark               both marks                          nothing to do
//
// Rows that the destination refuses are found by halving: the refused intent is voided by a done
// mark without offsets (nothing of it has landed, check_divisible() confirms it), and each half has
// an id of its own.
//
// Invariant: no row is written that no durable intent names. Only one mender works on a pipeline at
// a time; its caller sees to that. The pipeline may run: a mender only touches offsets that the
// group has confirmed, and a pipeline never does again.
//
// Thread: blocks; one at a time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/column_batch.h"
#include "model/offset.h"
#include "model/reject.h"
#include "model/topic_id.h"
#include "pipeline/dead_letters.h"
#include "pipeline/mend_mark.h"
#include "pipeline/range_sink.h"

namespace freshet::pipeline {

class RowMender {
 public:
  /// Most rows of one intent.
  static constexpr size_t kRowsMax = 5000;

  struct Parts {
    std::string pipeline;
    std::string group;
    RangeSink& sink;
    DeadLetterQueue& letters;
    const Clock& clock;
  };
  struct Rows {
    TopicPartition tp;
    TopicId topic_id;
    const ColumnBatch& batch;
    std::span<const Offset> offsets;  // ascending, one per row
  };
  struct Outcome {
    std::vector<Offset> landed;
    std::vector<Reject> refused;  // by the destination; index is the row's
  };

  explicit RowMender(const Parts& parts) : parts_(parts) {}

  /// At most kRowsMax rows.
  Result<Outcome> land(MendMark::Kind kind, const Rows& rows);

  /// Completes what an intent without done mark has begun, with the rows that its offsets are now.
  /// `intended` is when the mark was written.
  Result<Outcome> finish(const MendMark& intent, WallMillis intended, const Rows& rows);

  /// Says that these rejected records are in the table, which is found out elsewhere.
  Result<void> mark_landed(const TopicPartition& tp, const TopicId& topic_id,
                           const std::vector<Offset>& offsets);

 private:
  [[nodiscard]] MendMark mark(MendMark::Kind kind, const Rows& rows) const;
  Result<void> land_part(MendMark::Kind kind, const Rows& rows, size_t first_row, Outcome& outcome);
  Result<void> write(const MendMark& intent, WallMillis intended, const Rows& rows,
                     size_t first_row, Outcome& outcome);
  Result<void> divide(MendMark::Kind kind, const Rows& rows, size_t first_row, const Error& why,
                      Outcome& outcome);

  const Parts parts_;
};

}  // namespace freshet::pipeline
