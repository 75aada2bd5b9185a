#include "warehouse/native_reframer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "warehouse/native_type.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::warehouse {
namespace {

using ::testing::HasSubstr;

const std::string kInfo("\x01\x00\x02\xFF\xFF\xFF\xFF\x00", 8);

// One block: a column "n" UInt8 with the value 7.
const std::string kBlock("\x01\x01\x01n\x05UInt8\x07", 11);

TEST(NativeReframer, puts_block_info_and_forms_between_what_was_there) {
  for (const auto& [revision, want] :
       {std::pair<uint64_t, std::string>{0, kBlock},
        {54'405, kInfo + kBlock},
        {54'460, kInfo + std::string("\x01\x01\x01n\x05UInt8\x00\x07", 12)}}) {
    NativeReframer reframer(revision);
    std::string out;
    ASSERT_TRUE(reframer.push(kBlock + kBlock.substr(0, 5), out));
    EXPECT_EQ(out, want);
    ASSERT_TRUE(reframer.push(kBlock.substr(5), out));
    ASSERT_TRUE(reframer.finish(out));
    EXPECT_EQ(out, want + want);
  }
}

TEST(NativeReframer, says_what_it_cannot_read) {
  std::string out;
  NativeReframer cut(1);
  ASSERT_TRUE(cut.push(kBlock.substr(0, 10), out));
  EXPECT_EQ(cut.finish(out).error().code(), Errc::kCorrupt);
  NativeReframer unknown(1);
  const auto refused = unknown.push(std::string("\x01\x01\x01n\x04JSON\x07", 10), out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnsupported);
  EXPECT_THAT(refused.error().message(), HasSubstr("JSON"));
  NativeReframer garbage(1);
  EXPECT_EQ(garbage.push(std::string(11, '\xFF'), out).error().code(), Errc::kCorrupt);
  EXPECT_EQ(out, "");
}

TEST(NativeType, reads_names_with_quotes_and_parentheses) {
  const auto type = NativeType::parse(
      "Tuple(`a (b, \\` c` Array(Nullable(FixedString(3))), e Enum8('x(,\\'' = 1, 'y' = 2))");
  ASSERT_TRUE(type) << type.error().message();
  ASSERT_EQ(type->parts.size(), 2U);
  EXPECT_EQ(type->parts[0].parts[0].parts[0].width, 3U);
  EXPECT_EQ(type->parts[1].width, 1U);
  for (const char* wrong : {"", "Array", "Array()", "Array(UInt8, UInt8)", "Nullable(", "Map(",
                            "AggregateFunction(sum, UInt8)", "Dynamic", "uint8"}) {
    EXPECT_FALSE(NativeType::parse(wrong)) << wrong;
  }
  std::string deep(100'000, '(');
  for (int i = 0; i < 100; ++i) deep.insert(0, "Array(");
  EXPECT_FALSE(NativeType::parse(deep));
}

class NativeOfEngine : public testing::EngineTest {
 protected:
  /// Whole rows in several blocks: the end of every column must be found to find the next.
  void expect_reframed(const std::string& select, size_t columns) {
    auto connection = engine_->connect();
    ASSERT_TRUE(connection);
    const auto answer = connection->query(select, "Native", {{"max_block_size", "100"}});
    ASSERT_TRUE(answer) << select << ": " << answer.error().message();
    NativeReframer reframer(54'460);
    std::string out;
    for (size_t at = 0; at < answer->bytes.size(); at += 777) {
      const auto pushed = reframer.push(std::string_view(answer->bytes).substr(at, 777), out);
      ASSERT_TRUE(pushed) << select << ": " << pushed.error().message();
    }
    const auto finished = reframer.finish(out);
    ASSERT_TRUE(finished) << select << ": " << finished.error().message();
    const size_t per_block = kInfo.size() + columns;
    EXPECT_EQ((out.size() - answer->bytes.size()) % per_block, 0U) << select;
    EXPECT_GE(out.size() - answer->bytes.size(), per_block * 3) << select;
  }
};

TEST_F(NativeOfEngine, blocks_of_every_type_are_found) {
  for (const char* type : {"UInt8",
                           "Int16",
                           "UInt32",
                           "Int64",
                           "UInt128",
                           "Int256",
                           "Float32",
                           "Float64",
                           "Bool",
                           "String",
                           "FixedString(7)",
                           "Date",
                           "Date32",
                           "DateTime",
                           "DateTime('UTC')",
                           "DateTime64(3, 'Europe/Berlin')",
                           "UUID",
                           "IPv4",
                           "IPv6",
                           "Decimal(9, 2)",
                           "Decimal(18, 4)",
                           "Decimal(38, 10)",
                           "Decimal(76, 20)",
                           "Enum8('a(' = 1, 'b,' = 2)",
                           "Enum16('x' = 1000)",
                           "Nullable(String)",
                           "Nullable(Decimal(18, 4))",
                           "Array(String)",
                           "Array(Array(UInt16))",
                           "Array(Nullable(UUID))",
                           "Map(String, Array(UInt8))",
                           "Tuple(a UInt8, b String)",
                           "Tuple(UInt64, Tuple(String, Nullable(Int8)))",
                           "LowCardinality(String)",
                           "LowCardinality(Nullable(String))",
                           "Array(LowCardinality(String))",
                           "Map(LowCardinality(String), Tuple(UInt8, Array(Int32)))",
                           "Point",
                           "Ring",
                           "Polygon",
                           "MultiPolygon"}) {
    std::string quoted;
    for (const char* c = type; *c != '\0'; ++c) quoted += *c == '\'' ? "\\'" : std::string(1, *c);
    expect_reframed(
        "SELECT * FROM generateRandom('v " + quoted + ", w String', 1, 10, 3) LIMIT 500", 2);
  }
  const std::string variant = "Variant(UInt64, String, Array(UInt8))";
  const std::string of_variant = "multiIf(number % 3 = 0, number::" + variant +
                                 ", number % 3 = 1, toString(number)::" + variant + ", NULL)";
  for (const std::string& value :
       {of_variant, std::string("if(number % 3 = 0, NULL, number)"),
        std::string("toIntervalDay(number)"), std::string("[]"), std::string("map()"),
        std::string("NULL"), std::string("tuple()"),
        std::string("toLowCardinality(toString(number % 70000))"),
        std::string("CAST(number, 'SimpleAggregateFunction(sum, UInt64)')")}) {
    expect_reframed("SELECT number, " + value + " AS v, 'x' FROM numbers(500)", 3);
  }
}

}  // namespace
}  // namespace freshet::warehouse
