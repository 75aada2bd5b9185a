// Leaves a destination that is in trouble alone, and finds out when it is well again. One for each
// pipeline: a pipeline has one destination, and two that write into the same table must not hold
// each other up.
//
//   state      admits            leaves it
//   kClosed    every call        -> kOpen: at a standing trouble (trouble.h), or at
//   failures_to_open
//                                   failures with no success between them
//   kOpen      nobody            -> kHalfOpen: the pause is over and somebody asks to be admitted
//                                -> kClosed: a call that had been admitted before succeeds
//   kHalfOpen  nobody else: one  -> kClosed: the trial, or a call admitted before, succeeds
//              trial is made     -> kOpen: the trial fails; the next pause is twice as long
//                                -> kOpen, due at once: the trial ended without an answer of the
//                                   destination (its log failed, it had no rows, its owner went)
//
// Pauses: pause_first doubling to pause_max, the last half of each at random, so that those who met
// the same trouble do not come back together. The first opening begins with pause_first again.
//
// Invariants: at most one trial at a time; every Pass ends, so half-open never lasts longer than
// one call; nothing is ever given up, only put off. Nothing of it outlives the process: one that
// starts meets the trouble again with its first calls.
//
// Failure points: a trial that hangs keeps the breaker half-open as long as the call hangs (time-
// outs are the destination's); a call admitted before the opening may end at any time after it: its
// success is as good as a trial's, its failure changes only what is shown.
//
// Thread: any. Outlives its passes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "base/clock.h"
#include "pipeline/trouble.h"

namespace freshet::pipeline {

class CircuitBreaker {
 public:
  enum class State { kClosed, kHalfOpen, kOpen };
  struct Settings {
    uint32_t failures_to_open = 3;
    Millis pause_first{100};
    Millis pause_max{30'000};
    uint32_t seed = 1;  // of the random half of pauses
  };
  struct Status {
    State state = State::kClosed;
    uint32_t failures = 0;           // since the last success
    std::optional<Trouble> trouble;  // of the last failure; none: it was followed by a success
    std::string error;               // likewise, in the destination's words
    std::optional<SteadyTime> next_trial;  // open: not before
    uint64_t times_opened = 0;
  };

  /// The right to call the destination once. Whoever holds it says how the call ended, or drops it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), trial_(other.trial_) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(trial_, other.trial_);
      return *this;
    }
    ~Pass() {
      if (owner_ != nullptr) owner_->dropped(trial_);
    }

   private:
    friend class CircuitBreaker;
    Pass(CircuitBreaker& owner, uint64_t trial) : owner_(&owner), trial_(trial) {}
    CircuitBreaker* owner_;
    uint64_t trial_;  // 0: not a trial
  };

  /// `clock` outlives the breaker.
  CircuitBreaker(const Settings& settings, const Clock& clock)
      : settings_(settings), clock_(clock), random_(settings.seed) {}

  /// When a call may be admitted: long ago if closed; SteadyTime::max() while a trial is made.
  [[nodiscard]] SteadyTime admits_at() const { return admits_at_.load(std::memory_order_acquire); }
  /// nullopt: not now.
  [[nodiscard]] std::optional<Pass> try_pass();
  /// The destination took rows, or said something about them: it works. True: that closed it.
  bool succeeded(Pass& pass);
  /// True: that opened it, or kept it open.
  bool failed(Pass& pass, Trouble trouble, std::string error);

  [[nodiscard]] Status status() const;

 private:
  void dropped(uint64_t trial);
  void open_locked(bool longer);

  const Settings settings_;
  const Clock& clock_;
  std::atomic<SteadyTime> admits_at_{SteadyTime{}};

  mutable std::mutex mutex_;  // guards what follows
  Status status_;
  uint64_t last_trial_ = 0;  // number of the trial that is made, or was made last
  uint32_t pauses_ = 0;      // since it was closed
  std::minstd_rand random_;
};

/// "closed", "half_open", "open"
[[nodiscard]] std::string_view breaker_state_name(CircuitBreaker::State state);

}  // namespace freshet::pipeline
