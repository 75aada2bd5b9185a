#include "sink/block_history.h"

#include <iterator>

namespace freshet::sink {

void BlockHistory::saw(int64_t time_s, uint64_t number) {
  const auto after = newest_by_time_.upper_bound(time_s);
  if (after != newest_by_time_.begin() && std::prev(after)->second >= number) return;
  const auto at = newest_by_time_.insert_or_assign(after, time_s, number);
  // A later time that knows no newer block says nothing any more.
  for (auto next = std::next(at); next != newest_by_time_.end() && next->second <= number;) {
    next = newest_by_time_.erase(next);
  }
  if (newest_by_time_.size() > kPointsMax) newest_by_time_.erase(newest_by_time_.begin());
}

uint64_t BlockHistory::landed_since(int64_t time_s, uint64_t newest) const {
  const auto not_before = newest_by_time_.lower_bound(time_s);
  if (not_before == newest_by_time_.begin()) return newest;
  const uint64_t before = std::prev(not_before)->second;
  return newest > before ? newest - before : 0;
}

}  // namespace freshet::sink
