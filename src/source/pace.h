// How many events may have been published by now, at a given rate.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace freshet::source {

/// Counts from a start, so that it is exact over time: what a stall holds back comes after it.
class Pace {
 public:
  Pace(std::optional<double> events_per_second, SteadyTime start)
      : rate_(events_per_second), start_(start) {}

  /// Events that are due at `now`, counted from the start.
  [[nodiscard]] uint64_t due(SteadyTime now) const {
    if (!rate_) return UINT64_MAX;
    const std::chrono::duration<double> elapsed = now - start_;
    return static_cast<uint64_t>(std::max(0.0, elapsed.count() * *rate_));
  }
  /// When event `number` (from 0) is due.
  [[nodiscard]] SteadyTime due_at(uint64_t number) const {
    if (!rate_) return start_;
    const std::chrono::duration<double> after(static_cast<double>(number + 1) / *rate_);
    return start_ + std::chrono::duration_cast<SteadyTime::duration>(after);
  }

 private:
  std::optional<double> rate_;
  SteadyTime start_;
};

}  // namespace freshet::source
