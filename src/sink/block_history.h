// How many part-blocks can have landed in a table since a time: what decides whether a
// deduplication window can have forgotten a token.
//
// The engine numbers the part-blocks of a table in the order in which they begin to land, and a
// merged part keeps the numbers of what it holds. So "block n was there at time t", learned from a
// part's modification time or from looking at the table at t, says that at most newest - n blocks
// have landed after t. Merges make parts younger than their blocks, which is why what was learned
// before a merge is kept.
//
// Thread: one at a time. Pure. Memory: kPointsMax points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace freshet::sink {

class BlockHistory {
 public:
  static constexpr size_t kPointsMax = 512;

  /// Blocks up to `number` were there at `time_s` (Unix seconds).
  void saw(int64_t time_s, uint64_t number);

  /// At most so many blocks have landed at or after `time_s`, `newest` being the newest block of
  /// the table. Never too few, whatever was seen or not seen.
  [[nodiscard]] uint64_t landed_since(int64_t time_s, uint64_t newest) const;

 private:
  std::map<int64_t, uint64_t> newest_by_time_;  // both grow
};

}  // namespace freshet::sink
