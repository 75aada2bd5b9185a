// Random numbers as a function of a counter: no state, so any number of the sequence at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshet::source {

/// The output step of SplitMix64 (Steele, Lea, Flood 2014): spreads each bit over all 64.
[[nodiscard]] constexpr uint64_t spread_bits(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// Numbers for one event: the same for the same seed and index, on every machine.
class CounterRandom {
 public:
  constexpr CounterRandom(uint64_t seed, uint64_t index)
      : state_(spread_bits(spread_bits(seed + kGamma) + index * kGamma)) {}

  constexpr uint64_t next() {
    state_ += kGamma;
    return spread_bits(state_);
  }
  /// Even over 0 .. bound - 1 (to within bound / 2^64).
  constexpr uint64_t below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(static_cast<Wide>(next()) * bound >> 64);
  }

 private:
  static constexpr uint64_t kGamma = 0x9E3779B97F4A7C15;
  uint64_t state_;
};

/// A choice among names by integer weights.
struct Weighted {
  const char* name;
  uint32_t weight;
};

template <size_t N>
constexpr size_t pick(const Weighted (&choices)[N], CounterRandom& random) {
  uint64_t total = 0;
  for (const auto& choice : choices) total += choice.weight;
  uint64_t at = random.below(total);
  size_t i = 0;
  while (at >= choices[i].weight) at -= choices[i++].weight;
  return i;
}

}  // namespace freshet::source
