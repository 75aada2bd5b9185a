// Decides when a range is cut and where it ends. Pure: no clock, no I/O.
//
// A range names positions [first, last]; consecutive ranges tile a partition without a gap, so the
// offset after one range is always the first of the next, whatever compaction or control records
// left out.
//
// Where: at the end of a record batch. Batch headers alone then tell rows and bytes, no batch is
// read (or decompressed) twice, and a replay reads exactly the batches of the range. Only a batch
// that alone exceeds the limits is cut inside, after a record. Replays never cut: they take the
// range that the intent names, which may begin and end anywhere.
//
// When: as soon as rows or bytes are there (behind), else `after` the first record of the range
// came to the log, or became available if the log does not tell (in step). A writer that is still
// busy then lets the range grow, which is how ranges get larger when the destination is slow.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "model/offset.h"

namespace freshet::pipeline {

struct RangeLimits {
  /// The engine takes a block of at most 1,048,449 rows as one piece.
  static constexpr int64_t kRowsMax = 1'000'000;

  int64_t rows = 250'000;
  size_t bytes = size_t{64} << 20;  // of uncompressed batches
  std::chrono::milliseconds after{1000};
};

struct BatchExtent {
  Offset first;         // of what is wanted of the batch
  Offset last;          // of the batch, even if compaction took that record
  int64_t records = 0;  // at most that many
  size_t bytes = 0;     // uncompressed
};

/// Follows one range as it grows. One range per object.
class RangeCutter {
 public:
  RangeCutter(RangeLimits limits, Offset first) : limits_(limits), first_(first) {}

  struct Verdict {
    int64_t records = 0;  // how many of the batch belong to the range; 0: it ends before the batch
    bool whole = false;   // the batch's last position belongs to the range too
    bool full = false;    // nothing after this belongs to the range
  };
  /// About the next batch in offset order. Not to be called again once a verdict was full.
  Verdict offer(const BatchExtent& batch);

  [[nodiscard]] Offset first() const { return first_; }
  [[nodiscard]] int64_t records() const { return records_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  RangeLimits limits_;
  Offset first_;
  int64_t records_ = 0;
  size_t bytes_ = 0;
};

/// What is known of a partition without reading it.
struct Backlog {
  int64_t positions = 0;          // between the next range and the end of the log
  double bytes_per_position = 0;  // of earlier ranges; 0: unknown
  SteadyTime empty_at{};          // when there was last nothing to cut, as far as is known
};

/// Enough is there for a full range.
[[nodiscard]] bool is_behind(const RangeLimits& limits, const Backlog& backlog);

/// When the next range is to be cut; SteadyTime::max() if there is nothing.
[[nodiscard]] SteadyTime cut_due(const RangeLimits& limits, const Backlog& backlog);

}  // namespace freshet::pipeline
