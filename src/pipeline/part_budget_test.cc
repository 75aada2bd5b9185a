#include "pipeline/part_budget.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <vector>

namespace freshet::pipeline {
namespace {

TEST(PartBudget, lets_a_burst_through_and_then_the_rate) {
  ManualClock clock;
  PartBudget budget(10, clock);
  int taken = 0;
  while (budget.try_take()) ++taken;
  EXPECT_EQ(taken, 5);
  EXPECT_EQ(budget.free_at() - clock.steady(), Millis(100));
  for (int i = 0; i < 200; ++i) {
    clock.advance(Millis(50));
    taken += budget.try_take() ? 1 : 0;
  }
  EXPECT_EQ(taken, 105);
}

TEST(PartBudget, a_rate_below_one_in_half_a_second_still_lets_one_through) {
  ManualClock clock;
  PartBudget budget(0.1, clock);
  EXPECT_TRUE(budget.try_take());
  EXPECT_FALSE(budget.try_take());
  clock.advance(Millis(9'999));
  EXPECT_FALSE(budget.try_take());
  clock.advance(Millis(1));
  EXPECT_TRUE(budget.try_take());
}

/// Partitions that each have something to cut `after` their last cut, served in the order in which
/// they became due: how often in ten seconds, and how long the longest had to wait beyond `after`.
struct Outcome {
  int cuts = 0;
  Millis longest{0};
};
Outcome ten_seconds(int partitions, Millis after, double per_second) {
  ManualClock clock;
  PartBudget budget(per_second, clock);
  const SteadyTime begin = clock.steady();
  std::multimap<SteadyTime, int> due;
  for (int i = 0; i < partitions; ++i) due.emplace(begin + after, i);
  Outcome outcome;
  while (clock.steady() < begin + std::chrono::seconds(10)) {
    while (due.begin()->first <= clock.steady() && budget.try_take()) {
      outcome.longest = std::max(
          outcome.longest, std::chrono::duration_cast<Millis>(clock.steady() - due.begin()->first));
      const int partition = due.begin()->second;
      due.erase(due.begin());
      due.emplace(clock.steady() + after, partition);
      ++outcome.cuts;
    }
    clock.advance(Millis(1));
  }
  return outcome;
}

TEST(PartBudget, many_quiet_partitions_share_it_and_none_starves) {
  const auto outcome = ten_seconds(100, Millis(100), 50);
  EXPECT_LE(outcome.cuts, 50 * 10 + 25);
  EXPECT_GE(outcome.cuts, 50 * 9);
  EXPECT_LE(outcome.longest, Millis(100 * 1000 / 50));
}

TEST(PartBudget, a_few_partitions_within_it_never_wait) {
  const auto outcome = ten_seconds(6, Millis(50), 200);
  EXPECT_EQ(outcome.longest, Millis(0));
  EXPECT_GE(outcome.cuts, 6 * 199);
}

}  // namespace
}  // namespace freshet::pipeline
