// Integers of up to 256 bits, as far as columns need them: made from digits, shown as digits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace freshet {

/// Little-endian words; two's complement where a value is signed. Its first bytes are the value in
/// every narrower width that holds it.
struct Wide256 {
  std::array<uint64_t, 4> words{};

  /// The little-endian integer of bytes.size() <= 32 bytes.
  static Wide256 load(std::span<const std::byte> bytes, bool is_signed);

  /// Makes it ten times itself plus `digit`, as unsigned; false if that has more than 256 bits.
  [[nodiscard]] bool push_digit(unsigned digit);
  void negate();
  /// Bits that an unsigned value needs; 0 for 0.
  [[nodiscard]] unsigned bit_width() const;
  /// Decimal digits, with a minus if `is_signed` and below zero.
  [[nodiscard]] std::string text(bool is_signed) const;

  friend bool operator==(const Wide256&, const Wide256&) = default;
};
static_assert(sizeof(Wide256) == 32);

}  // namespace freshet
