#include "decode/time_text.h"

#include <chrono>
#include <cstring>

#include "decode/json_text.h"

namespace freshet::decode {
namespace {

/// Two digits at `at`, or a number above 99.
unsigned two_digits(const char* at) {
  const auto high = static_cast<unsigned>(at[0]) - '0';
  const auto low = static_cast<unsigned>(at[1]) - '0';
  return high > 9 || low > 9 ? 1000 : high * 10 + low;
}

}  // namespace

Fault parse_date(std::string_view text, int64_t& days) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return Fault::kWrongType;
  const unsigned century = two_digits(text.data());
  const unsigned year = two_digits(text.data() + 2);
  const unsigned month = two_digits(text.data() + 5);
  const unsigned day = two_digits(text.data() + 8);
  if (century > 99 || year > 99 || month > 99 || day > 99) return Fault::kWrongType;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(century * 100 + year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return Fault::kOutOfRange;
  days = std::chrono::sys_days(date).time_since_epoch().count();
  return Fault::kNone;
}

Fault TimeParser::parse_minute(std::string_view text) {
  int64_t days = 0;
  if ((text[10] != 'T' && text[10] != ' ') || text[13] != ':') return Fault::kWrongType;
  if (const Fault fault = parse_date(text.substr(0, 10), days); fault != Fault::kNone) return fault;
  const unsigned hour = two_digits(text.data() + 11);
  const unsigned minute = two_digits(text.data() + 14);
  if (hour > 99 || minute > 99) return Fault::kWrongType;
  if (hour > 23 || minute > 59) return Fault::kOutOfRange;
  minute_seconds_ = days * 86400 + int64_t{hour} * 3600 + int64_t{minute} * 60;
  std::memcpy(minute_text_, text.data(), sizeof minute_text_);
  return Fault::kNone;
}

Fault TimeParser::parse(std::string_view text, int scale, Instant& instant) {
  if (text.size() < 19) return Fault::kWrongType;
  if (load_word(text.data()) != minute_text_[0] || load_word(text.data() + 8) != minute_text_[1]) {
    if (const Fault fault = parse_minute(text); fault != Fault::kNone) return fault;
  }
  const unsigned second = two_digits(text.data() + 17);
  if (text[16] != ':' || second > 99) return Fault::kWrongType;
  if (second > 59) return Fault::kOutOfRange;
  instant = {.seconds = minute_seconds_ + second, .fraction = 0, .has_zone = false};
  size_t at = 19;
  bool too_fine = false;
  if (at < text.size() && text[at] == '.') {
    const size_t first = ++at;
    int left = scale;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      const auto digit = static_cast<uint32_t>(text[at] - '0');
      if (left > 0) {
        instant.fraction = instant.fraction * 10 + digit;
        --left;
      } else {
        too_fine |= digit != 0;
      }
    }
    if (at == first) return Fault::kWrongType;
    for (; left > 0; --left) instant.fraction *= 10;
  }
  if (at == text.size()) return too_fine ? Fault::kOutOfRange : Fault::kNone;
  instant.has_zone = true;
  if (text[at] == 'Z') {
    ++at;
  } else if ((text[at] == '+' || text[at] == '-') && text.size() - at == 6 && text[at + 3] == ':') {
    const unsigned hours = two_digits(text.data() + at + 1);
    const unsigned minutes = two_digits(text.data() + at + 4);
    if (hours > 99 || minutes > 99) return Fault::kWrongType;
    if (hours > 23 || minutes > 59) return Fault::kOutOfRange;
    const int64_t offset = hours * 3600 + minutes * 60;
    instant.seconds += text[at] == '+' ? -offset : offset;
    at += 6;
  }
  if (at != text.size()) return Fault::kWrongType;
  return too_fine ? Fault::kOutOfRange : Fault::kNone;
}

}  // namespace freshet::decode
