#include "warehouse/statement_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "warehouse/clickhouse_error.h"

namespace freshet::warehouse {
namespace {

const StatementRules& rules() {
  static const StatementRules made(
      {"file", "url", "s3", "remote", "executable", "numbers", "values", "generaterandom",
       "mergetree", "null", "format", "viewexplain"},
      {.memory_bytes = 1000, .seconds = 60, .result_rows = 10});
  return made;
}

int text_code(std::string_view formatted) {
  const auto checked = rules().check_text(formatted);
  return checked ? 0 : clickhouse_code(checked.error()).value_or(-1);
}

TEST(StatementRules, lets_pass_what_only_looks_like_a_call) {
  for (const std::string_view text : {
           "SELECT 'file(1)' AS file, url FROM file WHERE (url IN ('x')) AND (file = ('y'))",
           "INSERT INTO file (url, file) FORMAT CSV",
           "CREATE TABLE file (`url` String, `file` String) ENGINE = MergeTree ORDER BY file",
           "ALTER TABLE t (ADD INDEX file (a) TYPE minmax GRANULARITY 1)",
           "SELECT format('{}', 1), db.file.url FROM db.file",
           "SELECT * FROM values('a String, b Decimal(9, 2)', (concat('a', 'b'), 2))",
           "SELECT * FROM `values`((1, 'x'), (2, NULL))",
           "SELECT * FROM generateRandom('a UInt8, b Array(String)', 1, 10, 2) LIMIT 1",
           "SELECT * APPLY sum FROM t",
           "SELECT 1 SETTINGS max_threads = 2, max_execution_time = 60, max_memory_usage = '1000'",
           "SELECT settings, disk FROM x WHERE (disk = 'a') AND (profile = 'b')",
           "UPDATE t SET disk = 'a' WHERE profile = 'b'",
           "DROP DICTIONARY d",
           "SELECT * APPLY(x -> (x + length(t.file))) FROM t",
           "SHOW TABLES WHERE name = 'file'",
           "CREATE VIEW v AS SELECT * FROM t WHERE a = {a:UInt8}",
           "DROP VIEW {v:Identifier}",
           "CREATE TABLE {t:Identifier} (`a` UInt8) ENGINE = MergeTree ORDER BY a",
       }) {
    EXPECT_EQ(text_code(text), 0) << text;
  }
}

TEST(StatementRules, refuses_every_way_to_name_what_leads_outside) {
  for (const std::string_view text : {
           "SELECT file('/x')",
           "SELECT FILE ('/x')",
           "SELECT `file`('/x')",
           "SELECT * FROM url('http://x')",
           "INSERT INTO FUNCTION file('x', 'CSV', 'a Int8') FORMAT CSV",
           "SELECT * APPLY file FROM t",
           "SELECT * APPLY(file) FROM t",
           "SELECT COLUMNS('x') APPLY x -> file(x) FROM t",
           "SELECT * APPLY {f:Identifier} FROM t",
           "SELECT * APPLY(x -> arrayMap(file, [x])) FROM t",
           "SHOW TABLES WHERE arrayMap(file, ['x'])[1] = ''",
           "CREATE VIEW v AS SELECT arrayMap({f:Identifier}, ['/x'])",
           "CREATE OR REPLACE VIEW v AS SELECT * FROM {t:Identifier}",
           "SELECT addressToLineWithInlines(1)",
           "CREATE TABLE x (`a` Int8) ENGINE = File",
           "CREATE TABLE x (`a` Int8) ENGINE = URL('http://x')",
           "SELECT 1 INTO OUTFILE '/x'",
           "INSERT INTO t FROM INFILE '/x' FORMAT CSV",
           "SELECT a FROM generateRandom('a String ALIAS file(1), b Int8')",
           "SELECT a FROM generateRandom('a String alias/**/x')",
           "SELECT a FROM generateRandom(concat('a ALI', 'AS 1'))",
           "SELECT a FROM generateRandom('a ALI' || 'AS 1')",
           "SELECT a FROM generateRandom({s:String})",
           "WITH 'a Int8' AS s SELECT a FROM generateRandom(s)",
           "SELECT a FROM `values`('a String DEFAULT 1', (1))",
           "SELECT a FROM values(('a String DEFAULT 1'), (1))",
           "SELECT a FROM values({s:String}, (1))",
           "SELECT a FROM null('a String MATERIALIZED 1')",
           "CREATE DICTIONARY d (`a` Int8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())",
           "CREATE OR REPLACE DICTIONARY d (`a` Int8) PRIMARY KEY a",
           "SELECT -1 -- file('/x')",
           "SELECT 1 /* x */",
           "SELECT `a\nFunction file`",
           "SELECT `a\\nFunction file`",
           "SELECT (1",
           "SELECT 'a",
       }) {
    EXPECT_EQ(text_code(text), 497) << text;
  }
}

TEST(StatementRules, keeps_settings_that_lead_outside_and_limits) {
  for (const std::string_view text : {
           "SELECT 1 SETTINGS format_schema = '/x'",
           "SELECT * FROM (SELECT 1 SETTINGS additional_table_filters = {'t':'file()'})",
           "SET Dialect = 'kusto'",
           "SET param_f = 'file'",
           "SET max_untracked_memory = 1000000000",
           "SET max_threads = 1, dialect = 'kusto'",
           "ALTER TABLE t (MODIFY SETTING disk = 'x')",
           "SET max_memory_usage = 0",
           "SET max_memory_usage = DEFAULT",
           "SET max_memory_usage = 1001",
           "SET max_memory_usage = '1001'",
           "SET max_memory_usage = '10'",  // stands for itself below
           "SELECT 1 SETTINGS max_execution_time = 61",
           "SELECT 1 SETTINGS max_execution_time = -1",
           "SELECT * FROM (SELECT 1 SETTINGS max_result_rows = 1e99)",
       }) {
    EXPECT_EQ(text_code(text), text.ends_with("'10'") ? 0 : 452) << text;
  }
  EXPECT_TRUE(rules().check_setting("max_result_rows", "10"));
  EXPECT_FALSE(rules().check_setting("max_result_rows", "11"));
  EXPECT_FALSE(rules().check_setting("LOG_COMMENT", "x"));
  EXPECT_EQ(text_code("CREATE TABLE x (`a` Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = "
                      "disk(type = web, endpoint = 'http://x/')"),
            452);
}

TEST(StatementRules, judges_the_tree_by_what_is_known) {
  using Kind = StatementRules::Kind;
  const auto kind_of = [](std::string_view tree) { return rules().check_tree(tree); };
  EXPECT_EQ(*kind_of("SelectWithUnionQuery (children 1)\n"), Kind::kSelect);
  EXPECT_EQ(*kind_of("Explain EXPLAIN AST (children 1)\n"), Kind::kRead);
  EXPECT_EQ(*kind_of("CreateQuery x (children 3)\n Storage definition\n  Function MergeTree\n"),
            Kind::kWrite);
  EXPECT_EQ(*kind_of("AlterQuery  t (children 2)\n AlterCommand ADD_COLUMN (children 1)\n"),
            Kind::kWrite);
  EXPECT_EQ(*kind_of("Set\n"), Kind::kSession);
  const std::string in_map =
      "SelectWithUnionQuery\n Function {} (children 1)\n"
      "  ExpressionList (children 2)\n   Identifier {}\n   Literal 1\n";
  EXPECT_TRUE(kind_of(fmt::format(fmt::runtime(in_map), "equals", "file")));
  EXPECT_TRUE(kind_of(fmt::format(fmt::runtime(in_map), "arrayMap", "t.file")));
  for (const std::string& tree : std::vector<std::string>{
           fmt::format(fmt::runtime(in_map), "arrayMap", "file"),
           fmt::format(fmt::runtime(in_map), "somethingNew", "file (alias g)"),
           "SYSTEM query\n",
           "BackupQuery (children 1)\n",
           "AttachQuery t (children 1)\n",
           "SomethingNew\n",
           "",
           "Explain EXPLAIN TABLE OVERRIDE (children 2)\n",
           "AlterQuery t\n AlterCommand FETCH_PARTITION (children 1)\n",
           "CreateQuery x (children 1)\n Function numbers (children 1)\n",
           "SelectWithUnionQuery\n TableExpression (children 1)\n  Function format (children 1)\n",
           std::string("SelectWithUnionQuery\n TableExpression (children 1)\n") +
               "  Function numbers (children 1)\n   ExpressionList (children 1)\n" +
               "    Function format (children 1)\n",
           "SelectWithUnionQuery\n Function viewExplain (children 1)\n",
           "SelectWithUnionQuery (children 2)\n Literal '/x'\n",
           "CreateQuery d\n Dictionary definition\n",
       }) {
    const auto checked = kind_of(tree);
    ASSERT_FALSE(checked) << tree;
    EXPECT_EQ(clickhouse_code(checked.error()), 497);
  }
}

TEST(StatementRules, values_that_are_constants_and_conversions_are_known) {
  for (const char* plain :
       {"(1, -2.5e3, 'it''s \\\\ a \\' quote', NULL, true)", "([1, 2], ('a', 0x1F), map('k', 'v'))",
        "(fromUnixTimestamp64Nano(1763726400005000000), toUUID('1'))", "",
        "(toDate('x; file(1)'))"}) {
    EXPECT_TRUE(StatementRules::values_are_conversions(plain)) << plain;
  }
  for (const char* other :
       {"(now())", "(file('/x'))", "(`toDate`('x'))", "(\"a\")", "((SELECT 1))", "(1) -- x",
        "(1); (2)", "(1 /* x */)", "('open", "('open\\", "($$x$$)", "({a:UInt8})",
        "(toDate('x') + 1d AS y)", "(1 # x", "(1file('/x'))", "(1.file('/x'))"}) {
    EXPECT_FALSE(StatementRules::values_are_conversions(other)) << other;
  }
  EXPECT_TRUE(StatementRules::values_are_conversions(std::string(3'000'000, ' ')));
}

TEST(StatementRules, values_are_evaluated_only_when_nothing_in_them_can_hide) {
  EXPECT_TRUE(rules().values_may_be_evaluated("(1, now()), (2, 'a''b')"));
  EXPECT_FALSE(rules().values_may_be_evaluated("(1, FiLe('/x'))"));
  EXPECT_TRUE(rules().values_may_be_evaluated("((SELECT 1), 'x')"));
  EXPECT_FALSE(rules().values_may_be_evaluated("((SELECT * FROM format(Values, 'a', '(1)')))"));
  EXPECT_FALSE(rules().values_may_be_evaluated("(1, `fi\\x6ce`('/x'))"));
  EXPECT_FALSE(rules().values_may_be_evaluated("(arrayMap({f:Identifier}, ['/x']))"));
  EXPECT_FALSE(rules().values_may_be_evaluated(std::string(300'000, ' ')));
}

TEST(StatementRules, reads_which_query_is_killed) {
  EXPECT_EQ(killed_query("KILL QUERY WHERE query_id = 'a-b'"), "a-b");
  EXPECT_EQ(killed_query("KILL QUERY WHERE query_id = 'a' SYNC"), "a");
  EXPECT_EQ(killed_query("KILL QUERY WHERE query_id = 'a' ASYNC FORMAT JSON"), "a");
  EXPECT_EQ(killed_query("KILL QUERY WHERE query_id = 'a' FORMAT"), "");
  EXPECT_EQ(killed_query("KILL QUERY WHERE query_id = 'a' OR 1"), "");
  EXPECT_EQ(killed_query("KILL QUERY WHERE query_id != 'a'"), "");
  EXPECT_EQ(killed_query("KILL QUERY WHERE 1"), "");
  EXPECT_EQ(killed_query("KILL MUTATION WHERE query_id = 'a'"), "");
}

}  // namespace
}  // namespace freshet::warehouse
