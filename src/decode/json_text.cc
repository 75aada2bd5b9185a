#include "decode/json_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/endian.h"

namespace freshet::decode {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Four hexadecimal digits at `at`; -1 if they are not all there.
int32_t code_unit(std::string_view text, size_t at) {
  if (text.size() - at < 4) return -1;
  int32_t unit = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

void append_utf8(uint32_t point, std::string& to) {
  const auto put = [&](uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

/// Reads the digits after "\u" at `at`, and the second half of a surrogate pair; moves `at` behind.
Fault unescape_unicode(std::string_view text, size_t& at, std::string& to) {
  const int32_t unit = code_unit(text, at);
  if (unit < 0) return Fault::kMalformed;
  at += 4;
  if (unit < 0xD800 || unit > 0xDFFF) {
    append_utf8(static_cast<uint32_t>(unit), to);
    return Fault::kNone;
  }
  if (unit > 0xDBFF || text.size() - at < 2 || text[at] != '\\' || text[at + 1] != 'u') {
    return Fault::kInvalidUtf8;
  }
  const int32_t low = code_unit(text, at + 2);
  if (low < 0) return Fault::kMalformed;
  if (low < 0xDC00 || low > 0xDFFF) return Fault::kInvalidUtf8;
  at += 6;
  append_utf8(
      0x10000U + (static_cast<uint32_t>(unit - 0xD800) << 10) + static_cast<uint32_t>(low - 0xDC00),
      to);
  return Fault::kNone;
}

bool is_power_of_two(const Wide256& value) {
  int ones = 0;
  for (const uint64_t word : value.words) ones += std::popcount(word);
  return ones == 1;
}

template <class Float>
Fault parse_floating(std::string_view text, Float& value) {
  bool integral = false;
  if (!is_number(text, integral)) return Fault::kMalformed;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return Fault::kOutOfRange;
  if (integral) {
    // An integer is a claim of exactness: compare it with what the float really holds.
    JsonInteger exact;
    if (parse_integer(text, exact) != Fault::kNone) return Fault::kOutOfRange;
    const auto magnitude = std::fabs(static_cast<double>(value));
    if (magnitude >= 18446744073709551616.0 ||
        static_cast<uint64_t>(magnitude) != exact.magnitude) {
      return Fault::kOutOfRange;
    }
  } else if (value == 0) {
    const auto mantissa = text.substr(0, text.find_first_of("eE"));
    if (mantissa.find_first_of("123456789") != std::string_view::npos) return Fault::kOutOfRange;
  }
  return Fault::kNone;
}

/// The decimal digits of value * 10^scale go to `push`, the highest first; then `negate` if it is
/// below zero.
template <class Push, class Negate>
Fault parse_scaled(std::string_view text, int precision, int scale, Push push, Negate negate) {
  bool integral = false;
  if (!is_number(text, integral)) return Fault::kMalformed;
  const size_t exponent_mark = text.find_first_of("eE");
  auto mantissa = text.substr(0, exponent_mark);
  int64_t exponent = 0;
  if (exponent_mark != std::string_view::npos) {
    auto digits = text.substr(exponent_mark + 1);
    if (digits.front() == '+') digits.remove_prefix(1);
    // A number of more digits than that is out of every range, unless it is zero.
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (result.ec != std::errc() || std::abs(exponent) > 10'000'000) {
      exponent = digits.front() == '-' ? -10'000'000 : 10'000'000;
    }
  }
  const bool negative = mantissa.front() == '-';
  if (negative) mantissa.remove_prefix(1);
  const size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return Fault::kNone;
  const size_t last = mantissa.find_last_of("123456789");
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  // Power of ten that the last significant digit stands for.
  const int64_t last_power = exponent + (last < point ? static_cast<int64_t>(point - last) - 1
                                                      : -static_cast<int64_t>(last - point));
  const int64_t digit_count =
      static_cast<int64_t>(last - first) + 1 - (first < point && point < last);
  const int64_t shift = last_power + scale;
  if (shift < 0 || digit_count + shift > precision) return Fault::kOutOfRange;
  for (size_t i = first; i <= last; ++i) {
    if (mantissa[i] != '.') push(mantissa[i] - '0');
  }
  for (int64_t i = 0; i < shift; ++i) push(0);
  if (negative) negate();
  return Fault::kNone;
}

}  // namespace

Fault unescape(std::string_view escaped, std::string& to) {
  to.clear();
  for (size_t at = 0; at < escaped.size();) {
    const size_t slash = std::min(escaped.find('\\', at), escaped.size());
    to.append(escaped.substr(at, slash - at));
    at = slash;
    if (at == escaped.size()) break;
    if (at + 1 == escaped.size()) return Fault::kMalformed;
    const char c = escaped[at + 1];
    at += 2;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        to.push_back(c);
        break;
      case 'b':
        to.push_back('\b');
        break;
      case 'f':
        to.push_back('\f');
        break;
      case 'n':
        to.push_back('\n');
        break;
      case 'r':
        to.push_back('\r');
        break;
      case 't':
        to.push_back('\t');
        break;
      case 'u':
        if (const Fault fault = unescape_unicode(escaped, at, to); fault != Fault::kNone) {
          return fault;
        }
        break;
      default:
        return Fault::kMalformed;
    }
  }
  return Fault::kNone;
}

bool is_number(std::string_view text, bool& integral) {
  integral = true;
  size_t at = 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.') {
    integral = false;
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    integral = false;
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

Fault parse_integer(std::string_view text, JsonInteger& value) {
  value = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at != end && *at == '-') {
    value.negative = true;
    ++at;
  }
  const char* const first = at;
  bool overflow = false;
  for (; at != end && is_digit(*at); ++at) {
    overflow |= __builtin_mul_overflow(value.magnitude, uint64_t{10}, &value.magnitude);
    overflow |=
        __builtin_add_overflow(value.magnitude, static_cast<uint64_t>(*at - '0'), &value.magnitude);
  }
  if (at != end) {
    bool integral = false;
    return is_number(text, integral) ? Fault::kWrongType : Fault::kMalformed;
  }
  if (at == first || (*first == '0' && at - first > 1)) return Fault::kMalformed;
  return overflow ? Fault::kOutOfRange : Fault::kNone;
}

Fault parse_wide_integer(std::string_view text, unsigned bits, bool is_signed, Wide256& value) {
  value = {};
  bool integral = false;
  if (!is_number(text, integral)) return Fault::kMalformed;
  if (!integral) return Fault::kWrongType;
  const bool negative = text.front() == '-';
  for (const char c : text.substr(negative ? 1 : 0)) {
    if (!value.push_digit(static_cast<unsigned>(c - '0'))) return Fault::kOutOfRange;
  }
  if (value == Wide256{}) return Fault::kNone;
  if (!is_signed) return negative || value.bit_width() > bits ? Fault::kOutOfRange : Fault::kNone;
  // Of the values below zero the lowest has one more bit: a power of two.
  const unsigned width = value.bit_width();
  const bool fits = width < bits || (negative && width == bits && is_power_of_two(value));
  if (negative) value.negate();
  return fits ? Fault::kNone : Fault::kOutOfRange;
}

Fault parse_float(std::string_view text, double& value) { return parse_floating(text, value); }
Fault parse_float(std::string_view text, float& value) { return parse_floating(text, value); }

Fault parse_decimal(std::string_view text, int precision, int scale, int128& value) {
  value = 0;
  return parse_scaled(
      text, precision, scale, [&](int digit) { value = value * 10 + digit; },
      [&] { value = -value; });
}

Fault parse_decimal(std::string_view text, int precision, int scale, Wide256& value) {
  value = {};
  return parse_scaled(
      text, precision, scale,
      [&](int digit) {
        // 76 digits have fewer than 256 bits.
        FRESHET_CHECK(value.push_digit(static_cast<unsigned>(digit)), "{} digits", precision);
      },
      [&] { value.negate(); });
}

Fault parse_uuid(std::string_view text, unsigned char* to) {
  if (text.size() != 36) return Fault::kWrongType;
  size_t at = 0;
  for (int byte = 0; byte < 16; ++byte) {
    if (byte == 4 || byte == 6 || byte == 8 || byte == 10) {
      if (text[at++] != '-') return Fault::kWrongType;
    }
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return Fault::kWrongType;
    *to++ = static_cast<unsigned char>(high << 4 | low);
    at += 2;
  }
  return Fault::kNone;
}

Fault parse_ipv4(std::string_view text, uint32_t& address) {
  std::array<char, INET_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return Fault::kWrongType;
  text.copy(terminated.data(), text.size());
  std::array<unsigned char, 4> octets{};
  if (text.contains('\0') || inet_pton(AF_INET, terminated.data(), octets.data()) != 1) {
    return Fault::kWrongType;
  }
  address = load_be<uint32_t>(octets.data());
  return Fault::kNone;
}

Fault parse_ipv6(std::string_view text, unsigned char* to) {
  if (uint32_t address = 0; parse_ipv4(text, address) == Fault::kNone) {
    std::memset(to, 0, 10);
    std::memset(to + 10, 0xFF, 2);
    store_be(to + 12, address);
    return Fault::kNone;
  }
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.contains('\0')) return Fault::kWrongType;
  text.copy(terminated.data(), text.size());
  return inet_pton(AF_INET6, terminated.data(), to) == 1 ? Fault::kNone : Fault::kWrongType;
}

}  // namespace freshet::decode
