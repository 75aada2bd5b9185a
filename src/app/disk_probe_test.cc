#include "app/disk_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace freshet::app {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class DiskProbeTest : public ::testing::Test {
 protected:
  DiskProbeTest() {
    std::string name = (std::filesystem::temp_directory_path() / "disk-probe-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~DiskProbeTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::filesystem::path directory_;
};

TEST_F(DiskProbeTest, orders_its_figures_and_leaves_nothing_behind) {
  const auto syncs = measure_syncs(directory_, milliseconds(20), milliseconds(0));
  ASSERT_TRUE(syncs) << syncs.error().message();
  EXPECT_GE(syncs->writes, 1U);
  EXPECT_GE(syncs->seconds, 0.02);
  EXPECT_LE(syncs->p50_ms, syncs->p99_ms);
  EXPECT_LE(syncs->p99_ms, syncs->longest_ms);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(DiskProbeTest, touches_no_file_that_is_there) {
  std::ofstream(directory_ / "bench-disk") << "mine";
  const auto syncs = measure_syncs(directory_, milliseconds(1), milliseconds(0));
  ASSERT_FALSE(syncs);
  EXPECT_THAT(syncs.error().message(), HasSubstr("bench-disk"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "bench-disk"));
}

}  // namespace
}  // namespace freshet::app
