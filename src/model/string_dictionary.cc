#include "model/string_dictionary.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <random>

namespace freshet {
namespace {

constexpr size_t kFirstSlots = 64;

// Values come from outside; a seed of the process's own keeps anyone from preparing collisions.
const uint64_t kSeed = [] {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) | 1;
}();

inline uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t load(const char* from, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

inline uint64_t hash_of(std::string_view value) {
  constexpr uint64_t kA = 0x9E3779B97F4A7C15;
  constexpr uint64_t kB = 0xD6E8FEB86659FD93;
  const char* at = value.data();
  size_t left = value.size();
  uint64_t state = kSeed ^ (left * kB);
  while (left > 16) {
    state = mix(load(at, 8) ^ state, load(at + 8, 8) ^ kA);
    at += 16;
    left -= 16;
  }
  uint64_t low = 0;
  uint64_t high = 0;
  if (left >= 8) {
    low = load(at, 8);
    high = load(at + left - 8, 8);
  } else if (left >= 4) {
    low = load(at, 4);
    high = load(at + left - 4, 4);
  } else if (left > 0) {
    low = static_cast<uint8_t>(at[0]);
    high = static_cast<uint64_t>(static_cast<uint8_t>(at[left / 2])) << 8 |
           static_cast<uint8_t>(at[left - 1]);
  }
  return mix(low ^ state, high ^ kA ^ kSeed);
}

}  // namespace

StringDictionary::StringDictionary() { offsets_.push(int32_t{0}); }

int32_t StringDictionary::code_of(std::string_view value) {
  const uint64_t hash = hash_of(value);
  if (slots_.empty()) return add(value, hash);
  const uint64_t tag = hash << 32;
  const size_t mask = slots_.size() - 1;
  for (size_t at = static_cast<uint32_t>(hash) & mask;; at = (at + 1) & mask) {
    const uint64_t slot = slots_[at];
    if (slot == 0) return add(value, hash);
    if (((slot ^ tag) >> 32) == 0) {
      const auto code = static_cast<int32_t>(static_cast<uint32_t>(slot) - 1);
      if (this->value(code) == value) return code;
    }
  }
}

int32_t StringDictionary::add(std::string_view value, uint64_t hash) {
  const size_t code = size();
  FRESHET_CHECK(chars_.size() + value.size() <= std::numeric_limits<int32_t>::max(),
                "a dictionary holds at most 2 GiB");
  chars_.append(value.data(), value.size());
  offsets_.push(static_cast<int32_t>(chars_.size()));
  if ((code + 1) * 2 > slots_.size()) {
    rehash(std::max(kFirstSlots, slots_.size() * 2));
  } else {
    const size_t mask = slots_.size() - 1;
    size_t at = static_cast<uint32_t>(hash) & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = hash << 32 | (code + 1);
  }
  return static_cast<int32_t>(code);
}

void StringDictionary::truncate(size_t size) {
  if (size >= this->size()) return;
  chars_.truncate(static_cast<size_t>(offsets()[size]));
  offsets_.truncate((size + 1) * sizeof(int32_t));
  rehash(std::max(kFirstSlots, std::bit_ceil(size * 2)));
}

void StringDictionary::rehash(size_t slots) {
  slots_.assign(slots, 0);
  const size_t mask = slots - 1;
  for (size_t code = 0; code < size(); ++code) {
    const uint64_t hash = hash_of(value(static_cast<int32_t>(code)));
    size_t at = static_cast<uint32_t>(hash) & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = hash << 32 | (code + 1);
  }
}

}  // namespace freshet
