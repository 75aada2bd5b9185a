#include "model/arrow_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace freshet {
namespace {

Schema schema_of(std::initializer_list<std::pair<std::string, std::string_view>> fields) {
  Schema schema;
  for (const auto& [name, type] : fields) {
    schema.push_back({name, parse_clickhouse_type(type).value()});
  }
  return schema;
}

template <class T>
T value_at(const ArrowArray& array, size_t row) {
  T value;
  std::memcpy(&value, static_cast<const char*>(array.buffers[1]) + row * sizeof(T), sizeof(T));
  return value;
}

TEST(ArrowExport, writes_the_formats_of_the_specification) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"String", "u"},
      {"LowCardinality(String)", "i"},
      {"Bool", "b"},
      {"Int8", "c"},
      {"UInt8", "C"},
      {"Int16", "s"},
      {"UInt16", "S"},
      {"Int32", "i"},
      {"UInt32", "I"},
      {"Int64", "l"},
      {"UInt64", "L"},
      {"Float32", "f"},
      {"Float64", "g"},
      {"Date", "tdD"},
      {"Date32", "tdD"},
      {"DateTime", "tss:UTC"},
      {"DateTime64(0)", "tss:UTC"},
      {"DateTime64(3, 'Asia/Tehran')", "tsm:Asia/Tehran"},
      {"DateTime64(5)", "tsu:UTC"},
      {"DateTime64(9)", "tsn:UTC"},
      {"Decimal(9, 2)", "d:9,2"},
      {"Decimal(38, 10)", "d:38,10"},
      {"UUID", "w:16"},
      {"Decimal(76, 10)", "d:76,10,256"},
      {"FixedString(5)", "w:5"},
      {"Int128", "w:16"},
      {"UInt256", "w:32"},
      {"IPv4", "I"},
      {"IPv6", "w:16"},
      {"Enum8('a' = 1)", "c"},
      {"Enum16('a' = 1)", "s"},
      {"JSON", "u"},
      {"Array(UInt8)", "+l"},
      {"Tuple(UInt8)", "+s"},
      {"Map(String, UInt8)", "+m"},
  };
  for (const auto& [type, format] : cases) {
    ArrowSchema schema;
    export_arrow_schema(schema_of({{"c", type}}), &schema);
    ASSERT_EQ(schema.n_children, 1);
    EXPECT_STREQ(schema.format, "+s");
    EXPECT_EQ(schema.children[0]->format, format) << type;
    EXPECT_STREQ(schema.children[0]->name, "c");
    EXPECT_EQ(schema.children[0]->dictionary != nullptr, type == "LowCardinality(String)");
    schema.release(&schema);
    EXPECT_EQ(schema.release, nullptr);
  }
}

TEST(ArrowExport, lays_out_values_made_of_values) {
  const auto schema = std::make_shared<Schema>(
      schema_of({{"m", "Map(String, Tuple(a UInt8, b LowCardinality(String)))"}}));
  ArrowSchema described;
  export_arrow_schema(*schema, &described);
  const ArrowSchema& entries = *described.children[0]->children[0];
  EXPECT_STREQ(entries.name, "entries");
  EXPECT_STREQ(entries.children[0]->name, "key");
  EXPECT_STREQ(entries.children[1]->children[1]->name, "b");
  EXPECT_NE(entries.children[1]->children[1]->dictionary, nullptr);
  described.release(&described);

  auto batch = std::make_shared<ColumnBatch>(schema);
  Column& column = batch->column(0);
  for (const auto* key : {"x", "yy"}) {
    column.child().child(0).append_string(key);
    column.child().child(1).child(0).append_fixed<uint8_t>(9);
    column.child().child(1).child(1).append_string("l");
    column.child().child(1).finish_tuple();
    column.child().finish_tuple();
  }
  column.finish_list();
  column.append_default();
  ArrowArray array;
  ASSERT_TRUE(export_arrow_array(batch, &array));
  const ArrowArray& map = *array.children[0];
  EXPECT_EQ(map.length, 2);
  EXPECT_EQ(map.n_buffers, 2);
  EXPECT_EQ(value_at<int32_t>(map, 1), 2);
  EXPECT_EQ(value_at<int32_t>(map, 2), 2);
  const ArrowArray& entry = *map.children[0];
  EXPECT_EQ(entry.length, 2);
  EXPECT_EQ(entry.n_buffers, 1);
  EXPECT_EQ(value_at<int32_t>(*entry.children[0], 2), 3);
  EXPECT_EQ(value_at<uint8_t>(*entry.children[1]->children[0], 1), 9);
  EXPECT_NE(entry.children[1]->children[1]->dictionary, nullptr);
  array.release(&array);
}

TEST(ArrowExport, lays_out_strings_dictionaries_and_nulls) {
  const auto schema = std::make_shared<Schema>(
      schema_of({{"s", "Nullable(String)"}, {"d", "LowCardinality(String)"}}));
  auto batch = std::make_shared<ColumnBatch>(schema);
  batch->column(0).append_string("héllo");
  batch->column(0).append_null();
  batch->column(1).append_string("x");
  batch->column(1).append_string("yy");
  ArrowArray array;
  ASSERT_TRUE(export_arrow_array(batch, &array));
  EXPECT_EQ(array.length, 2);
  EXPECT_EQ(array.n_buffers, 1);
  const ArrowArray& strings = *array.children[0];
  EXPECT_EQ(strings.n_buffers, 3);
  EXPECT_EQ(strings.null_count, 1);
  EXPECT_EQ(*static_cast<const uint8_t*>(strings.buffers[0]) & 3, 1);
  EXPECT_EQ(value_at<int32_t>(strings, 1), 6);
  EXPECT_EQ(std::memcmp(strings.buffers[2], "héllo", 6), 0);
  const ArrowArray& codes = *array.children[1];
  EXPECT_EQ(value_at<int32_t>(codes, 1), 1);
  ASSERT_NE(codes.dictionary, nullptr);
  EXPECT_EQ(codes.dictionary->length, 2);
  EXPECT_EQ(std::memcmp(codes.dictionary->buffers[2], "xyy", 3), 0);
  EXPECT_EQ(codes.buffers[0], nullptr);
  array.release(&array);
  EXPECT_EQ(batch.use_count(), 1);
}

TEST(ArrowExport, widens_what_arrow_has_only_wider) {
  const auto schema = std::make_shared<Schema>(schema_of({{"b", "Bool"},
                                                          {"day", "Date"},
                                                          {"at", "DateTime"},
                                                          {"price", "Decimal(9, 2)"},
                                                          {"ts", "DateTime64(1)"}}));
  auto batch = std::make_shared<ColumnBatch>(schema);
  for (int i = 0; i < 9; ++i) {
    batch->column(0).append_fixed(static_cast<uint8_t>(i % 2));
    batch->column(1).append_fixed(uint16_t{65'000});
    batch->column(2).append_fixed(uint32_t{4'000'000'000});
    batch->column(3).append_fixed(int32_t{-1234});
    batch->column(4).append_fixed(int64_t{-15});
  }
  ArrowArray array;
  ASSERT_TRUE(export_arrow_array(batch, &array));
  const auto* bits = static_cast<const uint8_t*>(array.children[0]->buffers[1]);
  EXPECT_EQ(bits[0], 0b10101010);
  EXPECT_EQ(bits[1], 0);
  EXPECT_EQ(value_at<int32_t>(*array.children[1], 8), 65'000);
  EXPECT_EQ(value_at<int64_t>(*array.children[2], 8), 4'000'000'000);
  EXPECT_TRUE(value_at<int128>(*array.children[3], 8) == -1234);
  EXPECT_EQ(value_at<int64_t>(*array.children[4], 8), -1500);
  array.release(&array);
}

TEST(ArrowExport, children_may_outlive_the_struct) {
  const auto schema = std::make_shared<Schema>(schema_of({{"a", "Int64"}, {"b", "String"}}));
  auto batch = std::make_shared<ColumnBatch>(schema);
  batch->column(0).append_fixed(int64_t{5});
  batch->column(1).append_string("kept");
  ArrowArray array;
  ASSERT_TRUE(export_arrow_array(std::move(batch), &array));
  ArrowArray moved = *array.children[1];
  array.children[1]->release = nullptr;
  array.release(&array);
  EXPECT_EQ(std::memcmp(moved.buffers[2], "kept", 4), 0);
  moved.release(&moved);
}

TEST(ArrowExport, refuses_times_that_do_not_fit_and_leaks_nothing) {
  const auto schema =
      std::make_shared<Schema>(schema_of({{"s", "String"}, {"ts", "DateTime64(7)"}}));
  auto batch = std::make_shared<ColumnBatch>(schema);
  batch->column(0).append_string("x");
  batch->column(1).append_fixed(std::numeric_limits<int64_t>::max() / 10);
  ArrowArray array;
  const auto exported = export_arrow_array(batch, &array);
  ASSERT_FALSE(exported);
  EXPECT_EQ(exported.error().code(), Errc::kOutOfRange);
  EXPECT_EQ(batch.use_count(), 1);
}

}  // namespace
}  // namespace freshet
