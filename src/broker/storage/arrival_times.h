// When the newest records of a partition came to its log.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "model/offset.h"

namespace freshet::broker {

/// Remembers, for the last kGroupsKept group commits of a partition, when the first of a group's
/// appends was queued: a record may have waited long for the disk before anybody could read it.
/// Not thread-safe.
class ArrivalTimes {
 public:
  static constexpr size_t kGroupsKept = 64;

  /// The records before `end` that no earlier call covers came at `arrived` or later.
  void note(Offset end, SteadyTime arrived) {
    groups_[next_] = {.end = end, .arrived = arrived};
    next_ = (next_ + 1) % kGroupsKept;
  }
  /// No record at `from` or behind it came earlier than this, as far as is remembered; nullopt
  /// when none is known to be there.
  [[nodiscard]] std::optional<SteadyTime> first_since(Offset from) const {
    for (size_t i = 0; i < kGroupsKept; ++i) {
      const Group& group = groups_[(next_ + i) % kGroupsKept];  // oldest first
      if (group.end > from) return group.arrived;
    }
    return std::nullopt;
  }

 private:
  struct Group {
    Offset end = kNoOffset;
    SteadyTime arrived;
  };
  std::array<Group, kGroupsKept> groups_{};
  size_t next_ = 0;
};

}  // namespace freshet::broker
