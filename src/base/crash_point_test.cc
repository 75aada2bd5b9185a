#include "base/crash_point.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace freshet {
namespace {

/// Runs in a child that was started with FRESHET_CRASH_AT=before_commit:3.
void pass(std::string_view name, int times) {
  for (int i = 0; i < times; ++i) crash_point(name);
  std::_Exit(0);
}

}  // namespace

// The variable is read when the process starts, so the children must start anew ("threadsafe").
class CrashPointDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    ::setenv("FRESHET_CRASH_AT", "before_commit:3", 1);
  }
  void TearDown() override { ::unsetenv("FRESHET_CRASH_AT"); }
};

TEST_F(CrashPointDeathTest, kills_at_the_nth_pass_of_the_named_point) {
  EXPECT_EXIT(pass("before_commit", 3), testing::KilledBySignal(SIGKILL), "");
}

TEST_F(CrashPointDeathTest, lets_fewer_passes_and_other_points_go_on) {
  EXPECT_EXIT(pass("before_commit", 2), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(pass("after_commit", 9), testing::ExitedWithCode(0), "");
}

}  // namespace freshet
