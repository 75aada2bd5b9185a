#include "warehouse/libchdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::warehouse {
namespace {

using ::testing::HasSubstr;

TEST(FindLibchdb, a_configured_path_is_the_only_place) {
  const auto path = find_libchdb("/no/such/libchdb.so");
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code(), Errc::kNotFound);
  EXPECT_THAT(path.error().message(), HasSubstr("scripts/setup"));
  EXPECT_THAT(path.error().message(), HasSubstr("(looked at /no/such/libchdb.so)"));
}

TEST(FindLibchdb, takes_a_file_that_is_there) {
  const auto path = find_libchdb("/proc/self/exe");
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(*path, "/proc/self/exe");
}

}  // namespace
}  // namespace freshet::warehouse
