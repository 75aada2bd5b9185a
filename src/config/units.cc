#include "config/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace freshet::config {
namespace {

using std::chrono::milliseconds;

// Longer than any quantity that makes sense.
constexpr size_t kTextMax = 40;

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kDurationUnits = {
    Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000},
};
constexpr std::array kByteUnits = {
    Unit{"B", 1},
    Unit{"kB", 1000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"KiB", 1ULL << 10},
    Unit{"MiB", 1ULL << 20},
    Unit{"GiB", 1ULL << 30},
    Unit{"TiB", 1ULL << 40},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits with single underscores between them.
std::optional<uint64_t> digits(std::string_view text) {
  if (text.empty() || text.size() > kTextMax || !is_digit(text.front()) || !is_digit(text.back())) {
    return std::nullopt;
  }
  uint64_t value = 0;
  char before = '0';
  for (const char c : text) {
    if (c == '_') {
      if (before == '_') return std::nullopt;
    } else if (!is_digit(c) || __builtin_mul_overflow(value, uint64_t{10}, &value) ||
               __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
      return std::nullopt;
    }
    before = c;
  }
  return value;
}

template <size_t N>
std::optional<uint64_t> with_unit(std::string_view text, const std::array<Unit, N>& units) {
  size_t split = text.find_first_not_of("0123456789_");
  if (split == std::string_view::npos) return std::nullopt;
  const auto number = digits(text.substr(0, split));
  for (const Unit& unit : units) {
    uint64_t value = 0;
    if (number && text.substr(split) == unit.name &&
        !__builtin_mul_overflow(*number, unit.factor, &value)) {
      return value;
    }
  }
  return std::nullopt;
}

// Reads exactly `width` digits and moves on.
std::optional<int> fixed_digits(std::string_view& text, size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, width)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool skip(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// HH:MM:SS[.mmm]Z
std::optional<milliseconds> time_of_day(std::string_view text) {
  const auto hour = fixed_digits(text, 2);
  if (!hour || *hour > 23 || !skip(text, ':')) return std::nullopt;
  const auto minute = fixed_digits(text, 2);
  if (!minute || *minute > 59 || !skip(text, ':')) return std::nullopt;
  const auto second = fixed_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  int millis = 0;
  if (skip(text, '.')) {
    const auto fraction = fixed_digits(text, 3);
    if (!fraction) return std::nullopt;
    millis = *fraction;
  }
  if (text != "Z") return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second) +
         milliseconds(millis);
}

std::optional<milliseconds> utc_time(std::string_view text) {
  const auto year = fixed_digits(text, 4);
  if (!year || !skip(text, '-')) return std::nullopt;
  const auto month = fixed_digits(text, 2);
  if (!month || !skip(text, '-')) return std::nullopt;
  const auto day = fixed_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  const milliseconds midnight = std::chrono::sys_days(date).time_since_epoch();
  if (text.empty()) return midnight;
  if (!skip(text, 'T')) return std::nullopt;
  const auto time = time_of_day(text);
  if (!time) return std::nullopt;
  return midnight + *time;
}

template <size_t N>
std::string in_largest_unit(uint64_t value, const std::array<Unit, N>& units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0 && unit.factor > best->factor) best = &unit;
  }
  return print_count(value / best->factor) + std::string(best->name);
}

}  // namespace

Result<uint64_t> parse_count(std::string_view text) {
  if (const auto value = digits(text)) return *value;
  return fail(Errc::kInvalidArgument, "'{}' is not a count; write digits, such as 500_000",
              text.substr(0, kTextMax));
}

Result<milliseconds> parse_duration(std::string_view text) {
  // A hundred years: keeps sums of times far from overflow.
  constexpr uint64_t kMax = 36'525ULL * 86'400'000;
  const auto value = with_unit(text, kDurationUnits);
  if (value && *value <= kMax) return milliseconds(static_cast<int64_t>(*value));
  return fail(Errc::kInvalidArgument,
              "'{}' is not a duration; write a whole number and ms, s, m, h or d, such as 250ms",
              text.substr(0, kTextMax));
}

Result<uint64_t> parse_byte_size(std::string_view text) {
  if (const auto value = with_unit(text, kByteUnits)) return *value;
  return fail(Errc::kInvalidArgument,
              "'{}' is not a size; write a whole number and B, KiB, MiB, GiB or TiB (or kB, MB, "
              "GB, TB), such as 64MiB",
              text.substr(0, kTextMax));
}

Result<double> parse_rate(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto number = digits(text.substr(0, slash));
    const std::string_view unit = text.substr(slash + 1);
    const double seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    if (number && seconds > 0) return static_cast<double>(*number) / seconds;
  }
  return fail(Errc::kInvalidArgument,
              "'{}' is not a rate; write a whole number and /s, /m or /h, such as 10_000/s",
              text.substr(0, kTextMax));
}

Result<double> parse_percent(std::string_view text) {
  constexpr size_t kDecimalsMax = 4;
  if (text.size() < kTextMax && text.ends_with('%')) {
    const std::string_view number = text.substr(0, text.size() - 1);
    const size_t point = std::min(number.find('.'), number.size());
    const auto whole = digits(number.substr(0, point));
    const std::string_view decimals = number.substr(std::min(point + 1, number.size()));
    const bool plain = std::ranges::all_of(decimals, is_digit) && decimals.size() <= kDecimalsMax &&
                       (point == number.size() || !decimals.empty());
    if (whole && plain) {
      const double fraction = decimals.empty()
                                  ? 0
                                  : static_cast<double>(*digits(decimals)) /
                                        std::pow(10.0, static_cast<double>(decimals.size()));
      return (static_cast<double>(*whole) + fraction) / 100;
    }
  }
  return fail(Errc::kInvalidArgument,
              "'{}' is not a percentage; write a number and %, such as 5% or 0.5%",
              text.substr(0, kTextMax));
}

Result<milliseconds> parse_utc_time(std::string_view text) {
  if (const auto value = utc_time(text)) return *value;
  return fail(Errc::kInvalidArgument,
              "'{}' is not a UTC time; write it as 2025-09-18T10:30:00Z or 2025-09-18",
              text.substr(0, kTextMax));
}

std::string print_count(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t from_end = 3; from_end < text.size(); from_end += 4) {
    text.insert(text.size() - from_end, 1, '_');
  }
  return text;
}

std::string print_duration(milliseconds value) {
  if (value.count() < 0) return fmt::format("{}ms", value.count());
  if (value.count() == 0) return "0s";
  return in_largest_unit(static_cast<uint64_t>(value.count()), kDurationUnits);
}

std::string print_byte_size(uint64_t value) {
  // Binary units if one fits, because that is how limits are written; else decimal ones.
  constexpr std::array kBinary = {kByteUnits[0], kByteUnits[5], kByteUnits[6], kByteUnits[7],
                                  kByteUnits[8]};
  if (value % 1024 == 0) return in_largest_unit(value, kBinary);
  return in_largest_unit(value, kByteUnits);
}

std::string print_rate(double per_second) {
  for (const auto& [seconds, unit] :
       {std::pair(1, "s"), std::pair(60, "m"), std::pair(3600, "h")}) {
    const double number = per_second * seconds;
    if (std::abs(number - std::round(number)) < 1e-6 && number < 1e18) {
      return fmt::format("{}/{}", print_count(static_cast<uint64_t>(std::llround(number))), unit);
    }
  }
  return fmt::format("{}/s", per_second);
}

std::string print_percent(double share) { return fmt::format("{:.6g}%", share * 100); }

std::string print_utc_time(milliseconds since_epoch) {
  const auto days = std::chrono::floor<std::chrono::days>(since_epoch);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const auto rest = since_epoch - days;
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), rest / std::chrono::hours(1),
                                 rest % std::chrono::hours(1) / std::chrono::minutes(1),
                                 rest % std::chrono::minutes(1) / std::chrono::seconds(1));
  if (rest % std::chrono::seconds(1) != milliseconds(0)) {
    text += fmt::format(".{:03}", (rest % std::chrono::seconds(1)).count());
  }
  return text + "Z";
}

}  // namespace freshet::config
