// Time as a dependency: code asks a Clock, tests turn a ManualClock.
#pragma once

#include <atomic>
#include <chrono>

namespace freshet {

using Millis = std::chrono::milliseconds;
/// Milliseconds since the Unix epoch, UTC.
using WallMillis = std::chrono::time_point<std::chrono::system_clock, Millis>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Real users: SystemClock in the program, ManualClock in tests. Safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  /// May jump in either direction when somebody sets the machine's time.
  [[nodiscard]] virtual WallMillis wall() const = 0;
  /// Never goes back.
  [[nodiscard]] virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallMillis wall() const override {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  }
  [[nodiscard]] SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  /// One for the whole process; it has no state.
  static SystemClock& instance();
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallMillis start = WallMillis(Millis(1'700'000'000'000))) : wall_(start) {}
  [[nodiscard]] WallMillis wall() const override { return wall_.load(); }
  [[nodiscard]] SteadyTime steady() const override { return steady_.load(); }
  void advance(Millis by) {
    wall_ = wall_.load() + by;
    steady_ = steady_.load() + by;
  }
  /// Moves only the wall clock, as an operator or NTP would.
  void set_wall(WallMillis to) { wall_ = to; }

 private:
  std::atomic<WallMillis> wall_;
  std::atomic<SteadyTime> steady_{SteadyTime{}};
};

}  // namespace freshet
