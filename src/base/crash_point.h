// Named places where a test can kill the process, to prove that what stands on disk is enough.
//
// FRESHET_CRASH_AT=after_intent:7 in the environment sends SIGKILL to the process when the point
// after_intent is passed for the 7th time (":n" defaults to 1). Costs one relaxed load otherwise.
// Points: before_intent after_intent mid_insert after_insert before_commit after_commit
// before_letter after_letter before_mend_intent after_mend_intent before_mend_done
// after_mend_done (pipeline),
// mid_append mid_append_torn mid_recovery mid_compaction (broker/storage; torn: half of the bytes
// are written), mid_growth (broker/topic_registry).
#pragma once

#include <atomic>
#include <string_view>

namespace freshet {

namespace detail {
extern std::atomic<bool> crash_points_armed;
void crash_point_reached(std::string_view name);
}  // namespace detail

inline void crash_point(std::string_view name) {
  if (detail::crash_points_armed.load(std::memory_order_relaxed)) [[unlikely]] {
    detail::crash_point_reached(name);
  }
}

}  // namespace freshet
