#include "warehouse/city_hash.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

namespace freshet::warehouse {
namespace {

constexpr uint64_t kK0 = 0xc3a5c85c97cb3127;
constexpr uint64_t kK1 = 0xb492b66fbe98f273;
constexpr uint64_t kK2 = 0x9ae16a3b2f90404f;
constexpr uint64_t kK3 = 0xc949d7c7509e6557;
constexpr uint64_t kMix = 0x9ddfea08eb382d69;

uint64_t word64(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

uint32_t word32(const char* at) {
  uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

uint64_t shift_mix(uint64_t value) { return value ^ (value >> 47); }

uint64_t hash_pair(uint64_t low, uint64_t high) {
  const uint64_t a = shift_mix((low ^ high) * kMix);
  return shift_mix((high ^ a) * kMix) * kMix;
}

uint64_t hash_short(const char* at, size_t size) {
  if (size > 8) {
    const uint64_t a = word64(at);
    const uint64_t b = word64(at + size - 8);
    return hash_pair(a, std::rotr(b + size, static_cast<int>(size))) ^ b;
  }
  if (size >= 4) return hash_pair(size + (uint64_t{word32(at)} << 3), word32(at + size - 4));
  if (size == 0) return kK2;
  const auto byte = [at](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(at[i])); };
  const uint32_t y = byte(0) + (byte(size >> 1) << 8);
  const uint32_t z = static_cast<uint32_t>(size) + (byte(size - 1) << 2);
  return shift_mix(y * kK2 ^ z * kK3) * kK2;
}

// Mixes 32 bytes into two seeds.
Hash128 weak_hash(const char* at, uint64_t a, uint64_t b) {
  const uint64_t z = word64(at + 24);
  a += word64(at);
  b = std::rotr(b + a + z, 21);
  const uint64_t c = a;
  a += word64(at + 8) + word64(at + 16);
  b += std::rotr(a, 44);
  return {.first = a + z, .second = b + c};
}

Hash128 city_murmur(const char* at, size_t size, Hash128 seed) {
  uint64_t a = seed.first;
  uint64_t b = seed.second;
  uint64_t c = 0;
  uint64_t d = 0;
  if (size <= 16) {
    a = shift_mix(a * kK1) * kK1;
    c = b * kK1 + hash_short(at, size);
    d = shift_mix(a + (size >= 8 ? word64(at) : c));
  } else {
    c = hash_pair(word64(at + size - 8) + kK1, a);
    d = hash_pair(b + size, c + word64(at + size - 16));
    a += d;
    for (size_t left = size - 16;; left -= 16) {
      a = (a ^ (shift_mix(word64(at) * kK1) * kK1)) * kK1;
      b ^= a;
      c = (c ^ (shift_mix(word64(at + 8) * kK1) * kK1)) * kK1;
      d ^= c;
      at += 16;
      if (left <= 16) break;
    }
  }
  a = hash_pair(a, c);
  b = hash_pair(d, b);
  return {.first = a ^ b, .second = hash_pair(b, a)};
}

Hash128 city_seeded(const char* at, size_t size, Hash128 seed) {
  if (size < 128) return city_murmur(at, size, seed);
  uint64_t x = seed.first;
  uint64_t y = seed.second;
  uint64_t z = size * kK1;
  Hash128 v;
  Hash128 w;
  v.first = std::rotr(y ^ kK1, 49) * kK1 + word64(at);
  v.second = std::rotr(v.first, 42) * kK1 + word64(at + 8);
  w.first = std::rotr(y + z, 35) * kK1 + x;
  w.second = std::rotr(x + word64(at + 88), 53) * kK1;
  const auto mix_64_bytes = [&] {
    x = std::rotr(x + y + v.first + word64(at + 16), 37) * kK1;
    y = std::rotr(y + v.second + word64(at + 48), 42) * kK1;
    x ^= w.second;
    y ^= v.first;
    z = std::rotr(z ^ w.first, 33);
    v = weak_hash(at, v.second * kK1, x + w.first);
    w = weak_hash(at + 32, z + w.second, y);
    std::swap(z, x);
    at += 64;
  };
  for (; size >= 128; size -= 128) {
    mix_64_bytes();
    mix_64_bytes();
  }
  y += std::rotr(w.first, 37) * kK0 + z;
  x += std::rotr(v.first + z, 49) * kK0;
  // The last pieces of 32 bytes, from the end; the first of them may reach back before `at`.
  for (size_t done = 0; done < size;) {
    done += 32;
    const char* piece = at + size - done;
    y = std::rotr(y - x, 42) * kK0 + v.second;
    w.first += word64(piece + 16);
    x = std::rotr(x, 49) * kK0 + w.first;
    w.first += v.first;
    v = weak_hash(piece, v.first, v.second);
  }
  x = hash_pair(x, v.first);
  y = hash_pair(y, w.first);
  return {.first = hash_pair(x + v.second, w.second) + y,
          .second = hash_pair(x + w.second, y + v.second)};
}

}  // namespace

Hash128 city_hash_128(std::string_view bytes) {
  const char* at = bytes.data();
  const size_t size = bytes.size();
  if (size >= 16) {
    return city_seeded(at + 16, size - 16, {.first = word64(at) ^ kK3, .second = word64(at + 8)});
  }
  if (size >= 8) {
    return city_seeded(nullptr, 0,
                       {.first = word64(at) ^ (size * kK0), .second = word64(at + size - 8) ^ kK1});
  }
  return city_seeded(at, size, {.first = kK0, .second = kK1});
}

}  // namespace freshet::warehouse
