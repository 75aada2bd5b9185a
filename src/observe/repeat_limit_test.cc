#include "observe/repeat_limit.h"

#include <gtest/gtest.h>

namespace freshet {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};
constexpr auto kWindow = RepeatLimit::kWindow;

/// How many of `count` at `now` are written; the first one's count of those held back.
struct Written {
  uint64_t lines = 0;
  uint64_t held_back = 0;
};
Written admit(RepeatLimit& limit, int count, SteadyTime now) {
  Written written;
  for (int i = 0; i < count; ++i) {
    const auto admitted = limit.admit("the disk is full", now);
    if (!admitted) continue;
    ++written.lines;
    written.held_back += *admitted;
  }
  return written;
}

TEST(RepeatLimit, writes_the_first_ten_of_a_window) {
  RepeatLimit limit;
  EXPECT_EQ(admit(limit, 500, kStart).lines, 10U);
  EXPECT_TRUE(limit.admit("another sentence", kStart));
}

TEST(RepeatLimit, what_goes_on_is_written_once_a_window_with_the_count) {
  RepeatLimit limit;
  admit(limit, 500, kStart);
  const Written second = admit(limit, 300, kStart + kWindow);
  EXPECT_EQ(second.lines, 1U);
  EXPECT_EQ(second.held_back, 490U);
  const Written third = admit(limit, 300, kStart + 2 * kWindow);
  EXPECT_EQ(third.lines, 1U);
  EXPECT_EQ(third.held_back, 299U);
}

TEST(RepeatLimit, what_has_calmed_down_is_written_again) {
  RepeatLimit limit;
  admit(limit, 500, kStart);
  EXPECT_EQ(admit(limit, 2, kStart + kWindow).lines, 1U);
  const Written calm = admit(limit, 3, kStart + 2 * kWindow);
  EXPECT_EQ(calm.lines, 3U);
  EXPECT_EQ(calm.held_back, 1U);
}

TEST(RepeatLimit, a_trouble_that_comes_back_later_is_a_new_one) {
  RepeatLimit limit;
  admit(limit, 500, kStart);
  const Written later = admit(limit, 500, kStart + 5 * kWindow);
  EXPECT_EQ(later.lines, 10U);
  EXPECT_EQ(later.held_back, 490U);
}

}  // namespace
}  // namespace freshet
