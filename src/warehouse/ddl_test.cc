#include "warehouse/ddl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "warehouse/testing/engine_fixture.h"

namespace freshet::warehouse {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ApplyTables : public testing::EngineTest {
 protected:
  Error refused(const std::vector<std::string>& statements) {
    const auto outcome = apply_tables(*engine_, statements);
    EXPECT_FALSE(outcome);
    return outcome ? Error(Errc::kInternal, "it was accepted") : outcome.error();
  }
  void applied(const std::vector<std::string>& statements, const DdlOptions& options = {}) {
    const auto outcome = apply_tables(*engine_, statements, options);
    EXPECT_TRUE(outcome) << outcome.error().message();
    outcomes_ = outcome.value_or(std::vector<TableOutcome>(statements.size()));
  }
  std::string show(const std::string& table) {
    return engine_->query("SHOW CREATE TABLE " + in_database(table), "TSVRaw")->bytes;
  }
  std::vector<TableOutcome> outcomes_;
};

TEST_F(ApplyTables, makes_the_table_of_the_events_platform_safe_and_provable) {
  const std::string ddl = "CREATE TABLE " + in_database("events") +
                          R"( (user_id String, event_type LowCardinality(String),
    timestamp DateTime64(3,'UTC'), session_id String, device LowCardinality(String),
    inserted_at DateTime DEFAULT now())
  ENGINE = ReplacingMergeTree() ORDER BY (timestamp, user_id) PARTITION BY toYYYYMMDD(timestamp)
  SETTINGS index_granularity = 8192;)";
  applied({ddl});
  EXPECT_TRUE(outcomes_[0].created);
  EXPECT_THAT(
      show("events"),
      AllOf(HasSubstr("`_topic` LowCardinality(String)"), HasSubstr("`_partition` UInt32"),
            HasSubstr("`_offset` UInt64"), HasSubstr("non_replicated_deduplication_window = 10000"),
            HasSubstr("fsync_after_insert = 1"), HasSubstr("fsync_part_directory = 1"),
            HasSubstr("index_granularity = 8192"),
            HasSubstr("PARTITION BY toYYYYMMDD(timestamp)")));
  applied({ddl});
  EXPECT_FALSE(outcomes_[0].created);
  const auto table = describe_table(*engine_, {database_, "events"});
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->sorting_key, "timestamp, user_id");
  EXPECT_EQ(table->partition_key, "toYYYYMMDD(timestamp)");
  EXPECT_EQ(table->safety.deduplication_window, 10000U);
  EXPECT_TRUE(table->safety.fsync_after_insert && table->safety.fsync_part_directory);
  EXPECT_FALSE(table->safety.async_insert);
  EXPECT_EQ(table->find("inserted_at")->default_expression, "now()");
  EXPECT_EQ(table->find("timestamp")->type->scale, 3);
}

TEST_F(ApplyTables, keeps_what_the_statement_says) {
  applied({"CREATE TABLE " + in_database("t") +
           " (a UInt64, _offset UInt64 CODEC(Delta, LZ4)) ENGINE = MergeTree ORDER BY a "
           "SETTINGS fsync_after_insert = 0, non_replicated_deduplication_window = 7 "
           "COMMENT 'it''s (mine' -- and a note"});
  EXPECT_THAT(show("t"),
              AllOf(HasSubstr("fsync_after_insert = 0"), HasSubstr("fsync_part_directory = 1"),
                    HasSubstr("non_replicated_deduplication_window = 7"),
                    HasSubstr("CODEC(Delta(8), LZ4)"), HasSubstr("_topic")));
}

TEST_F(ApplyTables, a_comment_at_the_end_does_not_swallow_the_settings) {
  applied(
      {"CREATE TABLE " + in_database("t") + " (a UInt64) ENGINE = MergeTree ORDER BY a -- sorted"});
  EXPECT_THAT(show("t"), HasSubstr("fsync_after_insert = 1"));
}

TEST_F(ApplyTables, without_provenance_adds_only_settings) {
  applied({"CREATE TABLE " + in_database("t") + " (a UInt64) ENGINE = MergeTree ORDER BY a"},
          {.provenance = false});
  EXPECT_THAT(show("t"), AllOf(Not(HasSubstr("_offset")), HasSubstr("fsync_after_insert = 1")));
}

TEST_F(ApplyTables, targets_of_views_get_settings_but_no_provenance) {
  const std::vector<std::string> statements = {
      "CREATE TABLE " + in_database("t") + " (a UInt64) ENGINE = MergeTree ORDER BY a",
      "CREATE TABLE " + in_database("sums") +
          " (k UInt8, s UInt64) ENGINE = SummingMergeTree ORDER BY k",
      "CREATE MATERIALIZED VIEW " + in_database("v") + " TO " + in_database("sums") +
          " AS SELECT 0 AS k, sum(a) AS s FROM " + in_database("t"),
      "CREATE MATERIALIZED VIEW " + in_database("w") +
          " ENGINE = MergeTree ORDER BY a AS SELECT a FROM " + in_database("t"),
  };
  applied(statements);
  EXPECT_THAT(show("sums"), AllOf(Not(HasSubstr("_offset")), HasSubstr("fsync_after_insert = 1")));
  const auto targets = view_targets(*engine_, {database_, "t"});
  ASSERT_TRUE(targets) << targets.error().message();
  ASSERT_EQ(targets->size(), 2U);
  EXPECT_EQ((*targets)[0].view.table, "v");
  for (const ViewTarget& target : *targets) {
    EXPECT_EQ(target.target.safety.deduplication_window, 10000U) << target.target.engine_full;
  }
  applied(statements);  // all there and equal
  for (const TableOutcome& outcome : outcomes_) EXPECT_FALSE(outcome.created);
}

TEST_F(ApplyTables, views_of_views_are_found) {
  applied({"CREATE TABLE " + in_database("a") + " (x UInt64) ENGINE = MergeTree ORDER BY x",
           "CREATE TABLE " + in_database("b") + " (x UInt64) ENGINE = MergeTree ORDER BY x",
           "CREATE TABLE " + in_database("c") + " (x UInt64) ENGINE = MergeTree ORDER BY x",
           "CREATE MATERIALIZED VIEW " + in_database("ab") + " TO " + in_database("b") +
               " AS SELECT x FROM " + in_database("a"),
           "CREATE MATERIALIZED VIEW " + in_database("bc") + " TO " + in_database("c") +
               " AS SELECT x FROM " + in_database("b")});
  const auto targets = view_targets(*engine_, {database_, "a"});
  ASSERT_TRUE(targets) << targets.error().message();
  ASSERT_EQ(targets->size(), 2U);
  EXPECT_EQ((*targets)[1].target.name.table, "c");
}

TEST_F(ApplyTables, reports_every_difference_of_every_table_in_one_message) {
  run("CREATE TABLE " + in_database("t") +
      " (a UInt64, b String DEFAULT 'x', gone UInt8) ENGINE = MergeTree ORDER BY a");
  run("CREATE TABLE " + in_database("u") + " (a UInt64) ENGINE = MergeTree ORDER BY a");
  const Error error =
      refused({"CREATE TABLE " + in_database("t") +
                   " (a UInt32, b String DEFAULT 'y', c Date) ENGINE = ReplacingMergeTree(a) "
                   "PARTITION BY a ORDER BY (a, b) SETTINGS index_granularity = 1024",
               "CREATE TABLE " + in_database("u") + " (a Int64) ENGINE = MergeTree ORDER BY a"});
  EXPECT_EQ(error.code(), Errc::kRefused);
  EXPECT_THAT(
      error.message(),
      AllOf(HasSubstr("column a is UInt64 in the table but declared as UInt32"),
            HasSubstr("column b is String DEFAULT 'x' in the table but declared as String DEFAULT "
                      "'y'"),
            HasSubstr("column c Date is declared but not in the table"),
            HasSubstr("column gone UInt8 is in the table but not declared"),
            HasSubstr("the engine is MergeTree in the table but declared as ReplacingMergeTree(a)"),
            HasSubstr("ORDER BY is a in the table but declared as a, b"),
            HasSubstr("PARTITION BY is none in the table but declared as a")));
  EXPECT_THAT(
      error.message(),
      AllOf(HasSubstr("setting index_granularity is 8192 in the table but declared as 1024"),
            HasSubstr("column a is UInt64 in the table but declared as Int64")));
  EXPECT_EQ(run("SELECT count() FROM system.databases WHERE name = '_freshet_declared'"), "0\n");
}

TEST_F(ApplyTables, types_are_compared_by_meaning) {
  run("CREATE TABLE " + in_database("t") +
      " (a Int32, d DateTime64(3)) ENGINE = MergeTree "
      "ORDER BY a");
  applied({"create table if not exists " + in_database("t") +
           " (a INTEGER, d TIMESTAMP(3)) engine MergeTree() order by (a)"});
  EXPECT_FALSE(outcomes_[0].created);
}

TEST_F(ApplyTables, makes_the_database) {
  const std::string database = database_ + "_made";
  applied({"CREATE TABLE `" + database + "`.`my table` (a UInt64) ENGINE = MergeTree ORDER BY a"});
  EXPECT_TRUE(outcomes_[0].created);
  run("DROP DATABASE " + database + " SYNC");
}

TEST_F(ApplyTables, an_error_of_the_engine_names_the_table) {
  const Error error = refused(
      {"CREATE TABLE " + in_database("t") + " (a NoSuchType) ENGINE = MergeTree ORDER BY a"});
  EXPECT_THAT(error.message(), AllOf(HasSubstr(in_database("t")), HasSubstr("NoSuchType")));
}

TEST(TableStatement, reads_names_in_every_spelling) {
  const auto statement = TableStatement::parse("CREATE TABLE IF NOT EXISTS `my db`.\"t\" (a Int8)");
  ASSERT_TRUE(statement) << statement.error().message();
  EXPECT_EQ(statement->name, (TableName{"my db", "t"}));
  EXPECT_EQ(TableStatement::parse("CREATE TABLE t (a Int8);")->name, (TableName{"default", "t"}));
}

struct BadStatement {
  const char* sql;
  const char* says;
};
class BadTableStatement : public ::testing::TestWithParam<BadStatement> {};
TEST_P(BadTableStatement, is_refused_with_a_reason) {
  const auto statement = TableStatement::parse(GetParam().sql);
  ASSERT_FALSE(statement);
  EXPECT_THAT(statement.error().message(), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    , BadTableStatement,
    ::testing::Values(BadStatement{"", "found the end"},
                      BadStatement{"DROP TABLE t", "expected CREATE TABLE"},
                      BadStatement{"CREATE VIEW v AS SELECT 1", "not supported"},
                      BadStatement{"CREATE TABLE t AS u", "without a list of columns"},
                      BadStatement{"CREATE TABLE t (a Int8", "not closed"},
                      BadStatement{"CREATE TABLE t (a Int8); DROP TABLE u", "several"},
                      BadStatement{"CREATE TABLE t ON CLUSTER c (a Int8)", "ON CLUSTER"},
                      BadStatement{"CREATE MATERIALIZED VIEW v TO t", "AS SELECT"}));

}  // namespace
}  // namespace freshet::warehouse
