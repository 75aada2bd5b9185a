#include "pipeline/range_cutter.h"

#include <algorithm>

#include "base/check.h"

namespace freshet::pipeline {

RangeCutter::Verdict RangeCutter::offer(const BatchExtent& batch) {
  FRESHET_CHECK_LE(first_, batch.first);
  const bool fits =
      records_ + batch.records <= limits_.rows && bytes_ + batch.bytes <= limits_.bytes;
  if (!fits && records_ > 0) return {.records = 0, .whole = false, .full = true};

  int64_t records = batch.records;
  if (!fits) {
    records = std::min(records, limits_.rows);
    if (batch.bytes > limits_.bytes) {
      const double share = static_cast<double>(limits_.bytes) / static_cast<double>(batch.bytes);
      const auto by_bytes = static_cast<int64_t>(static_cast<double>(batch.records) * share);
      records = std::clamp<int64_t>(by_bytes, 1, records);
    }
  }
  const bool whole = records == batch.records;
  records_ += records;
  bytes_ += batch.bytes;
  return {.records = records,
          .whole = whole,
          .full = !whole || records_ >= limits_.rows || bytes_ >= limits_.bytes};
}

bool is_behind(const RangeLimits& limits, const Backlog& backlog) {
  return backlog.positions >= limits.rows ||
         static_cast<double>(backlog.positions) * backlog.bytes_per_position >=
             static_cast<double>(limits.bytes);
}

SteadyTime cut_due(const RangeLimits& limits, const Backlog& backlog) {
  if (backlog.positions <= 0) return SteadyTime::max();
  if (is_behind(limits, backlog)) return backlog.empty_at;
  return backlog.empty_at + limits.after;
}

}  // namespace freshet::pipeline
