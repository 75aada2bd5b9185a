// The timestamps of a range's records in little memory: runs of equal milliseconds. Kept from
// reading until the range is visible, when each record's latency becomes known.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace freshet::pipeline {

class TimestampRuns {
 public:
  struct Run {
    int64_t timestamp_ms = 0;
    uint64_t records = 0;
  };

  void add(int64_t timestamp_ms) {
    newest_ms_ = std::max(newest_ms_, timestamp_ms);
    if (!runs_.empty() && runs_.back().timestamp_ms == timestamp_ms) {
      ++runs_.back().records;
      return;
    }
    if (runs_.size() == kRunsMax) halve();
    runs_.push_back({timestamp_ms, 1});
  }
  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }
  [[nodiscard]] bool empty() const { return runs_.empty(); }
  /// Of all records; meaningless when empty().
  [[nodiscard]] int64_t newest_ms() const { return newest_ms_; }

 private:
  static constexpr size_t kRunsMax = 4096;

  /// Joins neighbours under the older timestamp, so that latencies are never made smaller.
  void halve() {
    for (size_t i = 0; i < kRunsMax / 2; ++i) {
      const Run& a = runs_[2 * i];
      const Run& b = runs_[2 * i + 1];
      runs_[i] = {std::min(a.timestamp_ms, b.timestamp_ms), a.records + b.records};
    }
    runs_.resize(kRunsMax / 2);
  }

  std::vector<Run> runs_;
  int64_t newest_ms_ = std::numeric_limits<int64_t>::min();
};

}  // namespace freshet::pipeline
