#include "model/wide_integer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace freshet {
namespace {

__extension__ typedef unsigned __int128 Product;

/// value / 10, and what is left over.
unsigned divide_by_ten(Wide256& value) {
  Product rest = 0;
  for (size_t i = value.words.size(); i-- > 0;) {
    const Product part = rest << 64 | value.words[i];
    value.words[i] = static_cast<uint64_t>(part / 10);
    rest = part % 10;
  }
  return static_cast<unsigned>(rest);
}

bool is_negative(const Wide256& value) { return value.words.back() >> 63 != 0; }

}  // namespace

Wide256 Wide256::load(std::span<const std::byte> bytes, bool is_signed) {
  Wide256 value;
  FRESHET_CHECK_LE(bytes.size(), sizeof value);
  const bool negative =
      is_signed && !bytes.empty() && (std::to_integer<unsigned>(bytes.back()) & 0x80U) != 0;
  std::memset(value.words.data(), negative ? 0xFF : 0, sizeof value);
  if (!bytes.empty()) std::memcpy(value.words.data(), bytes.data(), bytes.size());
  return value;
}

bool Wide256::push_digit(unsigned digit) {
  Product carry = digit;
  for (uint64_t& word : words) {
    const Product product = Product{word} * 10 + carry;
    word = static_cast<uint64_t>(product);
    carry = product >> 64;
  }
  return carry == 0;
}

void Wide256::negate() {
  bool carry = true;
  for (uint64_t& word : words) {
    word = ~word + (carry ? 1 : 0);
    carry = carry && word == 0;
  }
}

unsigned Wide256::bit_width() const {
  for (size_t i = words.size(); i-- > 0;) {
    if (words[i] != 0) return static_cast<unsigned>(i * 64) + std::bit_width(words[i]);
  }
  return 0;
}

std::string Wide256::text(bool is_signed) const {
  Wide256 rest = *this;
  const bool negative = is_signed && is_negative(rest);
  if (negative) rest.negate();
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + divide_by_ten(rest)));
  } while (rest != Wide256{});
  if (negative) digits.push_back('-');
  std::ranges::reverse(digits);
  return digits;
}

}  // namespace freshet
