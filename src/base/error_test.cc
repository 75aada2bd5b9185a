#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace freshet {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::kInvalidArgument, "{} is odd", number);
  return number / 2;
}

Result<int> quarter(int number) {
  FRESHET_ASSIGN_CONTEXT(const int once, half(number), "half of {}", number);
  FRESHET_ASSIGN(const int twice, half(once));
  return twice;
}

Result<void> check_even(int number) {
  FRESHET_TRY_CONTEXT(half(number), "checking {}", number);
  return {};
}

}  // namespace

TEST(Result, carries_the_value_or_the_first_error) {
  EXPECT_EQ(quarter(12).value(), 3);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(failed.error().message(), "3 is odd");
}

TEST(Result, puts_context_before_the_message_outermost_first) {
  EXPECT_EQ(quarter(5).error().message(), "half of 5: 5 is odd");
  EXPECT_TRUE(check_even(4));
  EXPECT_EQ(check_even(7).error().with_context("start").message(), "start: checking 7: 7 is odd");
}

TEST(Error, tells_a_full_disk_from_other_failures_of_the_system) {
  EXPECT_EQ(errno_error("write log", ENOSPC).code(), Errc::kNoSpace);
  EXPECT_EQ(errno_error("write log", EDQUOT).code(), Errc::kNoSpace);
  const Error denied = errno_error("open x", EACCES);
  EXPECT_EQ(denied.code(), Errc::kIo);
  EXPECT_EQ(denied.message(), "open x: Permission denied");
}

TEST(Error, says_what_may_be_tried_again) {
  for (const auto code : {Errc::kIo, Errc::kNoSpace, Errc::kUnavailable, Errc::kTimeout}) {
    EXPECT_TRUE(is_retriable(code)) << errc_name(code);
  }
  for (const auto code : {Errc::kCorrupt, Errc::kFenced, Errc::kRefused, Errc::kInternal}) {
    EXPECT_FALSE(is_retriable(code)) << errc_name(code);
  }
}

}  // namespace freshet
