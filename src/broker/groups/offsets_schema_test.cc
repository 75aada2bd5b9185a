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
  EXPECT_EQ(encode_offset_value({Offset(258), 1, "m", 5, 9}),
            bytes({0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, 'm', 0, 0,
                   0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,   9}))
      << "a client of an old version chose when it expires";
  PersistedGroup group;
  group.protocol_type = "c";
  group.generation = 2;
  group.state_time_ms = 5;
  // clang-format off
  EXPECT_EQ(encode_group_value(group),
            bytes({0, 3, 0, 1, 'c', 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff,
                   0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}));
  group.protocol = "r";
  group.leader = "a";
  group.members.push_back({"a", std::nullopt, "i", "/h", 6, 7, "s", "xy"});
  EXPECT_EQ(encode_group_value(group),
            bytes({0, 3, 0, 1, 'c', 0, 0, 0, 2, 0, 1, 'r', 0, 1, 'a',
                   0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1,
                   0, 1, 'a', 0xff, 0xff, 0, 1, 'i', 0, 2, '/', 'h', 0, 0, 0, 6, 0, 0, 0, 7,
                   0, 0, 0, 1, 's', 0, 0, 0, 2, 'x', 'y'}));
  // clang-format on
}

TEST(OffsetsSchema, what_was_written_is_read_again) {
  const auto key = decode_state_key(encode_offset_key("group", {"topic", 7}));
  ASSERT_TRUE(key);
  const auto& offset_key = std::get<OffsetKey>(*key);
  EXPECT_EQ(offset_key.group, "group");
  EXPECT_EQ(offset_key.tp, (TopicPartition{"topic", 7}));
  const CommittedOffset offset{Offset(9), 2, "note", 77};
  EXPECT_EQ(decode_offset_value(encode_offset_value(offset)), offset);
  const CommittedOffset expiring{Offset(9), -1, "note", 77, 78};
  EXPECT_EQ(decode_offset_value(encode_offset_value(expiring)), expiring);
  PersistedGroup group{"consumer", 4, "range", "b", 99, {}};
  EXPECT_EQ(decode_group_value(encode_group_value(group)), group);
  group.members = {{"a", "static", "client", "/127.0.0.1", 60'000, 10'000, "sub", "assignment"},
                   {"b", std::nullopt, "", "", 1, 2, "", ""}};
  EXPECT_EQ(decode_group_value(encode_group_value(group)), group);
}

TEST(OffsetsSchema, later_keys_are_left_alone_and_short_ones_refused) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*decode_state_key(bytes({0, 9, 1, 2}))));
  EXPECT_FALSE(decode_state_key(bytes({0, 1, 0, 5, 'g'})));
  EXPECT_FALSE(decode_state_key(""));
  EXPECT_FALSE(decode_offset_value(bytes({0, 3, 0, 0})));
  EXPECT_FALSE(decode_offset_value(bytes({0, 1})));
  EXPECT_FALSE(decode_group_value(bytes({0, 3, 0, 9, 'x'})));
  PersistedGroup group{"consumer", 4, "range", "b", 99, {{"a", "i", "c", "h", 1, 2, "s", "t"}}};
  const std::string whole = encode_group_value(group);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_group_value(whole.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace freshet::broker
