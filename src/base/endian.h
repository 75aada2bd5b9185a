// Unaligned loads and stores in a stated byte order.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>

namespace freshet {

static_assert(std::endian::native == std::endian::little, "Freshet runs on little-endian machines");

template <std::integral T>
[[nodiscard]] inline T load_be(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return std::byteswap(value);
}

template <std::integral T>
[[nodiscard]] inline T load_le(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <std::integral T>
inline void store_be(void* to, T value) {
  value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

template <std::integral T>
inline void store_le(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

}  // namespace freshet
