#include "base/clock.h"

#include <gtest/gtest.h>

namespace freshet {

TEST(ManualClock, a_jump_of_the_wall_leaves_steady_time_alone) {
  ManualClock clock(WallMillis(Millis(1000)));
  clock.advance(Millis(500));
  const SteadyTime steady = clock.steady();
  EXPECT_EQ(clock.wall(), WallMillis(Millis(1500)));
  clock.set_wall(WallMillis(Millis(10)));
  EXPECT_EQ(clock.wall(), WallMillis(Millis(10)));
  EXPECT_EQ(clock.steady(), steady);
  EXPECT_EQ(steady - SteadyTime{}, Millis(500));
}

TEST(SystemClock, never_goes_back_in_steady_time) {
  const Clock& clock = SystemClock::instance();
  const SteadyTime before = clock.steady();
  EXPECT_LE(before, clock.steady());
  EXPECT_GT(clock.wall(), WallMillis(Millis(1'700'000'000'000)));
}

}  // namespace freshet
