#include "broker/groups/offsets_schema.h"

#include <gtest/gtest.h>

namespace freshet::broker {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

TEST(OffsetsSchema, keys_are_laid_out_as_kafka_does) {
  EXPECT_EQ(encode_offset_key("g", {"tp", 3}),
            bytes({0, 1, 0, 1, 'g', 0, 2, 't', 'p', 0, 0, 0, 3}));
  EXPECT_EQ(encode_group_key("g"), bytes({0, 2, 0, 1, 'g'}));
}

TEST(OffsetsSchema, values_are_laid_out_as_kafka_does) {
  EXPECT_EQ(encode_offset_value({Offset(258), 1, "m", 5}),
            bytes({0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 1, 'm', 0, 0, 0, 0, 0, 0, 0, 5}));
  EXPECT_EQ(encode_group_value({"c", 2, 5}),
            bytes({0, 3, 0, 1, 'c', 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff,
                   0, 0, 0, 0, 0,   0, 0, 5, 0, 0,    0,    0}));
}

TEST(OffsetsSchema, what_was_written_is_read_again) {
  const auto key = decode_state_key(encode_offset_key("group", {"topic", 7}));
  ASSERT_TRUE(key);
  const auto& offset_key = std::get<OffsetKey>(*key);
  EXPECT_EQ(offset_key.group, "group");
  EXPECT_EQ(offset_key.tp, (TopicPartition{"topic", 7}));
  const CommittedOffset offset{Offset(9), 2, "note", 77};
  EXPECT_EQ(decode_offset_value(encode_offset_value(offset)), offset);
  const PersistedGroup group{"consumer", 4, 99};
  EXPECT_EQ(decode_group_value(encode_group_value(group)), group);
}

TEST(OffsetsSchema, later_keys_are_left_alone_and_short_ones_refused) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*decode_state_key(bytes({0, 9, 1, 2}))));
  EXPECT_FALSE(decode_state_key(bytes({0, 1, 0, 5, 'g'})));
  EXPECT_FALSE(decode_state_key(""));
  EXPECT_FALSE(decode_offset_value(bytes({0, 3, 0, 0})));
  EXPECT_FALSE(decode_offset_value(bytes({0, 1})));
  EXPECT_FALSE(decode_group_value(bytes({0, 3, 0, 9, 'x'})));
}

}  // namespace
}  // namespace freshet::broker
