#include "base/check.h"

#include <gtest/gtest.h>

namespace freshet {

TEST(CheckDeathTest, names_the_condition_and_both_values) {
  EXPECT_DEATH(FRESHET_CHECK_EQ(2 + 2, 5), "check failed: 2 \\+ 2 == 5 4 vs 5");
  EXPECT_DEATH(FRESHET_CHECK(false, "offset {} of {}", 7, "events"),
               "check failed: false offset 7 of events");
}

TEST(Check, evaluates_its_operands_once) {
  int calls = 0;
  FRESHET_CHECK_EQ(++calls, 1);
  FRESHET_CHECK_LE(calls, 1);
  EXPECT_EQ(calls, 1);
}

}  // namespace freshet
