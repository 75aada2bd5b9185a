// How often the same warning or error is written, so that a trouble that lasts (a full disk, a
// broker that is away) fills neither the terminal nor the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace freshet {

/// A sentence is written ten times in ten seconds. Once it has come more often than that, it is
/// written once in ten seconds, with the count of what was held back, until it has come less often
/// for a window. Safe from any thread.
class RepeatLimit {
 public:
  static constexpr uint64_t kRepeatsMax = 10;
  static constexpr auto kWindow = std::chrono::seconds(10);

  /// nullopt: hold this one back. Else write it, and say that so many were held back before it.
  /// `key` tells sentences apart; `now` never goes back.
  std::optional<uint64_t> admit(std::string key, SteadyTime now);
  /// All sentences are new.
  void clear();

 private:
  struct Sentence {
    SteadyTime window_start;
    uint64_t seen = 0;
    uint64_t allowed = kRepeatsMax;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Sentence> sentences_;
};

}  // namespace freshet
