// The variable-length integers of Kafka: seven bits per byte, lowest first. Unsigned in compact
// lengths and tagged fields (KIP-482); zigzag in record batches (KIP-98).
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshet::kafka {

inline constexpr size_t kVarintBytesMax = 5;
inline constexpr size_t kVarlongBytesMax = 10;

namespace detail {
bool read_long_varint(const char*& at, const char* end, int bits_max, uint64_t& value);
}

/// Each reader moves `at` past the number and returns true, or returns false and leaves `at` if
/// the bytes before `end` hold no whole number of that width.
inline bool read_unsigned_varint(const char*& at, const char* end, uint32_t& value) {
  if (at != end && *at >= 0) [[likely]] {
    value = static_cast<uint8_t>(*at++);
    return true;
  }
  uint64_t wide = 0;
  if (!detail::read_long_varint(at, end, 32, wide)) return false;
  value = static_cast<uint32_t>(wide);
  return true;
}

inline bool read_varint(const char*& at, const char* end, int32_t& value) {
  uint32_t raw = 0;
  if (end - at >= 2 && at[0] < 0 && at[1] >= 0) {  // two bytes: lengths of 64 to 8191
    raw = static_cast<uint32_t>(at[0] & 0x7F) | static_cast<uint32_t>(at[1]) << 7;
    at += 2;
  } else if (!read_unsigned_varint(at, end, raw)) {
    return false;
  }
  value = static_cast<int32_t>(raw >> 1) ^ -static_cast<int32_t>(raw & 1);
  return true;
}

inline bool read_varlong(const char*& at, const char* end, int64_t& value) {
  uint64_t raw = 0;
  if (at != end && *at >= 0) [[likely]] {
    raw = static_cast<uint8_t>(*at++);
  } else if (!detail::read_long_varint(at, end, 64, raw)) {
    return false;
  }
  value = static_cast<int64_t>(raw >> 1) ^ -static_cast<int64_t>(raw & 1);
  return true;
}

/// Each writer returns the place after what it wrote; the caller has made room.
inline char* write_unsigned_varlong(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

[[nodiscard]] inline constexpr uint32_t zigzag(int32_t value) {
  return static_cast<uint32_t>(value) << 1 ^ static_cast<uint32_t>(value >> 31);
}
[[nodiscard]] inline constexpr uint64_t zigzag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}
inline char* write_varint(char* to, int32_t value) {
  return write_unsigned_varlong(to, zigzag(value));
}
inline char* write_varlong(char* to, int64_t value) {
  return write_unsigned_varlong(to, zigzag(value));
}

[[nodiscard]] inline constexpr size_t unsigned_varint_size(uint64_t value) {
  return (static_cast<size_t>(63 - __builtin_clzll(value | 1)) / 7) + 1;
}
[[nodiscard]] inline constexpr size_t varint_size(int32_t value) {
  return unsigned_varint_size(zigzag(value));
}
[[nodiscard]] inline constexpr size_t varlong_size(int64_t value) {
  return unsigned_varint_size(zigzag(value));
}

}  // namespace freshet::kafka
