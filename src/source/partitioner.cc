#include "source/partitioner.h"

#include "base/endian.h"

namespace freshet::source {

uint32_t murmur2(std::string_view bytes) {
  constexpr uint32_t kSeed = 0x9747B28C;
  constexpr uint32_t kMultiplier = 0x5BD1E995;
  constexpr int kShift = 24;
  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes.size());
  while (bytes.size() >= 4) {
    auto word = load_le<uint32_t>(bytes.data());
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = hash * kMultiplier ^ word;
    bytes.remove_prefix(4);
  }
  if (!bytes.empty()) {
    for (size_t i = bytes.size(); i-- > 0;) {
      hash ^= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
    }
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

int32_t partition_of(std::optional<std::string_view> key, uint64_t number, int32_t partitions) {
  const auto count = static_cast<uint32_t>(partitions);
  if (!key) return static_cast<int32_t>(number % count);
  return static_cast<int32_t>((murmur2(*key) & 0x7FFFFFFF) % count);
}

}  // namespace freshet::source
