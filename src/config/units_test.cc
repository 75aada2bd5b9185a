#include "config/units.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <vector>

namespace freshet::config {
namespace {

using std::chrono::milliseconds;

TEST(Units, read_what_people_write) {
  EXPECT_EQ(parse_count("500_000"), 500'000u);
  EXPECT_EQ(parse_count("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("7d"), milliseconds(604'800'000));
  EXPECT_EQ(parse_byte_size("64MiB"), 67'108'864u);
  EXPECT_EQ(parse_byte_size("1_000kB"), 1'000'000u);
  EXPECT_EQ(parse_rate("10_000/s"), 10'000.0);
  EXPECT_EQ(parse_rate("30/m"), 0.5);
  EXPECT_DOUBLE_EQ(parse_percent("5%").value(), 0.05);
  EXPECT_DOUBLE_EQ(parse_percent("0.25%").value(), 0.0025);
  EXPECT_DOUBLE_EQ(parse_percent("100%").value(), 1);
  EXPECT_EQ(parse_utc_time("1970-01-02"), milliseconds(86'400'000));
  EXPECT_EQ(parse_utc_time("2025-09-18T10:30:00.250Z"), milliseconds(1'758'191'400'250));
}

TEST(Units, refuse_what_is_ambiguous_or_broken) {
  for (const char* text : {"", "-1", "+1", "1.5", "_1", "1_", "1__0", "0x10", "1e6", " 1", "12a",
                           "18446744073709551616"}) {
    EXPECT_FALSE(parse_count(text)) << text;
  }
  for (const char* text : {"", "5", "s", "5 s", "5S", "1.5s", "1h30m", "-5s", "5sec",
                           "18446744073709551615d", "99999999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  for (const char* text : {"", "64", "64M", "64mib", "64 MiB", "MiB", "18446744073709551615KiB"}) {
    EXPECT_FALSE(parse_byte_size(text)) << text;
  }
  for (const char* text : {"", "10", "/s", "10/", "10/d", "1.5/s"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
  for (const char* text : {"", "5", "%", "-5%", "5 %", ".5%", "5.%", "0.00001%", "1e1%", "5%%"}) {
    EXPECT_FALSE(parse_percent(text)) << text;
  }
  for (const char* text :
       {"", "2025-02-30", "2025-9-1", "2025-09-18T24:00:00Z", "2025-09-18T10:30:00",
        "2025-09-18T10:30:00+02:00", "2025-09-18 10:30:00Z", "2025-09-18T10:30Z"}) {
    EXPECT_FALSE(parse_utc_time(text)) << text;
  }
}

TEST(Units, say_what_was_expected) {
  EXPECT_EQ(parse_duration("5").error().message(),
            "'5' is not a duration; write a whole number and ms, s, m, h or d, such as 250ms");
  EXPECT_THAT(parse_count(std::string(5000, '9')).error().message().size(), testing::Lt(200));
}

TEST(Units, print_in_the_largest_exact_unit_and_read_back) {
  EXPECT_EQ(print_count(1'234'567), "1_234_567");
  EXPECT_EQ(print_count(100), "100");
  for (const std::string text : {"0s", "1_500ms", "5m", "7d", "36h"}) {
    EXPECT_EQ(print_duration(*parse_duration(text)), text);
  }
  for (const std::string text : {"64MiB", "1GiB", "1000B", "100B", "3MB", "0B", "1_536KiB"}) {
    const auto bytes = *parse_byte_size(text);
    EXPECT_EQ(parse_byte_size(print_byte_size(bytes)), bytes) << print_byte_size(bytes);
  }
  EXPECT_EQ(print_byte_size(64ULL << 20), "64MiB");
  for (const std::string text : {"0%", "5%", "0.25%", "12.3456%", "100%"}) {
    EXPECT_EQ(print_percent(*parse_percent(text)), text);
  }
  for (const std::string text : {"10_000/s", "30/m", "100/h"}) {
    EXPECT_EQ(print_rate(*parse_rate(text)), text);
  }
  for (const std::string text : {"2025-09-18T10:30:00Z", "2025-09-18T10:30:00.250Z"}) {
    EXPECT_EQ(print_utc_time(*parse_utc_time(text)), text);
  }
}

}  // namespace
}  // namespace freshet::config
