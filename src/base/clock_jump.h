// Notices that somebody set the wall clock back, by comparing it with the steady clock.
//
// Forward jumps are not told: a laptop that was asleep makes one every morning.
// Thread: one at a time. The clock outlives it.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace freshet {

class ClockJump {
 public:
  explicit ClockJump(const Clock& clock) : clock_(clock), lead_(lead()) {}

  /// By how much the wall clock was set back since this was asked last; zero if it was not. Less
  /// than a second waits until it has become one.
  Millis set_back() {
    constexpr Millis kLeast{1000};
    const Millis lead_now = lead();
    const Millis back = lead_ - lead_now;
    if (back > Millis(0) && back < kLeast) return Millis(0);
    lead_ = lead_now;
    return std::max(back, Millis(0));
  }

 private:
  [[nodiscard]] Millis lead() const {
    return std::chrono::floor<Millis>(clock_.wall().time_since_epoch() -
                                      clock_.steady().time_since_epoch());
  }

  const Clock& clock_;
  Millis lead_;  // of the wall clock over the steady one
};

}  // namespace freshet
