#include "warehouse/deduplication_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "warehouse/testing/engine_fixture.h"

namespace freshet::warehouse {
namespace {

TEST(DeduplicationLog, keeps_tokens_whose_parts_are_there) {
  EXPECT_EQ(forget_lines("1\tall_1_1_0\tall_1\n1\tall_2_2_0\tall_2\n",
                         {"all_1_1_0", "all_2_2_0", "detached", "format_version.txt"}),
            "");
}

TEST(DeduplicationLog, a_merged_part_covers_its_blocks) {
  const std::string log = "1\tall_1_1_0\ta\n1\tall_2_2_0\tb\n1\tall_3_3_0\tc\n";
  EXPECT_EQ(forget_lines(log, {"all_1_3_1"}), "");
  EXPECT_EQ(forget_lines(log, {"all_1_3_1_7"}), "");  // mutated
  EXPECT_EQ(forget_lines(log, {"all_1_2_1"}), "2\tall_3_3_0\tc\n");
}

TEST(DeduplicationLog, forgets_only_in_the_partition_that_lacks_the_part) {
  EXPECT_EQ(forget_lines("1\t20250918_4_4_0\tx\n1\t20250919_5_5_0\ty\n", {"20250918_4_4_0"}),
            "2\t20250919_5_5_0\ty\n");
}

TEST(DeduplicationLog, a_dropped_token_is_not_dropped_again) {
  EXPECT_EQ(forget_lines("1\tall_1_1_0\ta\n2\tall_1_1_0\ta\n", {}), "");
}

TEST(DeduplicationLog, a_token_that_landed_again_counts_by_its_last_part) {
  EXPECT_EQ(forget_lines("1\tall_1_1_0\ta\n2\tall_1_1_0\ta\n1\tall_9_9_0\ta\n", {"all_9_9_0"}), "");
}

TEST(DeduplicationLog, unreadable_lines_are_passed_over) {
  EXPECT_EQ(forget_lines("\n1\n1\t\n9\tall_1_1_0\ta\n1\tnonsense\tb\n1\tall_1_1_0\tc", {}),
            "2\tall_1_1_0\tc\n");
}

// A process killed between the engine's two steps leaves a token without its part.
TEST(DeduplicationLog, a_remembered_token_without_its_part_does_not_swallow_the_replay) {
  testing::SharedEngine::end();
  const testing::TempDirectory directory;
  const auto open = [&] { return Engine::open(testing::engine_options(directory.path())); };
  const InsertStatement insert{
      .table = "t",
      .settings = {{"insert_deduplication_token", "T"}, {"async_insert", "0"}},
      .format = "TabSeparated"};
  const std::string_view rows = "1\t1\n1\t2\n2\t3\n";
  std::string part;
  {
    auto engine = open();
    if (!engine && engine.error().code() == Errc::kUnsupported) {
      GTEST_SKIP() << engine.error().message();
    }
    ASSERT_TRUE(engine) << engine.error().message();
    ASSERT_TRUE(
        (*engine)->query("CREATE TABLE t (k UInt8, a UInt64) ENGINE = MergeTree PARTITION "
                         "BY k ORDER BY a SETTINGS non_replicated_deduplication_window = 9"));
    ASSERT_TRUE((*engine)->insert(insert, std::span(&rows, 1)));
    part = (*engine)
               ->query(
                   "SELECT path FROM system.parts WHERE table = 't' AND active AND "
                   "partition = '2'")
               ->bytes;
    part.pop_back();
  }
  ASSERT_EQ(std::filesystem::remove_all(part) > 0, true) << part;
  auto engine = open();
  ASSERT_TRUE(engine) << engine.error().message();
  ASSERT_EQ((*engine)->query("SELECT count() FROM t")->bytes, "2\n");
  ASSERT_TRUE((*engine)->insert(insert, std::span(&rows, 1)));
  EXPECT_EQ((*engine)->query("SELECT a FROM t ORDER BY a")->bytes, "1\n2\n3\n");
}

}  // namespace
}  // namespace freshet::warehouse
