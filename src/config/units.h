// Quantities as people write them in a platform file and on the command line. Underscores may
// separate digits. Errors say what was expected and give an example.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::config {

/// "500_000", "1000000"
Result<uint64_t> parse_count(std::string_view text);
/// "250ms" "30s" "5m" "12h" "7d"; a bare number is refused, because its unit is a guess.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "64MiB" "1GiB" "512KiB" "100B", also kB MB GB TB (powers of 1000).
Result<uint64_t> parse_byte_size(std::string_view text);
/// Per second: "10_000/s", "30/m", "100/h"
Result<double> parse_rate(std::string_view text);
/// A share: "5%" is 0.05; up to four decimals, "0.1%".
Result<double> parse_percent(std::string_view text);
/// "2025-09-18T10:30:00Z", "2025-09-18T10:30:00.250Z", "2025-09-18": UTC, milliseconds since the
/// epoch.
Result<std::chrono::milliseconds> parse_utc_time(std::string_view text);

/// The inverse, in the largest unit that is exact: 5m, 1500ms, 64MiB, 500_000, 10_000/s.
[[nodiscard]] std::string print_count(uint64_t value);
[[nodiscard]] std::string print_duration(std::chrono::milliseconds value);
[[nodiscard]] std::string print_byte_size(uint64_t value);
[[nodiscard]] std::string print_rate(double per_second);
[[nodiscard]] std::string print_percent(double share);
[[nodiscard]] std::string print_utc_time(std::chrono::milliseconds since_epoch);

}  // namespace freshet::config
