#include "pipeline/circuit_breaker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace freshet::pipeline {
namespace {

using State = CircuitBreaker::State;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  /// One call that ends so; whether it was admitted.
  bool call(std::optional<Trouble> trouble) {
    auto pass = breaker_.try_pass();
    if (!pass) return false;
    if (trouble) {
      breaker_.failed(*pass, *trouble, "no");
    } else {
      breaker_.succeeded(*pass);
    }
    return true;
  }
  State state() const { return breaker_.status().state; }
  Millis pause() const {
    return std::chrono::duration_cast<Millis>(breaker_.admits_at() - clock_.steady());
  }

  ManualClock clock_;
  CircuitBreaker breaker_{
      {.failures_to_open = 3, .pause_first = Millis(100), .pause_max = Millis(1000), .seed = 7},
      clock_};
};

TEST_F(CircuitBreakerTest, one_lost_connection_does_not_open_it_but_three_in_a_row_do) {
  EXPECT_TRUE(call(Trouble::kNetwork));
  EXPECT_TRUE(call(Trouble::kTimeout));
  EXPECT_TRUE(call(std::nullopt));
  EXPECT_TRUE(call(Trouble::kNetwork));
  EXPECT_TRUE(call(Trouble::kNetwork));
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_TRUE(call(Trouble::kNetwork));
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_FALSE(call(std::nullopt));
  EXPECT_EQ(breaker_.status().failures, 3U);
  EXPECT_EQ(breaker_.status().times_opened, 1U);
}

TEST_F(CircuitBreakerTest, a_trouble_that_concerns_everybody_opens_it_at_once) {
  for (const Trouble trouble : kTroubles) {
    CircuitBreaker breaker({}, clock_);
    auto pass = breaker.try_pass();
    ASSERT_TRUE(pass);
    EXPECT_EQ(breaker.failed(*pass, trouble, "no"), is_standing(trouble)) << trouble_name(trouble);
    EXPECT_EQ(breaker.status().trouble, trouble);
  }
}

TEST_F(CircuitBreakerTest, pauses_double_to_a_bound_and_vary) {
  std::vector<int64_t> pauses;
  EXPECT_TRUE(call(Trouble::kQuota));
  for (int i = 0; i < 8; ++i) {
    pauses.push_back(pause().count());
    clock_.advance(pause());
    ASSERT_TRUE(call(Trouble::kQuota));
    ASSERT_EQ(state(), State::kOpen);
  }
  const std::vector<int64_t> full = {100, 200, 400, 800, 1000, 1000, 1000, 1000};
  for (size_t i = 0; i < full.size(); ++i) {
    EXPECT_GE(pauses[i], full[i] / 2) << i;
    EXPECT_LE(pauses[i], full[i]) << i;
  }
  EXPECT_NE(pauses[4], pauses[5]);
}

TEST_F(CircuitBreakerTest, one_trial_at_a_time_decides_for_all) {
  EXPECT_TRUE(call(Trouble::kReadOnly));
  clock_.advance(pause());
  auto trial = breaker_.try_pass();
  ASSERT_TRUE(trial);
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_EQ(breaker_.admits_at(), SteadyTime::max());
  EXPECT_FALSE(breaker_.try_pass());
  EXPECT_TRUE(breaker_.succeeded(*trial));
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(breaker_.status().error, "");
  EXPECT_TRUE(call(Trouble::kReadOnly));
  EXPECT_LE(pause(), Millis(100)) << "a new outage begins with a short pause";
}

TEST_F(CircuitBreakerTest, a_trial_that_is_dropped_lets_the_next_one_go_at_once) {
  EXPECT_TRUE(call(Trouble::kMemory));
  clock_.advance(pause());
  {
    auto trial = breaker_.try_pass();
  }
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(pause(), Millis(0));
  EXPECT_TRUE(call(std::nullopt));
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, calls_admitted_before_it_opened_may_end_at_any_time) {
  auto slow = breaker_.try_pass();
  auto slower = breaker_.try_pass();
  EXPECT_TRUE(call(Trouble::kTooManyParts));
  const SteadyTime due = breaker_.admits_at();
  EXPECT_FALSE(breaker_.failed(*slow, Trouble::kTooManyParts, "late"));
  EXPECT_EQ(breaker_.admits_at(), due) << "a late failure does not prolong the pause";
  clock_.advance(pause());
  auto trial = breaker_.try_pass();
  ASSERT_TRUE(trial);
  EXPECT_TRUE(breaker_.succeeded(*slower));
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_FALSE(breaker_.failed(*trial, Trouble::kNetwork, "one of three"));
  EXPECT_EQ(state(), State::kClosed);
}

}  // namespace
}  // namespace freshet::pipeline
