#include "broker/storage/key_offset_map.h"

#include <algorithm>
#include <bit>
#include <random>

#include "base/endian.h"

namespace freshet::broker {
namespace {

constexpr size_t kSlotsMin = 1024;

constexpr size_t used_max(size_t slots) { return slots / 4 * 3; }

// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012).
struct SipState {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  uint64_t finish() {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

KeyOffsetMap::KeyOffsetMap(size_t bytes_max)
    : slots_max_(std::max(kSlotsMin, std::bit_floor(bytes_max / sizeof(Slot)))), slots_(kSlotsMin) {
  std::random_device device;
  for (auto& word : secret_) word = (uint64_t{device()} << 32) | device();
}

bool KeyOffsetMap::has_room_for(size_t count) const {
  return size_ + count <= used_max(slots_max_);
}

std::array<uint64_t, 2> KeyOffsetMap::hash_of(std::string_view key) const {
  SipState state{.v0 = secret_[0] ^ 0x736f6d6570736575,
                 .v1 = secret_[1] ^ 0x646f72616e646f6d ^ 0xee,
                 .v2 = secret_[0] ^ 0x6c7967656e657261,
                 .v3 = secret_[1] ^ 0x7465646279746573};
  const size_t whole = key.size() / sizeof(uint64_t) * sizeof(uint64_t);
  for (size_t i = 0; i < whole; i += sizeof(uint64_t)) {
    state.take(load_le<uint64_t>(key.data() + i));
  }
  uint64_t last = static_cast<uint64_t>(key.size()) << 56;
  for (size_t i = whole; i < key.size(); ++i) {
    last |= uint64_t{static_cast<unsigned char>(key[i])} << (8 * (i - whole));
  }
  state.take(last);
  state.v2 ^= 0xee;
  const uint64_t low = state.finish();
  state.v1 ^= 0xdd;
  return {low, state.finish()};
}

size_t KeyOffsetMap::slot_of(const std::array<uint64_t, 2>& hash) const {
  const size_t mask = slots_.size() - 1;
  size_t at = hash[0] & mask;
  while (slots_[at].offset >= 0 && slots_[at].hash != hash) at = (at + 1) & mask;
  return at;
}

void KeyOffsetMap::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.offset >= 0) slots_[slot_of(slot.hash)] = slot;
  }
}

void KeyOffsetMap::put(std::string_view key, Offset offset) {
  if (size_ >= used_max(slots_.size())) grow();
  const auto hash = hash_of(key);
  Slot& slot = slots_[slot_of(hash)];
  if (slot.offset < 0) ++size_;
  slot.hash = hash;
  slot.offset = std::max(slot.offset, offset.value());
}

Offset KeyOffsetMap::find(std::string_view key) const {
  const Slot& slot = slots_[slot_of(hash_of(key))];
  return slot.offset < 0 ? kNoOffset : Offset(slot.offset);
}

}  // namespace freshet::broker
