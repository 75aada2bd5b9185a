#include "sink/row_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace freshet::sink {
namespace {

TEST(SelectRows, copies_every_kind_of_column) {
  auto schema = std::make_shared<Schema>();
  for (const char* type : {"String", "LowCardinality(Nullable(String))", "Nullable(Int32)", "UUID",
                           "UInt8", "Date", "Float64", "Array(Nullable(String))", "Int256"}) {
    schema->push_back({.name = type, .type = parse_clickhouse_type(type).value()});
  }
  ColumnBatch batch(schema);
  for (int i = 0; i < 5; ++i) {
    batch.column(0).append_string("s" + std::to_string(i));
    i == 2 ? batch.column(1).append_null() : batch.column(1).append_string(i == 4 ? "x" : "y");
    i == 3 ? batch.column(2).append_null() : batch.column(2).append_fixed<int32_t>(i * 10);
    batch.column(3).append_fixed(std::array<uint8_t, 16>{static_cast<uint8_t>(i)});
    batch.column(4).append_fixed(static_cast<uint8_t>(i));
    batch.column(5).append_fixed(static_cast<uint16_t>(i));
    batch.column(6).append_fixed(i * 0.5);
    for (int element = 0; element < i; ++element) {
      Column& elements = batch.column(7).child();
      element == 1 ? elements.append_null() : elements.append_string(std::to_string(element));
    }
    batch.column(7).finish_list();
    batch.column(8).append_fixed(std::array<uint64_t, 4>{0, 0, 0, static_cast<uint64_t>(i)});
  }
  const std::array<size_t, 3> rows = {4, 2, 3};
  const ColumnBatch some = select_rows(batch, rows);
  ASSERT_EQ(some.rows(), 3U);
  EXPECT_EQ(some.column(0).string_at(0), "s4");
  EXPECT_EQ(some.column(1).string_at(0), "x");
  EXPECT_TRUE(some.column(1).is_null(1));
  EXPECT_TRUE(some.column(2).is_null(2));
  EXPECT_EQ(some.column(2).fixed<int32_t>()[1], 20);
  EXPECT_EQ(std::to_integer<int>(some.column(3).values()[16]), 2);
  EXPECT_EQ(some.column(4).fixed<uint8_t>()[2], 3);
  EXPECT_EQ(some.column(5).fixed<uint16_t>()[0], 4);
  EXPECT_EQ(some.column(6).fixed<double>()[2], 1.5);
  EXPECT_THAT(some.column(7).offsets(), ::testing::ElementsAre(0, 4, 6, 9));
  EXPECT_TRUE(some.column(7).child().is_null(5));
  EXPECT_EQ(some.column(7).child().string_at(8), "2");
  EXPECT_EQ((some.column(8).fixed<std::array<uint64_t, 4>>()[1][3]), 2U);
}

}  // namespace
}  // namespace freshet::sink
