#include "broker/storage/arrival_times.h"

#include <gtest/gtest.h>

#include <chrono>

namespace freshet::broker {
namespace {

SteadyTime at(int64_t ms) { return SteadyTime(std::chrono::milliseconds(ms)); }

TEST(ArrivalTimes, tells_when_the_group_of_an_offset_came) {
  ArrivalTimes times;
  EXPECT_EQ(times.first_since(Offset(0)), std::nullopt);
  times.note(Offset(10), at(1));
  times.note(Offset(15), at(5));
  EXPECT_EQ(times.first_since(Offset(0)), at(1));
  EXPECT_EQ(times.first_since(Offset(9)), at(1));
  EXPECT_EQ(times.first_since(Offset(10)), at(5));
  EXPECT_EQ(times.first_since(Offset(14)), at(5));
  EXPECT_EQ(times.first_since(Offset(15)), std::nullopt);
}

TEST(ArrivalTimes, the_oldest_that_is_remembered_stands_for_what_is_forgotten) {
  ArrivalTimes times;
  constexpr auto kAll = static_cast<int64_t>(ArrivalTimes::kGroupsKept) + 3;
  for (int64_t i = 1; i <= kAll; ++i) times.note(Offset(i), at(i));
  EXPECT_EQ(times.first_since(Offset(0)), at(4));
  EXPECT_EQ(times.first_since(Offset(kAll - 1)), at(kAll));
  EXPECT_EQ(times.first_since(Offset(kAll)), std::nullopt);
}

}  // namespace
}  // namespace freshet::broker
