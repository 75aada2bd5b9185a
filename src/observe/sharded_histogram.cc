#include "observe/sharded_histogram.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace freshet {
namespace {

// Threads take turns, so that the few that observe often do not share a shard.
size_t shard_of_this_thread(size_t shards) {
  static std::atomic<size_t> threads{0};
  thread_local const size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number % shards;
}

}  // namespace

ShardedHistogram::ShardedHistogram(std::vector<double> upper_bounds)
    : upper_bounds_(std::move(upper_bounds)) {
  const size_t lines = (upper_bounds_.size() + 1 + Line::kWords - 1) / Line::kWords;
  for (Shard& shard : shards_) shard.counts = std::make_unique<Line[]>(lines);
}

std::atomic<uint64_t>& ShardedHistogram::count_of(const Shard& shard, size_t bucket) {
  return shard.counts[bucket / Line::kWords].words[bucket % Line::kWords];
}

void ShardedHistogram::observe(double value) {
  Shard& shard = shards_[shard_of_this_thread(kShards)];
  const auto bucket =
      std::distance(upper_bounds_.begin(), std::ranges::lower_bound(upper_bounds_, value));
  count_of(shard, static_cast<size_t>(bucket)).fetch_add(1, std::memory_order_relaxed);
  shard.sum.fetch_add(value, std::memory_order_relaxed);
}

ShardedHistogram::Totals ShardedHistogram::totals() const {
  Totals totals;
  uint64_t below = 0;
  for (size_t bucket = 0; bucket <= upper_bounds_.size(); ++bucket) {
    for (const Shard& shard : shards_) {
      below += count_of(shard, bucket).load(std::memory_order_relaxed);
    }
    totals.cumulative.push_back(below);
  }
  for (const Shard& shard : shards_) totals.sum += shard.sum.load(std::memory_order_relaxed);
  return totals;
}

}  // namespace freshet
