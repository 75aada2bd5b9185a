#include "warehouse/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::warehouse {
namespace {

TEST(LocalEngineClause, leaves_away_where_in_keeper_a_table_is) {
  struct Case {
    const char* clause;
    const char* local;
  };
  for (const Case& want :
       {Case{"MergeTree ORDER BY a", "MergeTree ORDER BY a"},
        Case{"ReplicatedMergeTree ORDER BY a", "MergeTree ORDER BY a"},
        Case{"ReplicatedMergeTree() ORDER BY a", "MergeTree ORDER BY a"},
        Case{"ReplicatedMergeTree('/clickhouse/{shard}/t', '{replica}') ORDER BY a",
             "MergeTree ORDER BY a"},
        Case{"ReplicatedReplacingMergeTree('/p', 'r', version, is_deleted) ORDER BY (a, 'x')",
             "ReplacingMergeTree(version, is_deleted) ORDER BY (a, 'x')"},
        Case{"ReplicatedReplacingMergeTree(version) PARTITION BY b",
             "ReplacingMergeTree(version) PARTITION BY b"},
        Case{"ReplicatedSummingMergeTree('/p', 'r', (a, b)) ORDER BY c SETTINGS x = 'y'",
             "SummingMergeTree((a, b)) ORDER BY c SETTINGS x = 'y'"}}) {
    EXPECT_EQ(local_engine_clause(want.clause), want.local);
  }
}

TEST(TableDescription, knows_its_engine_whether_replicated_or_not) {
  const TableDescription plain{.name = {},
                               .engine = "ReplacingMergeTree",
                               .engine_full = {},
                               .sorting_key = {},
                               .partition_key = {},
                               .primary_key = {},
                               .version_column = {},
                               .data_directory = {},
                               .columns = {},
                               .safety = {}};
  TableDescription replicated = plain;
  replicated.engine = "ReplicatedReplacingMergeTree";
  for (const TableDescription* table :
       {&plain, static_cast<const TableDescription*>(&replicated)}) {
    EXPECT_TRUE(table->is_replacing());
    EXPECT_TRUE(table->is_merge_tree());
    EXPECT_EQ(table->local_engine(), "ReplacingMergeTree");
  }
  EXPECT_FALSE(plain.is_replicated());
  EXPECT_TRUE(replicated.is_replicated());
}

}  // namespace
}  // namespace freshet::warehouse
