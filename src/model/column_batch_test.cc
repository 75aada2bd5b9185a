#include "model/column_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "model/reject.h"
#include "model/topic_id.h"

namespace freshet {
namespace {

using testing::ElementsAre;

ColumnType type_of(std::string_view text) { return parse_clickhouse_type(text).value(); }

TEST(Column, keeps_strings_back_to_back) {
  Column column(type_of("String"));
  column.append_string("ab");
  column.append_string("");
  column.append_default();
  column.append_string(std::string(100, 'x'));
  EXPECT_THAT(column.offsets(), ElementsAre(0, 2, 2, 2, 102));
  EXPECT_EQ(column.string_at(0), "ab");
  EXPECT_EQ(column.string_at(3), std::string(100, 'x'));
}

TEST(Column, padded_append_equals_plain_append_at_every_length) {
  Column plain(type_of("String"));
  Column padded(type_of("String"));
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes.push_back(static_cast<char>('a' + i % 26));
  bytes.reserve(bytes.size() + ByteBuffer::kSlack);
  std::vector<char> readable(bytes.begin(), bytes.end());
  readable.resize(bytes.size() + ByteBuffer::kSlack);
  for (size_t length = 0; length <= bytes.size(); ++length) {
    plain.append_string({readable.data(), length});
    padded.append_string_padded({readable.data(), length});
  }
  EXPECT_EQ(plain.chars(), padded.chars());
  EXPECT_TRUE(std::ranges::equal(plain.offsets(), padded.offsets()));
}

TEST(Column, low_cardinality_codes_follow_first_appearance) {
  Column column(type_of("LowCardinality(Nullable(String))"));
  column.append_string("view");
  column.append_string("login");
  column.append_null();
  column.append_string("view");
  EXPECT_THAT(column.codes(), ElementsAre(0, 1, 0, 0));
  EXPECT_EQ(column.dictionary().size(), 2U);
  EXPECT_EQ(column.string_at(1), "login");
  EXPECT_TRUE(column.is_null(2));
  EXPECT_EQ(column.null_count(), 1U);
}

TEST(Column, lists_hold_the_rows_of_their_child) {
  Column column(type_of("Array(Array(String))"));
  column.child().child().append_string("a");
  column.child().child().append_string("b");
  column.child().finish_list();
  column.child().finish_list();
  column.finish_list();
  column.append_default();
  column.child().finish_list();
  column.finish_list();
  EXPECT_EQ(column.size(), 3U);
  EXPECT_THAT(column.offsets(), ElementsAre(0, 2, 2, 3));
  EXPECT_THAT(column.child().offsets(), ElementsAre(0, 2, 2, 2));

  Column copy(column.type());
  for (const size_t row : {2U, 0U}) copy.append_row(column, row);
  EXPECT_THAT(copy.offsets(), ElementsAre(0, 1, 3));
  EXPECT_EQ(copy.child().child().chars(), "ab");
  EXPECT_GT(copy.byte_size(), 2U);
}

TEST(Column, truncate_takes_back_parts_of_rows_that_were_never_finished) {
  Column column(type_of("Map(String, Tuple(a UInt8, b Array(String)))"));
  const auto entry = [&](bool whole) {
    Column& entries = column.child();
    entries.child(0).append_string("k");
    entries.child(1).child(0).append_fixed<uint8_t>(1);
    entries.child(1).child(1).child().append_string("x");
    if (!whole) return;
    entries.child(1).child(1).finish_list();
    entries.child(1).finish_tuple();
    entries.finish_tuple();
  };
  entry(true);
  column.finish_list();
  entry(true);
  entry(false);
  column.truncate(1);
  entry(true);
  column.finish_list();
  EXPECT_EQ(column.size(), 2U);
  EXPECT_THAT(column.offsets(), ElementsAre(0, 1, 2));
  EXPECT_EQ(column.child().size(), 2U);
  EXPECT_EQ(column.child().child(0).chars(), "kk");
  EXPECT_EQ(column.child().child(1).child(1).child().chars(), "xx");
  column.clear();
  EXPECT_EQ(column.size(), 0U);
  EXPECT_EQ(column.child().child(1).child(1).child().size(), 0U);
}

TEST(Column, defaults_are_those_of_clickhouse) {
  Column names(type_of("Enum8('b' = 2, 'a' = -1)"));
  names.append_default();
  EXPECT_EQ(names.fixed<int8_t>()[0], -1);
  Column json(type_of("JSON"));
  json.append_default();
  EXPECT_EQ(json.string_at(0), "{}");
  Column tuple(type_of("Tuple(UInt8, Nullable(String), Enum16('x' = 5))"));
  tuple.append_default();
  EXPECT_EQ(tuple.size(), 1U);
  EXPECT_TRUE(tuple.child(1).is_null(0));
  EXPECT_EQ(tuple.child(2).fixed<int16_t>()[0], 5);
  Column fixed(type_of("FixedString(3)"));
  fixed.append_default();
  fixed.append_bytes("abc");
  EXPECT_EQ(fixed.values().size(), 6U);
}

TEST(Column, truncate_takes_back_half_written_rows) {
  Column numbers(type_of("Nullable(Int32)"));
  for (int i = 0; i < 20; ++i) {
    if (i % 3 == 0) {
      numbers.append_null();
    } else {
      numbers.append_fixed(int32_t{i});
    }
  }
  numbers.truncate(10);
  EXPECT_EQ(numbers.size(), 10U);
  EXPECT_EQ(numbers.null_count(), 4U);
  numbers.append_fixed(int32_t{-1});
  EXPECT_FALSE(numbers.is_null(10));
  EXPECT_TRUE(numbers.is_null(9));
  EXPECT_EQ(numbers.fixed<int32_t>()[10], -1);
  EXPECT_EQ(numbers.validity().size(), 2U);
}

TEST(Column, bulk_appends_equal_single_ones) {
  Column topic(type_of("LowCardinality(String)"));
  topic.append_string("a");
  topic.append_string_repeated("events", 3);
  EXPECT_THAT(topic.codes(), ElementsAre(0, 1, 1, 1));
  Column partition(type_of("UInt32"));
  partition.append_repeated(uint32_t{7}, 3);
  EXPECT_THAT(partition.fixed<uint32_t>(), ElementsAre(7U, 7U, 7U));
}

TEST(StringDictionary, agrees_with_a_map_for_many_values) {
  StringDictionary dictionary;
  std::mt19937 random(7);
  std::vector<std::string> seen;
  for (int i = 0; i < 20'000; ++i) {
    std::string value(random() % 40, '\0');
    for (auto& c : value) c = static_cast<char>(random() % 3);
    const auto code = static_cast<size_t>(dictionary.code_of(value));
    ASSERT_LE(code, seen.size());
    if (code == seen.size()) seen.push_back(value);
    ASSERT_EQ(seen[code], value);
  }
  EXPECT_EQ(dictionary.size(), seen.size());
  dictionary.truncate(5);
  EXPECT_EQ(dictionary.code_of(seen[4]), 4);
  EXPECT_EQ(dictionary.code_of(seen[9]), 5);
}

TEST(ColumnBatch, counts_whole_rows) {
  ColumnBatch batch(
      std::make_shared<Schema>(Schema{{"a", type_of("UInt8")}, {"b", type_of("String")}}));
  batch.column(0).append_fixed(uint8_t{1});
  batch.column(1).append_string("x");
  batch.column(0).append_fixed(uint8_t{2});
  EXPECT_EQ(batch.rows(), 1U);
  batch.truncate(1);
  EXPECT_EQ(batch.column(0).size(), 1U);
  batch.clear();
  EXPECT_EQ(batch.rows(), 0U);
}

TEST(TopicId, survives_its_text_form) {
  for (int i = 0; i < 100; ++i) {
    const TopicId id = TopicId::random();
    EXPECT_EQ(id.to_string().size(), 22U);
    EXPECT_EQ(TopicId::parse(id.to_string()).value(), id);
  }
  EXPECT_EQ(TopicId{}.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
  TopicId ones;
  ones.bytes.fill(0xFF);
  EXPECT_EQ(ones.to_string(), "_____________________w");
  for (const auto* bad : {"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB",
                          "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_FALSE(TopicId::parse(bad)) << bad;
  }
}

TEST(Reject, names_are_stable) {
  EXPECT_EQ(reject_reason_name(RejectReason::kWrongType), "wrong_type");
  EXPECT_EQ(reject_reason_name(RejectReason::kNoValue), "no_value");
}

}  // namespace
}  // namespace freshet
