// Durations counted in buckets about 3 % wide, from 1 µs to 12 days: quantiles without samples.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>

namespace freshet::pipeline {

/// Any thread; adding is one relaxed increment.
class LatencyHistogram {
 public:
  using Duration = std::chrono::duration<double, std::milli>;

  void add(std::chrono::microseconds value, uint64_t times = 1) {
    const int64_t us = value.count() < 0 ? 0 : value.count();
    buckets_[bucket_of(static_cast<uint64_t>(us))].fetch_add(times, std::memory_order_relaxed);
  }
  /// Upper end of the bucket that holds the q-quantile; 0 if nothing was added.
  [[nodiscard]] Duration quantile(double q) const {
    uint64_t total = 0;
    for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
    if (total == 0) return Duration(0);
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(total - 1));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i].load(std::memory_order_relaxed);
      if (seen > rank) return std::chrono::microseconds(upper_bound(i));
    }
    return std::chrono::microseconds(upper_bound(buckets_.size() - 1));
  }

 private:
  static constexpr unsigned kSubBits = 5;  // 32 buckets per power of two
  static constexpr uint64_t kSub = 1U << kSubBits;
  static constexpr size_t kBuckets = kSub * (41 - kSubBits);

  static size_t bucket_of(uint64_t us) {
    if (us < kSub) return us;
    const auto exponent = static_cast<unsigned>(std::bit_width(us)) - 1 - kSubBits;
    const size_t index = (exponent + 1) * kSub + ((us >> exponent) - kSub);
    return index < kBuckets ? index : kBuckets - 1;
  }
  static int64_t upper_bound(size_t index) {
    if (index < kSub) return static_cast<int64_t>(index);
    const auto exponent = index / kSub - 1;
    return static_cast<int64_t>(((index % kSub + kSub + 1) << exponent) - 1);
  }

  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
};

}  // namespace freshet::pipeline
