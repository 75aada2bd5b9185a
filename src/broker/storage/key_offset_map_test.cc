#include "broker/storage/key_offset_map.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace freshet::broker {
namespace {

TEST(KeyOffsetMap, keeps_the_newest_offset_of_each_key) {
  KeyOffsetMap map(1 << 20);
  for (int64_t i = 0; i < 30'000; ++i) map.put(fmt::format("key {}", i % 10'000), Offset(i));
  map.put("key 7", Offset(1));
  EXPECT_EQ(map.size(), 10'000U);
  EXPECT_EQ(map.find("key 7"), Offset(20'007));
  EXPECT_EQ(map.find("key 9999"), Offset(29'999));
  EXPECT_EQ(map.find("key 10000"), kNoOffset);
  EXPECT_EQ(map.find(""), kNoOffset);
}

TEST(KeyOffsetMap, tells_keys_of_every_length_apart) {
  KeyOffsetMap map(1 << 20);
  const std::string text(40, '\0');
  for (size_t n = 0; n <= text.size(); ++n)
    map.put(text.substr(0, n), Offset(static_cast<int64_t>(n)));
  EXPECT_EQ(map.size(), text.size() + 1);
  for (size_t n = 0; n <= text.size(); ++n) {
    EXPECT_EQ(map.find(text.substr(0, n)), Offset(static_cast<int64_t>(n)));
  }
}

TEST(KeyOffsetMap, says_when_it_is_full_and_takes_one_batch_more) {
  KeyOffsetMap map(64 << 10);
  int64_t count = 0;
  while (map.has_room_for(10)) {
    for (int i = 0; i < 10; ++i) map.put(std::to_string(count), Offset(count)), ++count;
  }
  EXPECT_GT(count, 1'000);
  EXPECT_LE(static_cast<size_t>(count) * 24, size_t{64} << 10);
  for (int i = 0; i < 5'000; ++i) map.put(std::to_string(count), Offset(count)), ++count;
  EXPECT_EQ(map.find(std::to_string(count - 1)), Offset(count - 1));
  EXPECT_EQ(map.find("0"), Offset(0));
}

}  // namespace
}  // namespace freshet::broker
