#include "pipeline/reject_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::pipeline {
namespace {

using ::testing::HasSubstr;

TEST(RejectLimit, lets_everything_through_when_none_is_set) {
  RejectLimit limit({}, "rows");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.admit(100, 100));
}

TEST(RejectLimit, stops_before_the_count_is_exceeded_and_counts_nothing_then) {
  RejectLimit limit({.max_count = 10}, "rows");
  EXPECT_TRUE(limit.admit(100, 6));
  const auto stopped = limit.admit(100, 5);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), Errc::kRefused);
  EXPECT_THAT(stopped.error().message(), HasSubstr("11 records do not fit"));
  EXPECT_THAT(stopped.error().message(), HasSubstr("dlq.max_count allows (10)"));
  EXPECT_TRUE(limit.admit(100, 4)) << "the refused range was not counted";
  EXPECT_TRUE(limit.admit(100, 0)) << "good records go on at the limit";
  EXPECT_FALSE(limit.admit_refused());
}

TEST(RejectLimit, judges_the_rate_on_enough_records_only) {
  RejectLimit limit({.max_rate = 0.05}, "rows");
  EXPECT_TRUE(limit.admit(500, 100)) << "too few to say anything";
  const auto stopped = limit.admit(500, 0);
  EXPECT_TRUE(stopped) << "no reject, so nothing to stop for";
  EXPECT_FALSE(limit.admit(10, 1)) << "101 of 1,010";
}

TEST(RejectLimit, forgets_what_is_longer_ago_than_the_rate_looks_back) {
  RejectLimit limit({.max_rate = 0.05}, "rows");
  EXPECT_TRUE(limit.admit(900, 900));
  EXPECT_TRUE(limit.admit(5000, 0));
  EXPECT_TRUE(limit.admit(1000, 50)) << "5% of the last 1,000, and the limit is not exceeded";
  const auto stopped = limit.admit(1000, 51);
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message(), HasSubstr("51 of the 1_000 records read last"));
  EXPECT_THAT(stopped.error().message(), HasSubstr("dlq.max_rate allows (5%)"));
}

TEST(RejectLimit, rows_that_the_table_refuses_count_too) {
  RejectLimit limit({.max_rate = 0.01}, "rows");
  EXPECT_TRUE(limit.admit(1000, 0));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.admit_refused());
  EXPECT_FALSE(limit.admit_refused());
}

}  // namespace
}  // namespace freshet::pipeline
