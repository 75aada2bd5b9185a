#include "warehouse/native_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "warehouse/testing/engine_fixture.h"

namespace freshet::warehouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<Schema> schema_of(const std::vector<std::string>& types) {
  auto schema = std::make_shared<Schema>();
  for (const std::string& type : types) {
    schema->push_back({.name = "c" + std::to_string(schema->size()),
                       .type = parse_clickhouse_type(type).value()});
  }
  return schema;
}

class NativeRoundTrip : public testing::EngineTest {
 protected:
  /// Inserts the batch into a table of its column types and reads it back as TabSeparated.
  std::string round_trip(const ColumnBatch& batch) {
    std::string columns;
    for (const Field& field : batch.schema()) {
      columns += (columns.empty() ? "" : ", ") + field.name + " " + to_clickhouse_type(field.type);
    }
    run("CREATE TABLE " + in_database("t") + " (" + columns + ") ENGINE = Memory");
    std::string bytes;
    encode_native(batch, bytes);
    EXPECT_LE(bytes.size(), native_size_estimate(batch));
    const std::string_view chunk = bytes;
    const auto inserted = engine_->insert({.table = in_database("t")}, std::span(&chunk, 1));
    EXPECT_TRUE(inserted) << inserted.error().message();
    return run("SELECT * FROM " + in_database("t"));
  }
};

TEST_F(NativeRoundTrip, numbers_arrive_as_they_were) {
  ColumnBatch batch(schema_of({"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32",
                               "UInt64", "Float32", "Float64", "Bool"}));
  batch.column(0).append_fixed<int8_t>(-128);
  batch.column(1).append_fixed<int16_t>(-32768);
  batch.column(2).append_fixed<int32_t>(std::numeric_limits<int32_t>::min());
  batch.column(3).append_fixed<int64_t>(std::numeric_limits<int64_t>::min());
  batch.column(4).append_fixed<uint8_t>(255);
  batch.column(5).append_fixed<uint16_t>(65535);
  batch.column(6).append_fixed<uint32_t>(4294967295U);
  batch.column(7).append_fixed<uint64_t>(18446744073709551615ULL);
  batch.column(8).append_fixed<float>(1.5F);
  batch.column(9).append_fixed<double>(-2.25);
  batch.column(10).append_fixed<uint8_t>(1);
  EXPECT_EQ(round_trip(batch),
            "-128\t-32768\t-2147483648\t-9223372036854775808\t255\t65535\t4294967295\t"
            "18446744073709551615\t1.5\t-2.25\ttrue\n");
}

TEST_F(NativeRoundTrip, times_decimals_and_uuids_arrive_as_they_were) {
  ColumnBatch batch(schema_of({"Date", "Date32", "DateTime('UTC')", "DateTime64(3, 'UTC')",
                               "Decimal(9, 2)", "Decimal(18, 4)", "Decimal(38, 10)", "UUID"}));
  batch.column(0).append_fixed<uint16_t>(20349);
  batch.column(1).append_fixed<int32_t>(-1);
  batch.column(2).append_fixed<uint32_t>(1758191400);
  batch.column(3).append_fixed<int64_t>(1758191400123);
  batch.column(4).append_fixed<int32_t>(-12345);
  batch.column(5).append_fixed<int64_t>(1234567890);
  batch.column(6).append_fixed<int128>(int128{-5} * 10'000'000'000LL);
  batch.column(7).append_fixed(std::array<uint8_t, 16>{0x61, 0xf0, 0xc4, 0x04, 0x5c, 0xb3, 0x11,
                                                       0xe7, 0x90, 0x7b, 0xa6, 0x00, 0x6a, 0xd3,
                                                       0xdb, 0xa0});
  EXPECT_EQ(round_trip(batch),
            "2025-09-18\t1969-12-31\t2025-09-18 10:30:00\t2025-09-18 10:30:00.123\t-123.45\t"
            "123456.789\t-5\t61f0c404-5cb3-11e7-907b-a6006ad3dba0\n");
}

TEST_F(NativeRoundTrip, strings_of_every_length_arrive_as_they_were) {
  ColumnBatch batch(schema_of({"String", "UInt64"}));
  std::string expected;
  for (size_t i = 0; i < 300; ++i) {
    batch.column(0).append_string(std::string(i, static_cast<char>('a' + i % 26)));
    batch.column(1).append_fixed<uint64_t>(i);
    expected += std::string(i, static_cast<char>('a' + i % 26)) + "\t" + std::to_string(i) + "\n";
  }
  batch.column(0).append_string(std::string(100'000, 'z'));
  batch.column(1).append_fixed<uint64_t>(300);
  expected += std::string(100'000, 'z') + "\t300\n";
  EXPECT_EQ(round_trip(batch), expected);
}

TEST_F(NativeRoundTrip, nulls_arrive_as_nulls) {
  ColumnBatch batch(
      schema_of({"Nullable(Int32)", "Nullable(String)", "LowCardinality(Nullable(String))"}));
  for (int i = 0; i < 20; ++i) {
    if (i % 3 == 0) {
      for (size_t c = 0; c < 3; ++c) batch.column(c).append_null();
    } else {
      batch.column(0).append_fixed<int32_t>(i);
      batch.column(1).append_string("s" + std::to_string(i));
      batch.column(2).append_string(i % 2 == 0 ? "even" : "");
    }
  }
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    expected +=
        i % 3 == 0 ? "\\N\t\\N\t\\N\n" : n + "\ts" + n + "\t" + (i % 2 == 0 ? "even" : "") + "\n";
  }
  EXPECT_EQ(round_trip(batch), expected);
}

TEST_F(NativeRoundTrip, values_made_of_values_arrive_as_they_were) {
  ColumnBatch batch(schema_of({"Array(LowCardinality(Nullable(String)))",
                               "Map(LowCardinality(String), Array(Nullable(UInt8)))",
                               "Tuple(a LowCardinality(String), b Array(Tuple(UUID, IPv4)))",
                               "Array(Array(String))"}));
  Column& texts = batch.column(0);
  Column& maps = batch.column(1);
  Column& tuples = batch.column(2);
  Column& lists = batch.column(3);
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < row; ++i) {
      i == 1 ? texts.child().append_null() : texts.child().append_string("t");
      Column& entry = maps.child();
      entry.child(0).append_string("k" + std::to_string(i));
      entry.child(1).child().append_fixed<uint8_t>(7);
      entry.child(1).child().append_null();
      entry.child(1).finish_list();
      entry.finish_tuple();
      Column& pair = tuples.child(1).child();
      pair.child(0).append_fixed(std::array<uint8_t, 16>{1});
      pair.child(1).append_fixed<uint32_t>(0xC0000201);
      pair.finish_tuple();
      lists.child().child().append_string("x");
      lists.child().finish_list();
    }
    texts.finish_list();
    maps.finish_list();
    tuples.child(0).append_string("row");
    tuples.child(1).finish_list();
    tuples.finish_tuple();
    lists.finish_list();
  }
  const std::string pair = "('01000000-0000-0000-0000-000000000000','192.0.2.1')";
  EXPECT_EQ(round_trip(batch),
            "[]\t{}\t('row',[])\t[]\n['t']\t{'k0':[7,NULL]}\t('row',[" + pair +
                "])\t[['x']]\n['t',NULL]\t{'k0':[7,NULL],'k1':[7,NULL]}\t('row',[" + pair + "," +
                pair + "])\t[['x'],['x']]\n");
}

TEST_F(NativeRoundTrip, lists_that_are_all_empty_arrive) {
  ColumnBatch batch(schema_of({"Array(LowCardinality(String))", "Map(String, String)", "JSON"}));
  for (size_t column = 0; column < 3; ++column) {
    for (int row = 0; row < 2; ++row) batch.column(column).append_default();
  }
  EXPECT_EQ(round_trip(batch), "[]\t{}\t{}\n[]\t{}\t{}\n");
}

class NativeDictionary : public NativeRoundTrip, public ::testing::WithParamInterface<size_t> {};

TEST_P(NativeDictionary, arrives_whatever_its_size) {
  const size_t distinct = GetParam();
  ColumnBatch batch(schema_of({"LowCardinality(String)"}));
  std::string expected;
  for (size_t i = 0; i < distinct + 100; ++i) {
    const std::string value = i % distinct == 0 ? "" : "value " + std::to_string(i % distinct);
    batch.column(0).append_string(value);
    expected += value + "\n";
  }
  EXPECT_TRUE(round_trip(batch) == expected);
}

INSTANTIATE_TEST_SUITE_P(, NativeDictionary, ::testing::Values(1, 2, 255, 256, 257, 65536, 65537));

TEST_F(NativeRoundTrip, constants_arrive_in_every_row) {
  run("CREATE TABLE " + in_database("t") +
      " (a UInt64, t LowCardinality(String), p UInt32) ENGINE = Memory");
  const std::vector<uint64_t> values = {7, 8, 9};
  std::string bytes;
  NativeBlockWriter writer(3, values.size(), bytes);
  writer.write_u64("a", values);
  writer.write_constant_low_cardinality("t", "events");
  writer.write_constant_u32("p", 5);
  const std::string_view chunk = bytes;
  ASSERT_TRUE(engine_->insert({.table = in_database("t")}, std::span(&chunk, 1)));
  EXPECT_EQ(run("SELECT * FROM " + in_database("t")), "7\tevents\t5\n8\tevents\t5\n9\tevents\t5\n");
}

TEST_F(NativeRoundTrip, an_empty_batch_is_a_valid_block) {
  ColumnBatch batch(schema_of({"LowCardinality(String)", "String", "Nullable(UInt8)"}));
  EXPECT_EQ(round_trip(batch), "");
}

TEST_F(NativeRoundTrip, results_of_queries_are_read_back) {
  const auto result = engine_->query(
      "SELECT number AS n, toUInt32(number) AS u, toString(number) AS s, toUInt8(1) AS b, "
      "toInt64(-1) AS i FROM numbers(70000) SETTINGS max_block_size = 1000",
      "Native");
  ASSERT_TRUE(result) << result.error().message();
  const auto blocks = decode_native(result->bytes);
  ASSERT_TRUE(blocks) << blocks.error().message();
  uint64_t next = 0;
  for (const NativeBlock& block : *blocks) {
    for (size_t row = 0; row < block.rows; ++row, ++next) {
      ASSERT_EQ(block.u64(0)[row], next);
      ASSERT_EQ(block.strings(2)[row], std::to_string(next));
    }
  }
  EXPECT_EQ(next, 70000U);
}

TEST(NativeDecode, reads_bytes_made_by_hand) {
  using std::string_literals::operator""s;
  const std::string bytes =
      "\x02\x02\x01n\x06UInt64\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s + "\x01s\x06String\x02hi\x00"s;
  const auto blocks = decode_native(bytes);
  ASSERT_TRUE(blocks) << blocks.error().message();
  ASSERT_EQ(blocks->size(), 1U);
  EXPECT_THAT((*blocks)[0].u64(0), ElementsAre(1, 2));
  EXPECT_THAT((*blocks)[0].strings(1), ElementsAre("hi", ""));
}

TEST(NativeDecode, every_truncation_is_an_error_and_not_a_crash) {
  using std::string_literals::operator""s;
  const std::string bytes = "\x01\x02\x01n\x06UInt64\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s;
  for (size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_native(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(NativeDecode, a_row_count_beyond_the_bytes_allocates_nothing) {
  const std::string bytes = "\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01n\x06String";
  const auto blocks = decode_native(bytes);
  ASSERT_FALSE(blocks);
  EXPECT_EQ(blocks.error().code(), Errc::kCorrupt);
}

TEST(NativeDecode, names_the_column_it_cannot_read) {
  const auto blocks = decode_native(
      "\x01\x01\x04when\x04"
      "Date\x01\x02");
  ASSERT_FALSE(blocks);
  EXPECT_THAT(blocks.error().message(), HasSubstr("when"));
}

TEST(NativeBlockReader, takes_pieces_of_any_size) {
  std::string bytes;
  for (size_t rows : {size_t{3}, size_t{0}, size_t{200}}) {
    NativeBlockWriter writer(1, rows, bytes);
    writer.write_u64("o", std::vector<uint64_t>(rows, 7));
  }
  for (size_t step = 1; step < 40; ++step) {
    NativeBlockReader reader;
    std::vector<size_t> rows;
    for (size_t at = 0; at < bytes.size(); at += step) {
      const auto blocks = reader.add(std::string_view(bytes).substr(at, step));
      ASSERT_TRUE(blocks) << blocks.error().message();
      for (const NativeBlock& block : *blocks) rows.push_back(block.u64(0).size());
    }
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(rows, (std::vector<size_t>{3, 0, 200})) << step;
  }
}

TEST(NativeBlockReader, says_when_the_stream_ends_in_a_block) {
  std::string bytes;
  NativeBlockWriter(1, 2, bytes).write_u64("o", std::vector<uint64_t>{1, 2});
  NativeBlockReader reader;
  ASSERT_TRUE(reader.add(std::string_view(bytes).substr(0, bytes.size() - 1)));
  EXPECT_EQ(reader.finish().error().code(), Errc::kCorrupt);
}

}  // namespace
}  // namespace freshet::warehouse
