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

void check(const std::vector<Spelled>& cases) {
  for (const auto& [text, type, canonical] : cases) {
    const auto parsed = parse_clickhouse_type(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
    EXPECT_EQ(*parsed, type) << text;
    EXPECT_EQ(to_clickhouse_type(*parsed), canonical);
  }
}

TEST(ColumnType, reads_and_prints_what_clickhouse_writes) {
  using enum ColumnKind;
  check({
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
      {"Int128", {.kind = kInt128}, "Int128"},
      {"Nullable(UInt256)", {.kind = kUInt256, .nullable = true}, "Nullable(UInt256)"},
      {"Decimal256(5)", {.kind = kDecimal256, .scale = 5, .precision = 76}, "Decimal(76, 5)"},
      {"Decimal(39, 2)", {.kind = kDecimal256, .scale = 2, .precision = 39}, "Decimal(39, 2)"},
      {"FixedString(16)", {.kind = kFixedString, .width = 16}, "FixedString(16)"},
      {"IPv4", {.kind = kIpv4}, "IPv4"},
      {"Nullable(IPv6)", {.kind = kIpv6, .nullable = true}, "Nullable(IPv6)"},
      {"LowCardinality(Nullable(UInt8))",
       {.kind = kUInt8, .nullable = true, .low_cardinality = true},
       "LowCardinality(Nullable(UInt8))"},
      {"Enum('b' = 2,'a' = -1)",
       {.kind = kEnum8, .enum_values = {{"a", -1}, {"b", 2}}},
       "Enum8('a' = -1, 'b' = 2)"},
      {R"(Enum16('it\'s, (a) = b' = 300))",
       {.kind = kEnum16, .enum_values = {{"it's, (a) = b", 300}}},
       R"(Enum16('it\'s, (a) = b' = 300))"},
      {"JSON", {.kind = kJson}, "JSON"},
      {"JSON(max_dynamic_paths=8, a.b UInt32)",
       {.kind = kJson, .json_arguments = "max_dynamic_paths=8, a.b UInt32"},
       "JSON(max_dynamic_paths=8, a.b UInt32)"},
  });
}

TEST(ColumnType, reads_and_prints_types_made_of_types) {
  using enum ColumnKind;
  check({
      {"SimpleAggregateFunction(groupUniqArrayArray(10), Array(UInt8))",
       {.kind = kArray, .parts = {{.kind = kUInt8}}},
       "Array(UInt8)"},
      {"Map(String, Array(LowCardinality(Nullable(String))))",
       {.kind = kMap,
        .parts = {{.kind = kString},
                  {.kind = kArray, .parts = {{.kind = kLowCardinalityString, .nullable = true}}}}},
       "Map(String, Array(LowCardinality(Nullable(String))))"},
      {"Tuple(UInt8, DateTime64(3, 'UTC'))",
       {.kind = kTuple,
        .parts = {{.kind = kUInt8}, {.kind = kDateTime64, .scale = 3, .timezone = "UTC"}}},
       "Tuple(UInt8, DateTime64(3, 'UTC'))"},
      {"Nested(a UInt8, `b c` String)",
       {.kind = kArray,
        .parts = {{.kind = kTuple,
                   .parts = {{.kind = kUInt8}, {.kind = kString}},
                   .part_names = {"a", "b c"}}}},
       "Array(Tuple(a UInt8, `b c` String))"},
      {"Ring",
       {.kind = kArray,
        .parts = {{.kind = kTuple, .parts = {{.kind = kFloat64}, {.kind = kFloat64}}}}},
       "Array(Tuple(Float64, Float64))"},
  });
}

TEST(ColumnType, says_what_is_not_supported_and_what_is_not_a_type) {
  using enum Errc;
  const std::pair<std::string_view, Errc> cases[] = {
      {"Variant(String, UInt8)", kUnsupported},
      {"Array(Dynamic)", kUnsupported},
      {"Nullable(BFloat16)", kUnsupported},
      {"AggregateFunction(sum, UInt64)", kUnsupported},
      {"Nullable(Tuple(UInt8))", kUnsupported},
      {"Tuple()", kUnsupported},
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
      {"FixedString(0)", kInvalidArgument},
      {"Decimal(77, 2)", kInvalidArgument},
      {"Enum8()", kInvalidArgument},
      {"Enum8('a')", kInvalidArgument},
      {"Enum8('a = 1)", kInvalidArgument},
      {"Enum16('a' = 70000)", kInvalidArgument},
      {"Array(UInt8, UInt8)", kInvalidArgument},
      {"Map(String)", kInvalidArgument},
      {"Map(Array(UInt8), String)", kInvalidArgument},
      {"Tuple(a UInt8, String)", kInvalidArgument},
      {"LowCardinality(Array(String))", kInvalidArgument},
      {"LowCardinality(LowCardinality(String))", kInvalidArgument},
      {"Point(1)", kInvalidArgument},
  };
  for (const auto& [text, code] : cases) {
    const auto parsed = parse_clickhouse_type(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), code) << text << ": " << parsed.error().message();
  }
}

TEST(ColumnType, nests_to_a_limit) {
  const auto nested = [](size_t levels) {
    std::string text;
    for (size_t i = 0; i < levels; ++i) text += "Array(";
    return text + "UInt8" + std::string(levels, ')');
  };
  EXPECT_EQ(to_clickhouse_type(parse_clickhouse_type(nested(32)).value()), nested(32));
  EXPECT_EQ(parse_clickhouse_type(nested(33)).error().code(), Errc::kUnsupported);
  EXPECT_FALSE(parse_clickhouse_type(nested(20'000)));
}

}  // namespace
}  // namespace freshet
