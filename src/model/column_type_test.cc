#include "model/column_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet {
namespace {

struct Spelled {
  std::string_view text;
  ColumnType type;
  std::string_view canonical;
};

TEST(ColumnType, reads_and_prints_what_clickhouse_writes) {
  using enum ColumnKind;
  const Spelled cases[] = {
      {"String", {.kind = kString}, "String"},
      {"LowCardinality(String)", {.kind = kLowCardinalityString}, "LowCardinality(String)"},
      {"LowCardinality(Nullable(String))",
       {.kind = kLowCardinalityString, .nullable = true},
       "LowCardinality(Nullable(String))"},
      {"Nullable(UInt64)", {.kind = kUInt64, .nullable = true}, "Nullable(UInt64)"},
      {"DateTime", {.kind = kDateTime}, "DateTime"},
      {"DateTime('Asia/Tehran')",
       {.kind = kDateTime, .timezone = "Asia/Tehran"},
       "DateTime('Asia/Tehran')"},
      {"DateTime64(3,'UTC')",
       {.kind = kDateTime64, .scale = 3, .timezone = "UTC"},
       "DateTime64(3, 'UTC')"},
      {"DateTime64", {.kind = kDateTime64, .scale = 3}, "DateTime64(3)"},
      {" DateTime64( 9 ) ", {.kind = kDateTime64, .scale = 9}, "DateTime64(9)"},
      {"Decimal(9, 2)", {.kind = kDecimal32, .scale = 2, .precision = 9}, "Decimal(9, 2)"},
      {"Decimal(10)", {.kind = kDecimal64, .precision = 10}, "Decimal(10, 0)"},
      {"Decimal64(4)", {.kind = kDecimal64, .scale = 4, .precision = 18}, "Decimal(18, 4)"},
      {"Nullable(Decimal(38, 38))",
       {.kind = kDecimal128, .nullable = true, .scale = 38, .precision = 38},
       "Nullable(Decimal(38, 38))"},
      {"UUID", {.kind = kUuid}, "UUID"},
      {"Date32", {.kind = kDate32}, "Date32"},
  };
  for (const auto& [text, type, canonical] : cases) {
    const auto parsed = parse_clickhouse_type(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
    EXPECT_EQ(*parsed, type) << text;
    EXPECT_EQ(to_clickhouse_type(*parsed), canonical);
  }
}

TEST(ColumnType, says_what_is_not_supported_and_what_is_not_a_type) {
  using enum Errc;
  const std::pair<std::string_view, Errc> cases[] = {
      {"FixedString(16)", kUnsupported},
      {"Array(String)", kUnsupported},
      {"Nullable(Int256)", kUnsupported},
      {"LowCardinality(UInt8)", kUnsupported},
      {"Decimal(39, 2)", kUnsupported},
      {"Map(String, Array(UInt8))", kUnsupported},
      {"", kInvalidArgument},
      {"Strin", kInvalidArgument},
      {"string", kInvalidArgument},
      {"String(3)", kInvalidArgument},
      {"Nullable(String", kInvalidArgument},
      {"Nullable(Nullable(String))", kInvalidArgument},
      {"Nullable(LowCardinality(String))", kInvalidArgument},
      {"Decimal(9, 10)", kInvalidArgument},
      {"Decimal32(10)", kInvalidArgument},
      {"DateTime64(10)", kInvalidArgument},
      {"DateTime64()", kInvalidArgument},
      {"DateTime('a''b')", kInvalidArgument},
      {"DateTime(UTC)", kInvalidArgument},
      {"UInt8)", kInvalidArgument},
  };
  for (const auto& [text, code] : cases) {
    const auto parsed = parse_clickhouse_type(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), code) << text << ": " << parsed.error().message();
  }
}

}  // namespace
}  // namespace freshet
