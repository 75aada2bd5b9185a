#include "app/pause_marks.h"

#include <gtest/gtest.h>

#include "warehouse/testing/temp_engine.h"

namespace freshet::app {
namespace {

TEST(PauseMarks, hold_until_they_are_cleared_whoever_looks) {
  const warehouse::testing::TempDirectory data;
  EXPECT_FALSE(PauseMarks(data.path()).is_set("rows"));
  for (int i = 0; i < 2; ++i) {
    const auto set = PauseMarks(data.path()).set("rows", SystemClock::instance());
    ASSERT_TRUE(set) << set.error().message();
    EXPECT_TRUE(PauseMarks(data.path()).is_set("rows"));
    EXPECT_FALSE(PauseMarks(data.path()).is_set("other"));
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(PauseMarks(data.path()).clear("rows"));
    EXPECT_FALSE(PauseMarks(data.path()).is_set("rows"));
  }
}

TEST(PauseMarks, a_directory_that_cannot_be_written_is_said) {
  const auto set = PauseMarks("/proc/self").set("rows", SystemClock::instance());
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message().find("/proc/self/state/paused"), std::string::npos)
      << set.error().message();
}

}  // namespace
}  // namespace freshet::app
