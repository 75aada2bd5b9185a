#include "base/clock_jump.h"

#include <gtest/gtest.h>

namespace freshet {
namespace {

TEST(ClockJump, is_told_once_and_only_backwards) {
  ManualClock clock;
  ClockJump jump(clock);
  clock.advance(Millis(90'000));
  EXPECT_EQ(jump.set_back(), Millis(0));
  clock.set_wall(clock.wall() + Millis(7'200'000));
  EXPECT_EQ(jump.set_back(), Millis(0));
  clock.set_wall(clock.wall() - Millis(3'600'000));
  EXPECT_EQ(jump.set_back(), Millis(3'600'000));
  EXPECT_EQ(jump.set_back(), Millis(0));
}

TEST(ClockJump, small_steps_are_told_when_they_add_up_to_a_second) {
  ManualClock clock;
  ClockJump jump(clock);
  for (int i = 0; i < 4; ++i) {
    clock.set_wall(clock.wall() - Millis(240));
    EXPECT_EQ(jump.set_back(), Millis(0));
  }
  clock.set_wall(clock.wall() - Millis(240));
  EXPECT_EQ(jump.set_back(), Millis(1200));
}

}  // namespace
}  // namespace freshet
