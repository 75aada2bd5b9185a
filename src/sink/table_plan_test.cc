#include "sink/table_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::sink {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

warehouse::TableDescription table(const std::string& engine, warehouse::TableSafety safety = {}) {
  return {.name = {.database = "d", .table = "t"},
          .engine = engine,
          .engine_full = {},
          .sorting_key = {},
          .partition_key = {},
          .primary_key = {},
          .version_column = {},
          .data_directory = {},
          .columns = {},
          .safety = safety};
}

warehouse::TableSafety safe(uint64_t window, uint64_t seconds) {
  return {.deduplication_window = window,
          .deduplication_seconds = seconds,
          .fsync_after_insert = true,
          .fsync_part_directory = true,
          .async_insert = false};
}

TEST(SafetyProblems, of_a_replicated_table_are_its_window_in_blocks_and_in_seconds) {
  EXPECT_THAT(safety_problems(table("ReplicatedMergeTree", safe(10'000, 604'800)), {}), IsEmpty());
  EXPECT_THAT(
      safety_problems(table("ReplicatedMergeTree", safe(0, 604'800)), {}),
      ElementsAre(AllOf(HasSubstr("has no deduplication window"),
                        HasSubstr("MODIFY SETTING replicated_deduplication_window = 10000"))));
  // ClickHouse's default since 26.2.
  EXPECT_THAT(safety_problems(table("ReplicatedReplacingMergeTree", safe(10'000, 3'600)), {}),
              ElementsAre(AllOf(
                  HasSubstr("forgets inserts after 3600 s"),
                  HasSubstr("MODIFY SETTING replicated_deduplication_window_seconds = 604800"))));
  EXPECT_THAT(safety_problems(table("MergeTree", safe(10'000, 0)), {}), IsEmpty());
}

TEST(SafetyProblems, of_engines_that_cannot_deduplicate_name_the_reason) {
  EXPECT_THAT(safety_problems(table("Distributed"), {}),
              ElementsAre(HasSubstr("write to the local table of each shard")));
  EXPECT_THAT(safety_problems(table("SharedMergeTree"), {}),
              ElementsAre(HasSubstr("not supported yet")));
  EXPECT_THAT(safety_problems(table("Memory"), {}), ElementsAre(HasSubstr("use a MergeTree")));
}

TEST(SafetyProblems, are_looked_for_in_the_targets_of_views_too) {
  const std::vector<warehouse::ViewTarget> views = {
      {.view = {.database = "d", .table = "v"},
       .source = {.database = "d", .table = "t"},
       .target = [] {
         auto target = table("ReplicatedSummingMergeTree", safe(100, 60));
         target.name.table = "sums";
         return target;
       }()}};
  EXPECT_THAT(safety_problems(table("MergeTree", safe(10'000, 0)), views),
              ElementsAre(AllOf(HasSubstr("the target of materialized view d.v, d.sums"),
                                HasSubstr("forgets inserts after 60 s"))));
}

}  // namespace
}  // namespace freshet::sink
