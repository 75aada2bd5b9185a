// Appends the pieces that generated events are made of to a string, without formatting machinery.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace freshet::source {

inline void append_integer(std::string& to, uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  to.append(digits, end);
}

inline void append_two_digits(std::string& to, unsigned value) {
  to.push_back(static_cast<char>('0' + value / 10));
  to.push_back(static_cast<char>('0' + value % 10));
}

/// "2025-09-18T10:30:00Z"; years 1970 to 9999.
inline void append_time(std::string& to, int64_t seconds) {
  const std::chrono::sys_days day(std::chrono::days(seconds / 86'400));
  const std::chrono::year_month_day date(day);
  const auto second = static_cast<unsigned>(seconds % 86'400);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  append_two_digits(to, year / 100);
  append_two_digits(to, year % 100);
  to.push_back('-');
  append_two_digits(to, static_cast<unsigned>(date.month()));
  to.push_back('-');
  append_two_digits(to, static_cast<unsigned>(date.day()));
  to.push_back('T');
  append_two_digits(to, second / 3600);
  to.push_back(':');
  append_two_digits(to, second / 60 % 60);
  to.push_back(':');
  append_two_digits(to, second % 60);
  to.push_back('Z');
}

}  // namespace freshet::source
