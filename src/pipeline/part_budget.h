// How many ranges a second a pipeline may cut only because of their age (`flush.after`). Each costs
// the destination at least one part, whatever is in it: a hundred quiet partitions flushed every
// 100 ms are a thousand parts a second, which no merge keeps up with.
//
// A full range is neither counted nor put off. One that is due by age waits until the budget has
// room and grows meanwhile; who has waited longest goes first, so with N partitions in step
// `flush.after` stretches to N / rate for all of them, and not at all while N / after is below the
// rate: a few busy partitions never notice the budget.
//
// At most rate * t + burst ranges in any time t, where burst is what the rate allows in
// kBurstSeconds: partitions that fill up at the same moment are cut at the same moment.
//
// Thread: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "base/clock.h"

namespace freshet::pipeline {

class PartBudget {
 public:
  static constexpr double kBurstSeconds = 0.5;

  /// `per_second` > 0. `clock` outlives the budget.
  PartBudget(double per_second, const Clock& clock)
      : each_(
            std::max(SteadyTime::duration(1), std::chrono::duration_cast<SteadyTime::duration>(
                                                  std::chrono::duration<double>(1 / per_second)))),
        burst_(std::max(each_, std::chrono::duration_cast<SteadyTime::duration>(
                                   std::chrono::duration<double>(kBurstSeconds)))),
        clock_(clock) {}

  /// From when on there is room.
  [[nodiscard]] SteadyTime free_at() const { return free_at_.load(std::memory_order_acquire); }
  /// Takes room for one range. False: there is none now.
  [[nodiscard]] bool try_take() {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady();
    if (now < free_at_.load()) return false;
    booked_until_ = std::max(booked_until_, now) + each_;
    // A burst that is no whole number of ranges ends with the last that fits wholly.
    free_at_ = booked_until_ + each_ - burst_;
    return true;
  }

 private:
  const SteadyTime::duration each_;
  const SteadyTime::duration burst_;
  const Clock& clock_;
  std::atomic<SteadyTime> free_at_{SteadyTime::min()};
  std::mutex mutex_;
  SteadyTime booked_until_ = SteadyTime::min();  // guarded by mutex_
};

}  // namespace freshet::pipeline
