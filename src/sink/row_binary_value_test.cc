#include "sink/row_binary_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::sink {
namespace {

using ::testing::ElementsAre;
using std::string_literals::operator""s;

Column column_of(std::string_view type) { return Column(parse_clickhouse_type(type).value()); }

TEST(RowBinaryValue, reads_values_made_of_values) {
  Column column = column_of("Map(String, Array(Tuple(UInt16, Nullable(String))))");
  const std::string bytes = "\x02\x01k\x02\x07\x00\x00\x01x\x08\x00\x01\x01l\x00"s;
  const auto appended = append_row_binary(column, bytes);
  ASSERT_TRUE(appended) << appended.error().message();
  EXPECT_EQ(column.size(), 1U);
  EXPECT_THAT(column.offsets(), ElementsAre(0, 2));
  const Column& values = column.child().child(1);
  EXPECT_THAT(values.offsets(), ElementsAre(0, 2, 2));
  EXPECT_THAT(values.child().child(0).fixed<uint16_t>(), ElementsAre(7, 8));
  EXPECT_EQ(values.child().child(1).string_at(0), "x");
  EXPECT_TRUE(values.child().child(1).is_null(1));
}

TEST(RowBinaryValue, every_truncation_and_surplus_is_an_error) {
  const std::string bytes = "\x02\x01k\x02\x07\x00\x00\x01x\x08\x00\x01\x01l\x00"s;
  for (size_t size = 0; size < bytes.size(); ++size) {
    Column column = column_of("Map(String, Array(Tuple(UInt16, Nullable(String))))");
    EXPECT_FALSE(append_row_binary(column, bytes.substr(0, size))) << size;
  }
  Column column = column_of("Map(String, Array(Tuple(UInt16, Nullable(String))))");
  EXPECT_FALSE(append_row_binary(column, bytes + "x"));
}

TEST(RowBinaryValue, lengths_beyond_the_bytes_allocate_nothing) {
  Column strings = column_of("String");
  EXPECT_FALSE(append_row_binary(strings, "\xff\xff\xff\xff\xff\xff\xff\x7f"s));
  Column arrays = column_of("Array(UInt8)");
  EXPECT_FALSE(append_row_binary(arrays, "\xff\xff\xff\xff\x0f"s));
}

}  // namespace
}  // namespace freshet::sink
