// JSON strings and numbers from their text, without any context.
//
// Texts lie in a buffer of which kTextPadding bytes behind the text can be read.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "decode/fault.h"
#include "model/column_batch.h"
#include "model/wide_integer.h"

namespace freshet::decode {

inline constexpr size_t kTextPadding = 64;

[[nodiscard]] inline bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

inline uint64_t load_word(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// True if any of the first `size` bytes is a backslash. Reads up to 15 bytes more.
[[nodiscard]] inline bool has_backslash(const char* at, size_t size) {
  typedef char Bytes __attribute__((vector_size(16)));
  Bytes found{};
  for (size_t done = 0; done < size; done += 16) {
    Bytes bytes;
    std::memcpy(&bytes, at + done, sizeof bytes);
    found |= bytes == '\\';
  }
  uint64_t halves[2];
  std::memcpy(halves, &found, sizeof halves);
  if ((halves[0] | halves[1]) == 0) [[likely]]
    return false;
  return std::memchr(at, '\\', size) != nullptr;  // it may stand behind the end
}

/// Replaces `to` with the string that `escaped` (without its quotes) means. kMalformed: a bad
/// escape; kInvalidUtf8: half of a surrogate pair.
Fault unescape(std::string_view escaped, std::string& to);

/// The longest integer as JSON writes it.
struct JsonInteger {
  uint64_t magnitude = 0;
  bool negative = false;
};

/// kWrongType: a number with fraction or exponent; kOutOfRange: beyond 64 bits; kMalformed: not a
/// JSON number.
Fault parse_integer(std::string_view text, JsonInteger& value);

/// True if `text` is a number by RFC 8259; `integral` says that it has no fraction and no exponent.
[[nodiscard]] bool is_number(std::string_view text, bool& integral);

/// Nearest value; kOutOfRange for overflow, for a non-zero number that would become zero, and for
/// an integer (no fraction, no exponent) that is not exact. kMalformed: not a JSON number.
Fault parse_float(std::string_view text, double& value);
Fault parse_float(std::string_view text, float& value);

/// Like parse_integer(), of 128 or 256 bits in two's complement if `is_signed`.
Fault parse_wide_integer(std::string_view text, unsigned bits, bool is_signed, Wide256& value);

/// value * 10^scale, exactly; kOutOfRange if that is not an integer below 10^precision. The scale
/// may be negative.
Fault parse_decimal(std::string_view text, int precision, int scale, int128& value);
Fault parse_decimal(std::string_view text, int precision, int scale, Wide256& value);

/// 16 bytes in text order. kWrongType: not 8-4-4-4-12 hexadecimal digits.
Fault parse_uuid(std::string_view text, unsigned char* to);

/// "192.0.2.1", the first octet highest. kWrongType: another form.
Fault parse_ipv4(std::string_view text, uint32_t& address);

/// 16 bytes in network order, of any form of RFC 4291; "192.0.2.1" is ::ffff:192.0.2.1.
/// kWrongType: another form.
Fault parse_ipv6(std::string_view text, unsigned char* to);

}  // namespace freshet::decode
