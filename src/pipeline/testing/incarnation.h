// One process of the crash model: every call that changes the MemoryWorld can be made to fail, to
// half-succeed, to kill the process before or after its effect, or to be overtaken by another
// process first.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>

#include "base/error.h"

namespace freshet::pipeline::testing {

/// What happens to one call that changes the world.
enum class Fate {
  kOk,
  kFailBefore,   // an error, nothing happened
  kFailAfter,    // an error, although it happened: a lost acknowledgement
  kHalf,         // an error, after half of the rows landed (writes; others as kFailAfter)
  kCrashBefore,  // the process is dead, nothing happened
  kCrashAfter,   // the process is dead, it happened
  kCrashHalf,
  kOvertaken,  // another process takes over and finishes, then the call goes on: a zombie
};

/// One process. All its calls go through act(), which numbers them.
struct Incarnation {
  std::function<Fate(int call, std::string_view what)> decide = [](int, std::string_view) {
    return Fate::kOk;
  };
  std::function<void()> overtake = [] {};
  int calls = 0;
  std::atomic<bool> dead = false;

  /// `effect(half)` changes the world.
  Result<void> act(std::string_view what, const std::function<Result<void>(bool half)>& effect) {
    if (dead) return fail(Errc::kCancelled, "the process is dead");
    const Fate fate = decide(++calls, what);
    switch (fate) {
      case Fate::kOk:
        return effect(false);
      case Fate::kFailBefore:
        return fail(Errc::kUnavailable, "{} failed", what);
      case Fate::kFailAfter:
      case Fate::kHalf:
        if (auto done = effect(fate == Fate::kHalf); !done) return done;
        return fail(Errc::kTimeout, "{}: acknowledgement lost", what);
      case Fate::kCrashBefore:
        dead = true;
        break;
      case Fate::kCrashAfter:
      case Fate::kCrashHalf:
        (void)effect(fate == Fate::kCrashHalf);
        dead = true;
        break;
      case Fate::kOvertaken:
        overtake();
        return effect(false);
    }
    return fail(Errc::kCancelled, "the process is dead");
  }
};

}  // namespace freshet::pipeline::testing
