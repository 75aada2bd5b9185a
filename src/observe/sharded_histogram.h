// A histogram that many threads observe at once without waiting for each other.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "observe/metrics.h"

namespace freshet {

/// Counts values in shards, one for a few threads each, that share no cache line: observe() is two
/// atomic additions, takes no lock and does not allocate. totals() adds the shards up. Any thread.
///
/// Invariant: no value is ever lost or counted twice. totals() while others observe may have a
/// value in its sum and not in its counts yet, or the other way round; the counts agree with each
/// other.
class ShardedHistogram final : public Histogram {
 public:
  /// `upper_bounds` grow; each belongs to its bucket.
  explicit ShardedHistogram(std::vector<double> upper_bounds);

  void observe(double value) override;

  struct Totals {
    std::vector<uint64_t> cumulative;  // values <= each bound, then all values
    double sum = 0;
  };
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] std::span<const double> upper_bounds() const { return upper_bounds_; }

 private:
  static constexpr size_t kShards = 4;
  static constexpr size_t kCacheLineBytes = 64;
  struct alignas(kCacheLineBytes) Line {
    static constexpr size_t kWords = kCacheLineBytes / sizeof(uint64_t);
    std::atomic<uint64_t> words[kWords] = {};
  };
  struct alignas(kCacheLineBytes) Shard {
    std::unique_ptr<Line[]> counts;  // one word a bucket
    std::atomic<double> sum{0};
  };

  [[nodiscard]] static std::atomic<uint64_t>& count_of(const Shard& shard, size_t bucket);

  const std::vector<double> upper_bounds_;
  Shard shards_[kShards];
};

}  // namespace freshet
