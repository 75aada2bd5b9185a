#include "decode/json_decoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "decode/testing/shown_value.h"

namespace freshet::decode {
namespace {

using enum RejectReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kRecordTime = 1'758'191'400'123;  // 2025-09-18T10:30:00.123Z

JsonColumn path_column(std::string_view name, std::string_view type, std::string_view path = {}) {
  return {.field = {std::string(name), parse_clickhouse_type(type).value()},
          .path = parse_json_path(path.empty() ? name : path).value()};
}

struct Decoded {
  std::vector<std::vector<std::string>> rows;
  std::vector<Reject> rejects;
};

Decoded decode_all(JsonPlan plan, const std::vector<std::optional<std::string>>& values) {
  auto decoder = JsonDecoder::create(std::move(plan));
  EXPECT_TRUE(decoder) << decoder.error().message();
  std::vector<RecordView> records;
  for (const auto& value : values) {
    records.push_back({.offset = Offset(static_cast<int64_t>(100 + records.size())),
                       .timestamp_ms = kRecordTime,
                       .key = "the key",
                       .value = value ? std::optional<std::string_view>(*value) : std::nullopt,
                       .headers = {}});
  }
  ColumnBatch out(decoder->schema());
  Decoded decoded;
  decoder->decode(records, {.topic = "events", .partition = 3}, out, decoded.rejects);
  for (size_t i = 0; i < out.column_count(); ++i) EXPECT_EQ(out.column(i).size(), out.rows());
  EXPECT_EQ(out.rows() + decoded.rejects.size(), values.size());
  for (size_t row = 0; row < out.rows(); ++row) {
    auto& texts = decoded.rows.emplace_back();
    for (size_t i = 0; i < out.column_count(); ++i)
      texts.push_back(testing::shown(out.column(i), row));
  }
  return decoded;
}

std::string repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// What becomes of one JSON value in a column of this type: the stored value, or the reject reason.
struct ValueCase {
  std::string_view type;
  std::string json;
  std::string_view stored;
  std::optional<RejectReason> reason = std::nullopt;
};

void check_values(const std::vector<ValueCase>& cases) {
  for (const auto& [type, json, stored, reason] : cases) {
    SCOPED_TRACE(fmt::format("{} <- {}", type, json));
    // A good neighbour on each side, so that the value is met by both walks.
    const std::string record = fmt::format(R"({{"v":{}}})", json);
    for (const size_t run_bytes : {size_t{0}, JsonPlan{}.run_bytes}) {
      JsonPlan plan{.columns = {path_column("v", type)}, .run_bytes = run_bytes};
      const auto decoded = decode_all(std::move(plan), {record, record});
      if (reason) {
        ASSERT_EQ(decoded.rejects.size(), 2U);
        EXPECT_EQ(decoded.rejects[0].reason, *reason) << decoded.rejects[0].detail;
        EXPECT_EQ(decoded.rejects[0].path, "v");
        EXPECT_EQ(decoded.rejects[1].offset, Offset(101));
        EXPECT_FALSE(decoded.rejects[0].detail.empty());
      } else {
        ASSERT_EQ(decoded.rows.size(), 2U) << decoded.rejects[0].detail;
        EXPECT_EQ(decoded.rows[0][0], stored);
        EXPECT_EQ(decoded.rows[1][0], stored);
      }
    }
  }
}

TEST(JsonDecoder, integers_are_integers_in_range) {
  std::vector<ValueCase> cases;
  const std::tuple<std::string_view, std::string_view, std::string_view, std::string_view,
                   std::string_view>
      limits[] = {
          {"Int8", "-128", "127", "-129", "128"},
          {"Int16", "-32768", "32767", "-32769", "32768"},
          {"Int32", "-2147483648", "2147483647", "-2147483649", "2147483648"},
          {"Int64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809",
           "9223372036854775808"},
          {"UInt8", "0", "255", "-1", "256"},
          {"UInt16", "0", "65535", "-1", "65536"},
          {"UInt32", "0", "4294967295", "-1", "4294967296"},
          {"UInt64", "0", "18446744073709551615", "-1", "18446744073709551616"},
      };
  for (const auto& [type, low, high, below, above] : limits) {
    cases.push_back({type, std::string(low), low});
    cases.push_back({type, std::string(high), high});
    cases.push_back({type, fmt::format(" {} ", high), high});
    cases.push_back({type, "-0", "0"});
    cases.push_back({type, std::string(below), "", kOutOfRange});
    cases.push_back({type, std::string(above), "", kOutOfRange});
    cases.push_back({type, std::string(300, '9'), "", kOutOfRange});
    for (const auto* wrong : {"1.5", "1.0", "1e2", "\"1\"", "true", "{}", "[1]", "1E-2"}) {
      cases.push_back({type, wrong, "", kWrongType});
    }
    for (const auto* bad : {"01", "-", "+1", "0x1", "1.", "1e", ".5", "1_000", "NaN", "- 1"}) {
      cases.push_back({type, bad, "", kMalformed});
    }
    cases.push_back({type, "null", "", kNullNotAllowed});
  }
  check_values(cases);
}

TEST(JsonDecoder, floats_hold_integers_only_if_exact) {
  check_values({
      {"Float64", "1.5", "1.5"},
      {"Float64", "-0.1", "-0.1"},
      {"Float64", "1e3", "1000"},
      {"Float64", "9007199254740992", "9007199254740992"},
      {"Float64", "9007199254740993", "", kOutOfRange},
      {"Float64", "18446744073709549568", "1.844674407370955e+19"},
      {"Float64", "18446744073709551615", "", kOutOfRange},
      {"Float64", "123456789012345678901234567890", "", kOutOfRange},
      {"Float64", "1e308", "1e+308"},
      {"Float64", "1e309", "", kOutOfRange},
      {"Float64", "-1e999", "", kOutOfRange},
      {"Float64", "1e-400", "", kOutOfRange},
      {"Float64", "0e-400", "0"},
      {"Float64", "5e-324", "5e-324"},
      {"Float64", "\"1.5\"", "", kWrongType},
      {"Float64", "false", "", kWrongType},
      {"Float64", "Infinity", "", kMalformed},
      {"Float32", "16777216", "16777216"},
      {"Float32", "16777217", "", kOutOfRange},
      {"Float32", "0.5", "0.5"},
      {"Float32", "0.1", "0.1"},
      {"Float32", "3.5e38", "", kOutOfRange},
      {"Float32", "1e-60", "", kOutOfRange},
      {"Nullable(Float32)", "null", "NULL"},
  });
}

TEST(JsonDecoder, decimals_fit_without_rounding) {
  const std::string nines(38, '9');
  check_values({
      {"Decimal(9, 2)", "12.34", "1234"},
      {"Decimal(9, 2)", "12.340", "1234"},
      {"Decimal(9, 2)", "12", "1200"},
      {"Decimal(9, 2)", "-0.01", "-1"},
      {"Decimal(9, 2)", "1234e-2", "1234"},
      {"Decimal(9, 2)", "1.2e1", "1200"},
      {"Decimal(9, 2)", "0.00000", "0"},
      {"Decimal(9, 2)", "0e999999999999", "0"},
      {"Decimal(9, 2)", "9999999.99", "999999999"},
      {"Decimal(9, 2)", "10000000", "", kOutOfRange},
      {"Decimal(9, 2)", "12.345", "", kOutOfRange},
      {"Decimal(9, 2)", "1e99999999999999999999", "", kOutOfRange},
      {"Decimal(9, 2)", "1e-99999999999999999999", "", kOutOfRange},
      {"Decimal(9, 2)", "\"12.34\"", "", kWrongType},
      {"Decimal(18, 0)", "999999999999999999", "999999999999999999"},
      {"Decimal(18, 0)", "1000000000000000000", "", kOutOfRange},
      {"Decimal(38, 0)", nines, nines},
      {"Decimal(38, 0)", "-" + nines, "-" + nines},
      {"Decimal(38, 0)", nines + "9", "", kOutOfRange},
      {"Decimal(38, 38)", "0." + nines, nines},
      {"Decimal(38, 38)", "1", "", kOutOfRange},
      {"Nullable(Decimal(9, 2))", "null", "NULL"},
  });
}

TEST(JsonDecoder, strings_are_strings_with_escapes_resolved) {
  const std::string long_text(5000, 'x');
  for (const std::string_view type : {"String", "LowCardinality(String)"}) {
    check_values({
        {type, R"("")", ""},
        {type, R"("abc")", "abc"},
        {type, R"("abc" )", "abc"},
        {type, R"("a\"b\\c\/d")", R"(a"b\c/d)"},
        {type, R"("\b\f\n\r\t")", "\b\f\n\r\t"},
        {type, R"("h\u00e9llo \u4e16 \ud83d\ude00")", "héllo 世 😀"},
        {type, R"("0123456789abcde\\")", "0123456789abcde\\"},
        {type, R"("{\"a\":[1,2]}")", R"({"a":[1,2]})"},
        {type, '"' + long_text + '"', long_text},
        {type, R"("\ud83d")", "", kInvalidUtf8},
        {type, R"("\ude00x")", "", kInvalidUtf8},
        {type, R"("\ud83d\u0041")", "", kInvalidUtf8},
        {type, R"("\x41")", "", kMalformed},
        {type, R"("\u12")", "", kMalformed},
        {type, R"("\u12G4")", "", kMalformed},
        {type, "1", "", kWrongType},
        {type, "true", "", kWrongType},
        {type, "{}", "", kWrongType},
        {type, "tru", "", kMalformed},
        {type, "null", "", kNullNotAllowed},
    });
  }
  check_values({{"Nullable(String)", "null", "NULL"},
                {"LowCardinality(Nullable(String))", "null", "NULL"},
                {"Nullable(String)", R"("null")", "null"},
                {"Nullable(String)", "nul", "", kMalformed}});
}

TEST(JsonDecoder, booleans_only_for_bool) {
  check_values({{"Bool", "true", "1"},
                {"Bool", "false", "0"},
                {"Bool", "1", "", kWrongType},
                {"Bool", R"("true")", "", kWrongType},
                {"Bool", "True", "", kMalformed},
                {"Bool", "truex", "", kMalformed},
                {"Nullable(Bool)", "null", "NULL"}});
}

TEST(JsonDecoder, times_are_iso_texts_in_range) {
  check_values({
      {"DateTime64(3, 'UTC')", R"("2025-09-18T10:30:00Z")", "1758191400000"},
      {"DateTime64(3, 'UTC')", R"("2025-09-18T10:30:00.12Z")", "1758191400120"},
      {"DateTime64(3, 'UTC')", R"("2025-09-18T10:30:00.123000Z")", "1758191400123"},
      {"DateTime64(3, 'UTC')", R"("2025-09-18T10:30:00.1234Z")", "", kOutOfRange},
      {"DateTime64(3, 'UTC')", R"("2025-09-18T14:00:00+03:30")", "1758191400000"},
      {"DateTime64(3, 'UTC')", R"("2025-09-18T05:30:00-05:00")", "1758191400000"},
      {"DateTime64(3)", R"("2013-01-01 05:00:00")", "1357016400000"},
      {"DateTime64(9)", R"("1969-12-31T23:59:59.999999999Z")", "-1"},
      {"DateTime64(0)", R"("1970-01-01T00:00:01.000Z")", "1"},
      {"DateTime64(3)", R"("1900-01-01T00:00:00Z")", "-2208988800000"},
      {"DateTime64(3)", R"("1899-12-31T23:59:59Z")", "", kOutOfRange},
      {"DateTime64(3)", R"("2299-12-31T23:59:59.999Z")", "10413791999999"},
      {"DateTime64(3)", R"("2300-01-01T00:00:00Z")", "", kOutOfRange},
      {"DateTime64(9)", R"("2299-12-31T23:59:59Z")", "", kOutOfRange},
      {"DateTime64(3)", R"("2025-02-29T00:00:00Z")", "", kOutOfRange},
      {"DateTime64(3)", R"("2024-02-29T00:00:00Z")", "1709164800000"},
      {"DateTime64(3)", R"("2025-01-01T24:00:00Z")", "", kOutOfRange},
      {"DateTime64(3)", R"("2025-01-01T23:60:00Z")", "", kOutOfRange},
      {"DateTime64(3)", R"("2025-01-01T23:59:60Z")", "", kOutOfRange},
      {"DateTime64(3)", R"("2025-01-01T00:00:00+24:00")", "", kOutOfRange},
      {"DateTime64(3)", R"("2025-01-01T00:00:00.Z")", "", kWrongType},
      {"DateTime64(3)", R"("2025-01-01T00:00:00z")", "", kWrongType},
      {"DateTime64(3)", R"("2025-01-01T00:00:00+0330")", "", kWrongType},
      {"DateTime64(3)", R"("2025-01-01T00:00Z")", "", kWrongType},
      {"DateTime64(3)", R"("2025-1-1T00:00:00Z")", "", kWrongType},
      {"DateTime64(3)", R"("2025-01-01")", "", kWrongType},
      {"DateTime64(3)", R"("yesterday, at about noon")", "", kWrongType},
      {"DateTime64(3)", R"("")", "", kWrongType},
      {"DateTime64(7)", R"("2025-09-18T10:30:00.1234567Z")", "17581914001234567"},
      {"DateTime64(9)", R"("2025-09-18 10:30:00.1")", "1758191400100000000"},
      {"DateTime64(3, 'Asia/Tehran')", R"("2025-09-18T14:00:00+03:30")", "1758191400000"},
      {"DateTime64(3, 'Asia/Tehran')", R"("2025-09-18T14:00:00")", "", kWrongType},
      {"DateTime", R"("2013-01-01 05:00:00")", "1357016400"},
      {"DateTime", R"("2106-02-07T06:28:15Z")", "4294967295"},
      {"DateTime", R"("2106-02-07T06:28:16Z")", "", kOutOfRange},
      {"DateTime", R"("1969-12-31T23:59:59Z")", "", kOutOfRange},
      {"DateTime", R"("2013-01-01T05:00:00.5Z")", "", kOutOfRange},
      {"Date", R"("1970-01-02")", "1"},
      {"Date", R"("2149-06-06")", "65535"},
      {"Date", R"("2149-06-07")", "", kOutOfRange},
      {"Date", R"("1969-12-31")", "", kOutOfRange},
      {"Date", R"("2013-01-01T00:00:00Z")", "", kWrongType},
      {"Date32", R"("1900-01-01")", "-25567"},
      {"Date32", R"("2299-12-31")", "120529"},
      {"Date32", R"("2300-01-01")", "", kOutOfRange},
      {"Nullable(DateTime)", "null", "NULL"},
      {"DateTime", R"("2013-01-01\u002005:00:00")", "1357016400"},
  });
}

TEST(JsonDecoder, numbers_for_times_are_seconds_since_the_epoch) {
  check_values({
      {"DateTime64(3)", "1758191400", "1758191400000"},
      {"DateTime64(3)", "1758191400.12", "1758191400120"},
      {"DateTime64(3)", "1758191400.1230", "1758191400123"},
      {"DateTime64(3)", "1758191400.1234", "", kOutOfRange},
      {"DateTime64(3)", "1758191400000", "", kOutOfRange},  // milliseconds are not seconds
      {"DateTime64(3)", "1e400", "", kOutOfRange},
      {"DateTime64(3)", "-0.001", "-1"},
      {"DateTime64(3)", "-2208988800", "-2208988800000"},
      {"DateTime64(3)", "-2208988801", "", kOutOfRange},
      {"DateTime64(9)", "-1.000000001", "-1000000001"},
      {"DateTime64(9)", "1758191400.123456789", "1758191400123456789"},
      {"DateTime64(9)", "9223372036.854775807", "9223372036854775807"},
      {"DateTime64(9)", "9223372036.854775808", "", kOutOfRange},
      {"DateTime64(0)", "99999999999", "", kOutOfRange},
      {"DateTime64(0)", "10413791999", "10413791999"},
      {"DateTime64(3)", "01", "", kMalformed},
      {"DateTime64(3)", R"("1758191400")", "", kWrongType},
      {"DateTime64(3, 'Asia/Tehran')", "1758191400", "1758191400000"},
      {"DateTime", "1357016400", "1357016400"},
      {"DateTime", "1357016400.0", "1357016400"},
      {"DateTime", "1357016400.5", "", kOutOfRange},
      {"DateTime", "4294967296", "", kOutOfRange},
      {"DateTime", "-1", "", kOutOfRange},
  });
}

TEST(JsonDecoder, numbers_of_time_count_what_the_plan_says) {
  const auto stored = [](std::string_view type, uint8_t digits, std::string_view json) {
    JsonPlan plan{.columns = {path_column("v", type)}, .epoch_digits = digits};
    const auto decoded = decode_all(std::move(plan), {fmt::format(R"({{"v":{}}})", json)});
    return decoded.rows.empty() ? std::string(reject_reason_name(decoded.rejects[0].reason))
                                : decoded.rows[0][0];
  };
  EXPECT_EQ(stored("DateTime64(3)", 3, "1758191400123"), "1758191400123");
  EXPECT_EQ(stored("DateTime64(6)", 3, "1758191400123.5"), "1758191400123500");
  EXPECT_EQ(stored("DateTime64(3)", 3, "1758191400123.5"), "out_of_range");
  EXPECT_EQ(stored("DateTime64(0)", 3, "1758191400000"), "1758191400");
  EXPECT_EQ(stored("DateTime64(0)", 3, "1758191400001"), "out_of_range");
  EXPECT_EQ(stored("DateTime", 3, "1758191400000"), "1758191400");
  EXPECT_EQ(stored("DateTime", 9, "1758191400000000000"), "1758191400");
  EXPECT_EQ(stored("DateTime64(9)", 9, "1758191400123456789"), "1758191400123456789");
  EXPECT_EQ(stored("DateTime64(9)", 6, "1758191400123456"), "1758191400123456000");
  EXPECT_EQ(stored("DateTime64(3)", 6, "-500000"), "-500");
  EXPECT_EQ(stored("Array(DateTime64(3))", 3, "[1758191400123]"), "[1758191400123]");
  EXPECT_EQ(stored("DateTime64(3)", 3, R"("2025-09-18T10:30:00.123Z")"), "1758191400123");
  EXPECT_EQ(stored("UInt64", 3, "1758191400123"), "1758191400123");
}

TEST(JsonDecoder, uuids_are_their_text) {
  check_values({
      {"UUID", R"("0198a1b2-c3d4-7e5f-8091-a2b3c4d5e6f7")", "0198a1b2c3d47e5f8091a2b3c4d5e6f7"},
      {"UUID", R"("0198A1B2-C3D4-7E5F-8091-A2B3C4D5E6F7")", "0198a1b2c3d47e5f8091a2b3c4d5e6f7"},
      {"UUID", R"("0198a1b2c3d47e5f8091a2b3c4d5e6f7")", "", kWrongType},
      {"UUID", R"("0198a1b2-c3d4-7e5f-8091-a2b3c4d5e6g7")", "", kWrongType},
      {"UUID", "7", "", kWrongType},
  });
}

TEST(JsonDecoder, integers_of_128_and_256_bits_are_numbers_or_their_texts) {
  const std::string int256_max =
      "57896044618658097711785492504343953926634992332820282019728792003956564819967";
  const std::string int256_min =
      "-57896044618658097711785492504343953926634992332820282019728792003956564819968";
  const std::string int256_above =
      "57896044618658097711785492504343953926634992332820282019728792003956564819968";
  const std::string uint256_max =
      "115792089237316195423570985008687907853269984665640564039457584007913129639935";
  const std::string uint256_above =
      "115792089237316195423570985008687907853269984665640564039457584007913129639936";
  check_values({
      {"Int128", "170141183460469231731687303715884105727",
       "170141183460469231731687303715884105727"},
      {"Int128", "170141183460469231731687303715884105728", "", kOutOfRange},
      {"Int128", "-170141183460469231731687303715884105728",
       "-170141183460469231731687303715884105728"},
      {"Int128", "-170141183460469231731687303715884105729", "", kOutOfRange},
      {"Int128", R"("-5")", "-5"},
      {"Int128", "0", "0"},
      {"Int128", "-0", "0"},
      {"Int128", "1.0", "", kWrongType},
      {"Int128", R"("1.0")", "", kWrongType},
      {"Int128", R"("")", "", kWrongType},
      {"Int128", R"("0x10")", "", kWrongType},
      {"Int128", "007", "", kMalformed},
      {"UInt128", "340282366920938463463374607431768211455",
       "340282366920938463463374607431768211455"},
      {"UInt128", "340282366920938463463374607431768211456", "", kOutOfRange},
      {"UInt128", "-1", "", kOutOfRange},
      {"Int256", int256_max, int256_max},
      {"Int256", int256_above, "", kOutOfRange},
      {"Int256", int256_min, int256_min},
      {"Int256", "-" + uint256_max, "", kOutOfRange},
      {"UInt256", '"' + uint256_max + '"', uint256_max},
      {"UInt256", uint256_above, "", kOutOfRange},
      {"UInt256", std::string(500, '9'), "", kOutOfRange},
      {"Nullable(UInt256)", "null", "NULL"},
      {"Decimal(76, 76)", "-0." + std::string(76, '9'), "-" + std::string(76, '9')},
      {"Decimal(76, 0)", std::string(77, '9'), "", kOutOfRange},
      {"Decimal(40, 2)", R"("12.34")", "1234"},
      {"Decimal(38, 2)", R"("12.34")", "1234"},
      {"Decimal(38, 2)", R"("12.345")", "", kOutOfRange},
      {"Decimal(38, 2)", R"("1,2")", "", kWrongType},
  });
}

TEST(JsonDecoder, addresses_names_and_fixed_strings_are_their_texts) {
  const std::string type = R"(Enum16('a' = -300, 'it\'s' = 2, '' = 7))";
  check_values({
      {"IPv4", R"("192.0.2.1")", "3221225985"},
      {"IPv4", R"("255.255.255.255")", "4294967295"},
      {"IPv4", R"("192.0.2")", "", kWrongType},
      {"IPv4", R"("192.0.2.256")", "", kWrongType},
      {"IPv4", R"("192.0.2.1\u0000")", "", kWrongType},
      {"IPv4", "3221225985", "", kWrongType},
      {"IPv6", R"("2001:db8::1")", "20010db8000000000000000000000001"},
      {"IPv6", R"("192.0.2.1")", "00000000000000000000ffffc0000201"},
      {"IPv6", R"("::ffff:192.0.2.1")", "00000000000000000000ffffc0000201"},
      {"IPv6", R"("2001:db8::g")", "", kWrongType},
      {"IPv6", R"("fe80::1%eth0")", "", kWrongType},
      {"Nullable(IPv6)", "null", "NULL"},
      {type, R"("a")", "-300"},
      {type, R"("it's")", "2"},
      {type, R"("it\u0027s")", "2"},
      {type, R"("")", "7"},
      {type, R"("A")", "", kOutOfRange},
      {type, "2", "", kWrongType},
      {"Nullable(Enum8('x' = 1))", "null", "NULL"},
      {"FixedString(2)", R"("de")", "6465"},
      {"FixedString(2)", R"("\u00e9")", "c3a9"},
      {"FixedString(2)", R"("d")", "", kOutOfRange},
      {"FixedString(2)", R"("deu")", "", kOutOfRange},
      {"FixedString(2)", "12", "", kWrongType},
      {"LowCardinality(UInt8)", "255", "255"},
      {"LowCardinality(UInt8)", "256", "", kOutOfRange},
      {"LowCardinality(Nullable(Date))", "null", "NULL"},
      {"LowCardinality(Nullable(Date))", R"("1970-01-02")", "1"},
  });
}

struct RecordCase {
  std::string record;
  RejectReason reason;
  std::string_view path = {};
};

TEST(JsonDecoder, rejects_each_kind_of_broken_record_alone) {
  const std::string deep = repeated("[", 64) + repeated("]", 64);
  const std::vector<RecordCase> cases = {
      {"", kMalformed},
      {"  \n ", kMalformed},
      {"[]", kNotAnObject},
      {R"([{"a":1}])", kNotAnObject},
      {"7", kNotAnObject},
      {R"("text")", kNotAnObject},
      {"null", kNotAnObject},
      {"[1,", kMalformed},
      {"nul", kMalformed},
      {"{", kMalformed},
      {"}", kMalformed},
      {R"({"a":1)", kMalformed},
      {R"({"a":1,})", kMalformed},
      {R"({"a":1 "b":2})", kMalformed},
      {R"({"a" 1})", kMalformed},
      {R"({a:1})", kMalformed},
      {R"({"a":})", kMalformed, "a"},
      {R"({"a":1}})", kMalformed},
      {R"({"a":1}{"a":2})", kMalformed},
      {R"({"a":1} x)", kMalformed},
      {R"({"a":1},)", kMalformed},
      {R"({"a":"x)", kMalformed},
      {"{\"s\":\"line\nfeed\"}", kMalformed},
      {R"({"a":1,"other":01})", kMalformed, "other"},
      {R"({"a":1,"other":{"x":[1,2,}]}})", kMalformed, "other"},
      {R"({"a":1,"other":"\q"})", kMalformed, "other"},
      {R"({"a":1,"other":["\ud800"]})", kInvalidUtf8, "other"},
      {"{\"s\":\"\xC3\"}", kInvalidUtf8},
      {"{\"s\":\"\xC0\xAF\"}", kInvalidUtf8},
      {"{\"s\":\"\xED\xA0\x80\"}", kInvalidUtf8},
      {"\xFF", kInvalidUtf8},
      {R"({"a":1,"a":1})", kDuplicateKey, "a"},
      {R"({"a":1,"\u0061":1})", kDuplicateKey, "a"},
      {R"({"a":1,"other":1,"other":2})", kDuplicateKey, "other"},
      {R"({"o":{"n":1,"n":2}})", kDuplicateKey, "o.n"},
      {R"({"a":1,"other":)" + deep + "}", kTooDeep, "other"},
      {R"({"o":[]})", kWrongType, "o"},
      {R"({"o":7})", kWrongType, "o"},
      {R"({"o":null})", kNullNotAllowed, "o"},
      {R"({"o":{"n":"x"}})", kWrongType, "o.n"},
      {std::string(2 << 20, ' '), kTooLarge},
      {R"({"s":")" + std::string(2 << 20, 'x') + R"("})", kTooLarge},
      {R"({"a":300})", kOutOfRange, "a"},
  };
  const JsonPlan plan{.columns = {path_column("a", "UInt8"), path_column("s", "String"),
                                  path_column("n", "Int32", "o.n")}};
  std::vector<std::optional<std::string>> values;
  for (const auto& broken : cases) {
    values.emplace_back(R"({"a":1,"s":"before","o":{"n":1}})");
    values.emplace_back(broken.record);
  }
  values.emplace_back(R"({"a":2,"s":"after","o":{"n":2}})");
  for (const size_t run_bytes : {size_t{0}, size_t{64}, JsonPlan{}.run_bytes}) {
    JsonPlan run_plan = plan;
    run_plan.run_bytes = run_bytes;
    const auto decoded = decode_all(std::move(run_plan), values);
    ASSERT_EQ(decoded.rejects.size(), cases.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      const Reject& reject = decoded.rejects[i];
      SCOPED_TRACE(fmt::format("{} -> {}", cases[i].record.substr(0, 60), reject.detail));
      EXPECT_EQ(reject.reason, cases[i].reason) << reject_reason_name(reject.reason);
      EXPECT_EQ(reject.path, cases[i].path);
      EXPECT_EQ(reject.index, 2 * i + 1);
      EXPECT_LE(reject.detail.size(), 300U);
    }
    ASSERT_EQ(decoded.rows.size(), cases.size() + 1);
    EXPECT_THAT(decoded.rows.front(), ElementsAre("1", "before", "1"));
    EXPECT_THAT(decoded.rows.back(), ElementsAre("2", "after", "2"));
  }
}

TEST(JsonDecoder, broken_neighbours_never_make_a_document) {
  const JsonPlan plan{.columns = {path_column("a", "Nullable(String)")}};
  const std::vector<std::vector<std::optional<std::string>>> groups = {
      {R"({"a":)", R"("x"})"},           {R"({"a":"x)", R"(y"})"},
      {R"({"a":"x"})", R"(})"},          {R"({"a":"x"},{"a":"y"})", R"({"a":"z"})"},
      {R"({"a":"x)", R"({"a":"y"})"},    {R"({"a":"x\)", R"("})"},
      {R"({"a":"x"}\)", R"({"a":"y"})"}, {R"({)", R"("a":"x"})"},
      {"{\"a\":\"\xE4\xB8", "\x96\"}"},  {R"({"a":"x"}")", R"("{"a":"y"})"},
      {R"({"a":"x" )", R"( , "b":1})"},  {R"([)", R"({"a":"x"})", R"(])"},
  };
  for (const auto& group : groups) {
    auto alone = plan;
    alone.run_bytes = 0;
    const auto expected = decode_all(alone, group);
    std::vector<std::optional<std::string>> surrounded(20, R"({"a":"good"})");
    surrounded.insert(surrounded.begin() + 10, group.begin(), group.end());
    const auto decoded = decode_all(plan, surrounded);
    EXPECT_EQ(decoded.rows.size(), 20 + expected.rows.size()) << *group[0];
    EXPECT_EQ(decoded.rejects.size(), expected.rejects.size());
  }
}

TEST(JsonDecoder, finds_columns_at_their_paths) {
  const std::string record = R"({
    "created_at": "Sun Aug 31 00:29:15 +0000 2014", "id": 505874924095815681, "text": "@aym0566x \n\n名前:前田あゆみ",
    "user": {"id": 1186275104, "name": "AYUMI", "entities": {"description": {"urls": [{"u": 1}, []]}}, "verified": false},
    "metadata": {"result_type": "recent", "iso_language_code": "ja"}, "geo": null, "truncated": false,
    "entities": {"hashtags": [], "user_mentions": [{"indices": [0, 9], "id_str": "866260188"}]}
  })";
  JsonPlan plan{.columns = {path_column("id", "UInt64"), path_column("text", "String"),
                            path_column("user_name", "LowCardinality(String)", "user.name"),
                            path_column("verified", "Bool", "user.verified"),
                            path_column("lang", "String", "metadata.iso_language_code"),
                            path_column("geo", "Nullable(String)"),
                            path_column("user_id", "Int64", "user.id"),
                            path_column("again", "String", "user.name")}};
  const auto decoded = decode_all(plan, {record, record, record});
  EXPECT_THAT(decoded.rejects, IsEmpty());
  for (const auto& row : decoded.rows) {
    EXPECT_THAT(row, ElementsAre("505874924095815681", "@aym0566x \n\n名前:前田あゆみ", "AYUMI",
                                 "0", "ja", "NULL", "1186275104", "AYUMI"));
  }
}

TEST(JsonDecoder, a_null_object_is_a_null_for_each_of_its_columns) {
  const JsonPlan plan{.columns = {path_column("x", "Nullable(Int32)", "o.x"),
                                  path_column("y", "Nullable(String)", "o.p.y")}};
  const auto decoded = decode_all(
      plan, {R"({"o":null})", R"({"o":{"p":null,"x":1}})", R"({"o":{"p":{"y":"t"},"x":2}})"});
  ASSERT_THAT(decoded.rejects, IsEmpty());
  EXPECT_THAT(decoded.rows, ElementsAre(ElementsAre("NULL", "NULL"), ElementsAre("1", "NULL"),
                                        ElementsAre("2", "t")));
}

TEST(JsonDecoder, missing_fields_follow_their_policy) {
  JsonPlan plan;
  const auto add = [&](std::string_view name, std::string_view type, MissingPolicy missing,
                       std::string constant = {}) {
    auto column = path_column(name, type);
    column.missing = missing;
    column.constant = std::move(constant);
    plan.columns.push_back(std::move(column));
  };
  add("zero", "Int32", MissingPolicy::kDefault);
  add("none", "Nullable(Int32)", MissingPolicy::kDefault);
  add("level", "LowCardinality(String)", MissingPolicy::kConstant, R"("in\u0066o")");
  add("price", "Decimal(9, 2)", MissingPolicy::kConstant, "1.5");
  add("at", "DateTime64(6, 'UTC')", MissingPolicy::kRecordTime);
  add("at_s", "DateTime", MissingPolicy::kRecordTime);
  add("needed", "String", MissingPolicy::kReject);
  const auto decoded = decode_all(
      plan, {R"({"needed":"x"})", R"({"zero":1})", R"({"needed":"y","zero":5,"level":"warn"})"});
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_EQ(decoded.rejects[0].reason, kMissingField);
  EXPECT_EQ(decoded.rejects[0].path, "needed");
  EXPECT_EQ(decoded.rejects[0].offset, Offset(101));
  EXPECT_THAT(decoded.rows[0],
              ElementsAre("0", "NULL", "info", "150", "1758191400123000", "1758191400", "x"));
  EXPECT_THAT(decoded.rows[1],
              ElementsAre("5", "NULL", "warn", "150", "1758191400123000", "1758191400", "y"));
}

TEST(JsonDecoder, unknown_fields_are_ignored_or_refused) {
  JsonPlan plan{.columns = {path_column("a", "Int32"), path_column("b", "Int32", "o.b")}};
  const std::vector<std::optional<std::string>> values = {
      R"({"a":1,"o":{"b":2}})", R"({"a":1,"new":{"x":[1,{"y":null}]},"o":{"b":2}})",
      R"({"a":1,"o":{"b":2,"new":3}})", R"({"a":1,"o":{"b":2}})"};
  EXPECT_EQ(decode_all(plan, values).rows.size(), 4U);
  plan.unknown_fields = UnknownFieldPolicy::kReject;
  const auto decoded = decode_all(plan, values);
  ASSERT_EQ(decoded.rejects.size(), 2U);
  EXPECT_EQ(decoded.rejects[0].reason, kUnknownField);
  EXPECT_EQ(decoded.rejects[0].path, "new");
  EXPECT_EQ(decoded.rejects[1].path, "o.new");
}

TEST(JsonDecoder, metadata_columns_come_from_the_record) {
  JsonPlan plan;
  plan.columns.push_back(path_column("a", "Int32"));
  const auto add = [&](std::string name, std::string_view type, ColumnSource source) {
    plan.columns.push_back(
        {.field = {std::move(name), parse_clickhouse_type(type).value()}, .source = source});
  };
  add("_topic", "LowCardinality(String)", ColumnSource::kTopic);
  add("_partition", "UInt32", ColumnSource::kPartition);
  add("_offset", "UInt64", ColumnSource::kOffset);
  add("at", "DateTime64(3, 'UTC')", ColumnSource::kTimestamp);
  add("key", "Nullable(String)", ColumnSource::kKey);
  add("raw", "String", ColumnSource::kValue);
  const auto decoded = decode_all(plan, {R"({"a":1})", "broken", std::nullopt, R"({"a": 2})"});
  EXPECT_THAT(
      decoded.rows,
      ElementsAre(
          ElementsAre("1", "events", "3", "100", "1758191400123", "the key", R"({"a":1})"),
          ElementsAre("2", "events", "3", "103", "1758191400123", "the key", R"({"a": 2})")));
  ASSERT_EQ(decoded.rejects.size(), 2U);
  EXPECT_EQ(decoded.rejects[1].reason, kNoValue);
}

TEST(JsonDecoder, the_order_of_keys_may_change_at_any_time) {
  const JsonPlan plan{.columns = {path_column("a", "Int32"), path_column("b", "Nullable(Int32)"),
                                  path_column("c", "Nullable(Int32)")}};
  std::mt19937 random(1);
  std::vector<std::optional<std::string>> values;
  std::vector<std::vector<std::string>> expected;
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::string> fields = {fmt::format(R"("a":{})", i)};
    const bool b = random() % 3 != 0;
    const bool c = random() % 3 != 0;
    if (b) fields.push_back(fmt::format(R"("b":{})", i + 1));
    if (c) fields.push_back(fmt::format(R"("c":{})", i + 2));
    if (random() % 4 == 0) fields.push_back(fmt::format(R"("x{}":"{}")", random() % 300, i));
    if (random() % 2 == 0) std::ranges::shuffle(fields, random);
    values.emplace_back(fmt::format("{{{}}}", fmt::join(fields, ",")));
    expected.push_back({fmt::to_string(i), b ? fmt::to_string(i + 1) : "NULL",
                        c ? fmt::to_string(i + 2) : "NULL"});
  }
  const auto decoded = decode_all(plan, values);
  EXPECT_THAT(decoded.rejects, IsEmpty());
  EXPECT_EQ(decoded.rows, expected);
}

TEST(JsonDecoder, details_name_the_column_and_the_value) {
  const JsonPlan plan{.columns = {path_column("total", "UInt8", "payload.total")}};
  const auto decoded = decode_all(plan, {R"({"payload":{"total":"a lot, really"}})"});
  ASSERT_EQ(decoded.rejects.size(), 1U);
  EXPECT_EQ(decoded.rejects[0].path, "payload.total");
  EXPECT_EQ(decoded.rejects[0].detail,
            R"(expected a value of type UInt8 for column total, found "a lot, really")");
}

TEST(JsonDecoder, refuses_plans_that_cannot_be) {
  const auto refused = [](JsonPlan plan) {
    const auto decoder = JsonDecoder::create(std::move(plan));
    return decoder ? std::string() : decoder.error().message();
  };
  EXPECT_THAT(
      refused({.columns = {path_column("a", "String", "x"), path_column("b", "String", "x.y")}}),
      HasSubstr("column b"));
  EXPECT_THAT(refused({.columns = {path_column("a", "String"), path_column("a", "String", "x")}}),
              HasSubstr("twice"));
  auto constant = path_column("n", "UInt8");
  constant.missing = MissingPolicy::kConstant;
  constant.constant = "300";
  EXPECT_THAT(refused({.columns = {constant}}), HasSubstr("300"));
  constant.constant = "1} ,";
  EXPECT_THAT(refused({.columns = {constant}}), HasSubstr("constant"));
  EXPECT_THAT(refused({.columns = {{.field = {"p", parse_clickhouse_type("UInt8").value()},
                                    .source = ColumnSource::kPartition}}}),
              HasSubstr("the partition does not fit UInt8"));
  EXPECT_THAT(refused({.columns = {path_column("a", "String")}, .limits = {.depth_max = 0}}),
              HasSubstr("depth"));
}

TEST(JsonPath, survives_its_text_form) {
  for (const auto* text : {"a", "payload.total", R"(a\.b.c\\d)", "ключ.значение"}) {
    EXPECT_EQ(json_path_text(parse_json_path(text).value()), text);
  }
  EXPECT_THAT(parse_json_path(R"(a\.b.c)").value(), ElementsAre("a.b", "c"));
  for (const auto* bad : {"", ".", "a.", ".a", "a..b", R"(a\b)", "a\\"}) {
    EXPECT_FALSE(parse_json_path(bad)) << bad;
  }
}

}  // namespace
}  // namespace freshet::decode
