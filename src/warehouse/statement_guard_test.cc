#include "warehouse/statement_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "warehouse/clickhouse_error.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::warehouse {
namespace {

using Kind = AdmittedStatement::Kind;

// Each tries to read a file, reach the network, run a program or change who may do what. `t` is a
// table of the test's database.
constexpr auto kEscapeAttempts = std::to_array<std::string_view>({
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "select*from FILE('/etc/passwd')",
    "SELECT * FROM `file`('/etc/passwd', 'LineAsString')",
    "SELECT * FROM \"file\"('/etc/passwd', 'LineAsString')",
    "SELECT * FROM `fi\\x6ce`('/etc/passwd', 'LineAsString')",
    "SELECT * FROM file/* */('/etc/passwd', 'LineAsString')",
    "SELECT * FROM file -- a comment\n ('/etc/passwd', 'LineAsString')",
    "SELECT * FROM\n\t file\n('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT FILE ('/etc/passwd')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT 1 WHERE 'x' IN (SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT 1 IN file('/etc/passwd')",
    "WITH x AS (SELECT * FROM url('http://127.0.0.1:1/')) SELECT * FROM x",
    "WITH file('/etc/passwd') AS x SELECT x",
    "SELECT 1 UNION ALL SELECT length(file('/etc/passwd'))",
    "SELECT (SELECT * FROM file('/etc/passwd', 'LineAsString') LIMIT 1)",
    "SELECT * FROM view(SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT * FROM loop(file('/etc/passwd', 'LineAsString')) LIMIT 1",
    "SELECT * FROM eval('SELECT file(''/etc/passwd'')')",
    "SELECT * FROM numbers(1) AS a JOIN file('/etc/passwd', 'LineAsString') AS b ON 1 = 1",
    "SELECT 1 ORDER BY file('/etc/passwd')",
    "SELECT 1 GROUP BY file('/etc/passwd')",
    "SELECT 1 LIMIT length(file('/etc/passwd'))",
    "SELECT sum(1) OVER (ORDER BY file('/etc/passwd'))",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV')",
    "SELECT * FROM s3Cluster('c', 'http://127.0.0.1:1/bucket/key', 'CSV')",
    "SELECT * FROM gcs('http://127.0.0.1:1/bucket/key')",
    "SELECT * FROM azureBlobStorage('x', 'y', 'z')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV')",
    "SELECT * FROM iceberg('http://127.0.0.1:1/bucket/')",
    "SELECT * FROM deltaLake('http://127.0.0.1:1/bucket/')",
    "SELECT * FROM icebergLocal('/etc')",
    "SELECT * FROM remote('127.0.0.1:9000', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1:9000', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "SELECT * FROM mongodb('127.0.0.1:1', 'd', 'c', 'u', 'p', 'a Int8')",
    "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
    "SELECT * FROM sqlite('/etc/passwd', 't')",
    "SELECT * FROM jdbc('x', 'y')",
    "SELECT * FROM odbc('x', 'y', 'z')",
    "SELECT * FROM executable('cat', 'LineAsString', 'a String')",
    "SELECT * FROM filesystem('/etc')",
    "SELECT 1 INTO OUTFILE 'freshet_escape'",
    "SELECT 1 INTO /**/ outfile 'freshet_escape' FORMAT CSV",
    "EXPLAIN SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "EXPLAIN AST SELECT * FROM file('/etc/passwd')",
    "EXPLAIN PIPELINE SELECT file('/etc/passwd')",
    "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "DESC (SELECT * FROM file('/etc/passwd'))",
    "CREATE TABLE x (a String) ENGINE = File(CSV)",
    "CREATE TABLE x (a String) ENGINE = `File`(CSV, '/etc/passwd')",
    "CREATE TABLE x (a String) ENGINE = URL('http://127.0.0.1:1/')",
    "CREATE TABLE x (a String) ENGINE = Kafka SETTINGS kafka_broker_list = 'x'",
    "CREATE TABLE x (a String) ENGINE = Executable('x', CSV)",
    "CREATE TABLE x (a String) ENGINE = Distributed('c', 'd', 't')",
    "CREATE TABLE x AS file('/etc/passwd', 'LineAsString')",
    "CREATE TABLE x ENGINE = Memory AS SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "CREATE TABLE x (a String DEFAULT file('/etc/passwd')) ENGINE = Memory",
    "CREATE TABLE x (a String MATERIALIZED file('/etc/passwd')) ENGINE = Memory",
    "CREATE TABLE x (a String, CONSTRAINT c CHECK file('/x') = '') ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a String) ENGINE = File(CSV)",
    "CREATE VIEW x AS SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "CREATE MATERIALIZED VIEW x ENGINE = File(CSV) AS SELECT 1 AS a",
    "CREATE DATABASE x ENGINE = Filesystem('/etc')",
    "CREATE DATABASE x ENGINE = MySQL('127.0.0.1:1', 'd', 'u', 'p')",
    "CREATE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) "
    "LAYOUT(FLAT()) LIFETIME(1)",
    "CREATE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(HTTP(url 'http://127.0.0.1:1' format "
    "'CSV')) LAYOUT(FLAT()) LIFETIME(1)",
    "CREATE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(EXECUTABLE(command 'cat' format 'CSV')) "
    "LAYOUT(FLAT()) LIFETIME(1)",
    "CREATE FUNCTION x AS a -> file(a)",
    "CREATE FUNCTION x AS a -> a",
    "CREATE NAMED COLLECTION x AS a = 1",
    "CREATE USER x",
    "GRANT ALL ON *.* TO default",
    "CREATE ROW POLICY p ON t USING 1",
    "ALTER TABLE t ADD COLUMN b String DEFAULT file('/etc/passwd')",
    "ALTER TABLE t UPDATE a = length(file('/etc/passwd')) WHERE 1",
    "ALTER TABLE t DELETE WHERE a = length(file('/etc/passwd'))",
    "ALTER TABLE t FREEZE",
    "ALTER TABLE t FETCH PARTITION tuple() FROM '/x'",
    "DELETE FROM t WHERE a = length(file('/etc/passwd'))",
    "INSERT INTO FUNCTION file('freshet_escape', 'CSV', 'a UInt8') SELECT 1",
    "INSERT INTO FUNCTION file('freshet_escape', 'CSV', 'a UInt8') VALUES (1)",
    "INSERT INTO TABLE FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a UInt8') FORMAT CSV 1",
    "INSERT INTO t SELECT length(file('/etc/passwd'))",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
    "INSERT INTO t /**/ from/**/infile '/etc/passwd' FORMAT CSV",
    "INSERT INTO t VALUES (length(file('/etc/passwd')))",
    "INSERT INTO t VALUES (1), (length(`file`('/etc/passwd')))",
    "INSERT INTO t SETTINGS input_format_values_interpret_expressions = 1 VALUES (1)",
    "BACKUP TABLE t TO File('freshet_escape')",
    "RESTORE TABLE t FROM File('freshet_escape')",
    "ATTACH TABLE x FROM '/etc' (a UInt8) ENGINE = Memory",
    "DETACH TABLE t",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "EXECUTE AS default SELECT 1",
    "SELECT 1; SELECT file('/etc/passwd')",
    "SELECT catboostEvaluate('/etc/passwd', 1)",
    "SELECT 1 SETTINGS dialect = 'kusto'",
    "SELECT 1 SETTINGS additional_result_filter = 'file(''/etc/passwd'') != '''''",
    "SET output_format_schema = 'freshet_escape'",
    "SET format_schema = '/etc/passwd'",
    "SELECT * FROM format(Values, 'a String', '(file(\\'/etc/passwd\\'))')",
    "SELECT * FROM `format`(JSONEachRow, 'a UInt8, b String DEFAULT file(\\'/etc/passwd\\')', "
    "'{\"a\":1}')",
    "SELECT 'x' IN format(Values, 'a String', '(file(\\'/etc/passwd\\'))')",
    "SELECT 'x' NOT IN FORMAT(Values, 'a String', '(file(\\'/etc/passwd\\'))')",
    "SELECT * FROM loop(format(Values, 'a String', '(file(\\'/etc/passwd\\'))')) LIMIT 1",
    "SELECT * FROM viewIfPermitted(SELECT 1 ELSE format(Values, 'a String', "
    "'(file(\\'/etc/passwd\\'))'))",
    "DESCRIBE TABLE format(Values, 'a String', '(file(\\'/etc/passwd\\'))')",
    "CREATE TABLE x AS null('a UInt8, b String DEFAULT file(\\'/etc/passwd\\')')",
    "CREATE TABLE x AS format(Values, 'a String', '(file(\\'/etc/passwd\\'))')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('/etc/passwd')))",
    // Called without parentheses, or by what hides it from the tree.
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd' AS x)",
    "SELECT COLUMNS('x') APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * REPLACE(file(x) AS x) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap((file), ['/etc/passwd'])",
    "SELECT arrayMap(file AS g, ['/etc/passwd'])",
    "SELECT arrayMap(`fi\\x6ce`, ['/etc/passwd'])",
    "SELECT mapApply(file, map('a', '/etc/passwd'))",
    "SELECT arrayFold(file, ['/etc/passwd'], '')",
    "SELECT getSubcolumn(tuple(file('/etc/passwd')), '1')",
    "SELECT DISTINCT ON (file('/etc/passwd')) 1",
    "SELECT count() FILTER (WHERE file('/etc/passwd') != '')",
    "SELECT 1 QUALIFY file('/etc/passwd') != ''",
    "SELECT CASE file('/etc/passwd') WHEN '' THEN 1 ELSE 2 END",
    "SELECT INTERVAL length(file('/etc/passwd')) DAY",
    "SELECT trim(BOTH 'x' FROM file('/etc/passwd'))",
    "SELECT (file('/etc/passwd'), 1).1",
    "SELECT 1 AS n, '' AS s ORDER BY n WITH FILL FROM 0 TO 3 INTERPOLATE (s AS file('/etc/x'))",
    "SELECT sum(1) OVER w WINDOW w AS (ORDER BY file('/etc/passwd'))",
    "SELECT * FROM t LIMIT 1 BY file('/etc/passwd')",
    "SELECT file\xC2\xA0('/etc/passwd')",
    "SELECT file\xE2\x80\x83('/etc/passwd')",
    "SELECT file # a comment\n ('/etc/passwd')",
    "SELECT $$a$$, file($$/etc/passwd$$)",
    // SQL in strings.
    "SELECT a FROM generateRandom('a String ALIAS file(''/etc/passwd''), b Int8') LIMIT 1",
    "SELECT a FROM generateRandom(concat('a String ALI', 'AS file(''/x''), b Int8')) LIMIT 1",
    "WITH 'a String ALIAS file(''/x''), b Int8' AS s SELECT a FROM generateRandom(s) LIMIT 1",
    "SELECT a FROM values('a String ALIAS file(''/etc/passwd''), b Int8', (1))",
    "SELECT a FROM values('a String DEFAULT file(''/etc/passwd''), b Int8', ('x', 1))",
    "SELECT a FROM null('a String DEFAULT file(''/etc/passwd'')')",
    "SELECT * FROM format(Values, 'a String', $$ (file('/etc/passwd')) $$)",
    "SELECT 'x' IN (SELECT * FROM format(Values, 'a String', $$ (file('/etc/passwd')) $$))",
    "CREATE TABLE x AS generateRandom('a String DEFAULT file(''/etc/passwd'')')",
    "DESCRIBE TABLE generateRandom('a String DEFAULT file(''/etc/passwd'')')",
    "INSERT INTO t SELECT * FROM input('a String DEFAULT file(''/etc/passwd'')') FORMAT CSV 1",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('/etc/passwd')))",
    "SELECT * FROM (EXPLAIN SELECT file('/etc/passwd'))",
    "INSERT INTO t VALUES (arrayMap(file, ['/etc/passwd']))",
    // Files of answers.
    "SHOW TABLES INTO OUTFILE 'freshet_escape'",
    "DESCRIBE TABLE system.one INTO OUTFILE 'freshet_escape'",
    "EXISTS TABLE system.one INTO OUTFILE 'freshet_escape'",
    "SHOW CREATE TABLE t INTO OUTFILE 'freshet_escape'",
    "SHOW PROCESSLIST INTO OUTFILE 'freshet_escape'",
    "EXPLAIN SELECT 1 INTO OUTFILE 'freshet_escape'",
    "(SELECT 1) INTO OUTFILE 'freshet_escape' TRUNCATE",
    "SELECT 1 UNION ALL SELECT 2 INTO OUTFILE 'freshet_escape' APPEND",
    "FROM system.one SELECT 1 INTO OUTFILE 'freshet_escape' COMPRESSION 'gzip'",
    // Disks, settings, limits.
    "CREATE TABLE x (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', "
    "path = 'freshet_escape/')",
    "CREATE TABLE x (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web, "
    "endpoint = 'http://127.0.0.1:1/')",
    "CREATE TABLE x (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = s3, "
    "endpoint = 'http://127.0.0.1:1/b/x/')",
    "ALTER TABLE t MODIFY SETTING disk = 'x'",
    "SELECT * FROM (SELECT 1 AS x SETTINGS format_schema = '/etc/passwd')",
    "SELECT * FROM (SELECT 1 AS x SETTINGS additional_table_filters = {'t': 'file(1) = 1'})",
    "CREATE VIEW x AS SELECT 1 SETTINGS format_schema = '/etc/passwd'",
    "SELECT 1 SETTINGS max_memory_usage = DEFAULT",
    "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
    "SET max_execution_time = 0",
    "SET max_memory_usage = DEFAULT",
    "SET profile = 'default'",
    "SET schema_inference_hints = 'a String ALIAS file(1)'",
    // Statements that do other things.
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'd', 't', 'u', 'p') PARTITION BY x",
    "CREATE TABLE x (a Int8) ENGINE = Memory PARALLEL WITH BACKUP TABLE t TO File('x')",
    "SNAPSHOT TABLE t TO Disk('x', 'y')",
    "ALTER TABLE t MOVE PARTITION tuple() TO DISK 'x'",
    "ALTER TABLE t MODIFY SQL SECURITY NONE",
    "CREATE WORKLOAD x",
    "CREATE RESOURCE r (READ DISK d)",
    "SET ROLE x",
    "BEGIN TRANSACTION",
    "KILL QUERY WHERE query_id != 'x'",
    "KILL MUTATION WHERE 1",
    "CREATE OR REPLACE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())",
    "ATTACH TABLE x (a UInt8) ENGINE = File(CSV)",
    "WATCH t",
    // As an argument, in every place that may hold an expression.
    "SELECT * APPLY(x -> arrayMap(file, [x])[1]) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * APPLY x -> arrayMap(file, [x])[1] FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * REPLACE(arrayMap(file, [x])[1] AS x) FROM (SELECT '/etc/passwd' AS x)",
    "SHOW TABLES WHERE arrayMap(file, ['/etc/passwd'])[1] != ''",
    "SHOW COLUMNS FROM t WHERE arrayMap(file, ['/etc/passwd'])[1] != ''",
    "SHOW INDEXES FROM t WHERE arrayMap(file, ['/etc/passwd'])[1] != ''",
    "SHOW TABLES LIKE 'x' LIMIT length(file('/etc/passwd'))",
    "WITH file AS f SELECT arrayMap(f, ['/etc/passwd'])",
    "SELECT file AS f, arrayMap(f, ['/etc/passwd'])",
    "WITH file AS f SELECT arrayMap(f, ['/etc/passwd']) SETTINGS enable_analyzer = 0",
    "WITH (x -> x) AS file SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap(t.file, ['/etc/passwd']) FROM t",
    "WITH (x -> file(x)) AS f SELECT arrayMap(f, ['/etc/passwd'])",
    "WITH x -> arrayMap(file, [x]) AS f SELECT f('/etc/passwd')",
    "SELECT 1 AS n ORDER BY n WITH FILL FROM 0 TO length(arrayMap(file, ['/etc/passwd'])[1])",
    "SELECT 1 AS n, '' AS s ORDER BY n WITH FILL FROM 0 TO 3 "
    "INTERPOLATE (s AS arrayMap(file, ['/etc/passwd'])[1])",
    "SELECT sum(1) OVER w WINDOW w AS (ORDER BY arrayMap(file, ['/etc/passwd']))",
    "SELECT 1 LIMIT length(arrayMap(file, ['/etc/passwd'])[1])",
    "SELECT 1 SETTINGS max_threads = length(arrayMap(file, ['/etc/passwd'])[1])",
    "SELECT CASE WHEN arrayMap(file, ['/etc/passwd'])[1] = '' THEN 1 END",
    "SELECT [arrayMap(file, ['/etc/passwd'])]",
    "SELECT (arrayMap(file, ['/etc/passwd']), 1)",
    "SELECT arrayMap(file, ['/etc/passwd'])::String",
    "SELECT arrayMap(if(1, file, file), ['/etc/passwd'])",
    "CREATE TABLE x (a String DEFAULT arrayMap(file, ['/etc/passwd'])[1]) ENGINE = Memory",
    "CREATE TABLE x (a String, b String ALIAS arrayMap(file, [a])[1]) ENGINE = Memory",
    "CREATE TABLE x (a String, CONSTRAINT c CHECK arrayMap(file, [a])[1] = '') ENGINE = Memory",
    "CREATE TABLE x (a String, INDEX i arrayMap(file, [a])[1] TYPE minmax) "
    "ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x (a String, PROJECTION p (SELECT file(a) ORDER BY a)) "
    "ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x (a String, PROJECTION p (SELECT arrayMap(file, [a]) ORDER BY a)) "
    "ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x (a String) ENGINE = MergeTree ORDER BY arrayMap(file, [a])",
    "CREATE TABLE x (a String) ENGINE = MergeTree PARTITION BY arrayMap(file, [a]) ORDER BY a",
    "CREATE TABLE x (a String, d Date) ENGINE = MergeTree ORDER BY a "
    "TTL d + INTERVAL 1 DAY DELETE WHERE arrayMap(file, [a])[1] = ''",
    "CREATE TABLE x (a String, d Date) ENGINE = MergeTree ORDER BY a "
    "TTL d + INTERVAL 1 DAY GROUP BY a SET d = min(arrayMap(file, [a])[1])",
    "CREATE TABLE x (a String TTL today() + length(arrayMap(file, ['/etc/passwd'])[1])) "
    "ENGINE = MergeTree ORDER BY tuple()",
    "CREATE MATERIALIZED VIEW x ENGINE = Memory AS SELECT arrayMap(file, ['/etc/passwd']) AS a",
    "CREATE MATERIALIZED VIEW x REFRESH EVERY 1 DAY ENGINE = Memory AS "
    "SELECT * FROM url('http://127.0.0.1:1/')",
    "ALTER TABLE t UPDATE a = length(arrayMap(file, ['/etc/passwd'])[1]) WHERE 1",
    "ALTER TABLE t DELETE WHERE arrayMap(file, ['/etc/passwd'])[1] = ''",
    "ALTER TABLE t ADD COLUMN b String DEFAULT arrayMap(file, ['/etc/passwd'])[1]",
    "ALTER TABLE t ADD INDEX i arrayMap(file, [toString(a)])[1] TYPE minmax",
    "ALTER TABLE t ADD CONSTRAINT c CHECK arrayMap(file, ['/etc/passwd'])[1] = ''",
    "ALTER TABLE t ADD PROJECTION p (SELECT arrayMap(file, [toString(a)]) ORDER BY a)",
    "ALTER TABLE t MODIFY TTL today() + length(arrayMap(file, ['/etc/passwd'])[1])",
    "ALTER TABLE t MODIFY ORDER BY (a, arrayMap(file, ['/etc/passwd'])[1])",
    "DELETE FROM t WHERE arrayMap(file, ['/etc/passwd'])[1] = ''",
    "UPDATE t SET a = length(arrayMap(file, ['/etc/passwd'])[1]) WHERE 1",
    "DESCRIBE (SELECT arrayMap(file, ['/etc/passwd']))",
    "EXPLAIN SYNTAX SELECT arrayMap(file, ['/etc/passwd'])",
    // Names that come later.
    "CREATE VIEW x AS SELECT arrayMap({f:Identifier}, ['/etc/passwd'])",
    "CREATE OR REPLACE VIEW x AS SELECT * FROM { t : Identifier }",
    "SET param_f = 'file'",
    // This engine reads an expression as SELECT of it.
    "file('/etc/passwd')",
    "1, arrayMap(file, ['/etc/passwd'])",
    "graph = 1, arrayMap(file, ['/etc/passwd'])",
    "graph = 1 SELECT arrayMap(file, ['/etc/passwd'])",
    "optimize = 1 arrayMap(file, ['/etc/passwd'])",
    "optimize = arrayMap(file, ['/etc/passwd'])",
    // Memory that is not counted.
    "SET max_untracked_memory = 1000000000000",
    "INSERT INTO t VALUES ((SELECT * FROM format(Values, 'a String', "
    "concat('(fi', 'le(''/etc/passwd''))'))))",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM '/etc/passwd'",
    "INSERT INTO `freshet_escape` FORMAT CSV 1",
    "CREATE TABLE x ENGINE = Memory AS SELECT * FROM `/etc/passwd`",
});

class StatementGuardTest : public testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    // The engine of this program, once more, but confined.
    testing::SharedEngine::end();
    auto options = testing::engine_options(directory_.path());
    options.reaches_outside = false;
    auto engine = Engine::open(std::move(options));
    ASSERT_TRUE(engine) << engine.error().message();
    confined_ = std::move(*engine);
    auto guard = StatementGuard::open(*confined_);
    ASSERT_TRUE(guard) << guard.error().message();
    guard_ = std::move(*guard);
    execute("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a");
  }
  void TearDown() override { engine_ = nullptr; }

  std::string execute(const std::string& sql) {
    auto result = confined_->query(sql);
    EXPECT_TRUE(result) << sql << "\n" << result.error().message();
    return result ? result->bytes : "";
  }
  Result<AdmittedStatement> admit(std::string_view sql, const QueryParameters& parameters = {}) {
    auto connection = confined_->connect();
    if (!connection) return std::unexpected(connection.error());
    return guard_->admit(*connection, sql, parameters);
  }

  // The same attempt in many random spellings: no answer ever shows what is in the file.
  void check_spellings() {
    const std::string secret = "never-to-be-seen";
    const std::string path = directory_.path() + "/secret";
    std::ofstream(path) << secret;
    const std::vector<std::string> blanks = {
        " ", "\t", "\n", "/**/", "/* ( */", "-- (\n", "#! '\n", "\xC2\xA0", "\xE2\x80\x83", "\r\n"};
    const std::vector<std::string> names = {"file",         "`file`",     "\"file\"",
                                            "`fi\\x6ce`",   "`\\x66ile`", "`f\\u0069le`",
                                            "\"fil\\x65\"", "FILE"};
    const std::vector<std::string> shapes = {
        "SELECT@?@(@%@)",
        "SELECT@*@APPLY@(@?@)@FROM@(SELECT@%@AS@x)",
        "SELECT@*@APPLY@?@FROM@(SELECT@%@AS@x)",
        "SELECT@arrayMap(@?@,@[%])",
        "SELECT@arrayMap(@(@?@)@,@[%])",
        "SELECT@arrayMap(x@->@?@(x),[%])",
        "WITH@?(%)@AS@y@SELECT@y",
        "SELECT@(SELECT@?@(%))",
        "SELECT@1@WHERE@?@(%)@!=@''",
        "SELECT@a@FROM@values('x@String',@?(%))",
        "SELECT@if(1,@?@(@%@),'')",
        "SELECT@*@REPLACE(?@(x)@AS@x)@FROM@(SELECT@%@AS@x)",
        "EXPLAIN@SYNTAX@SELECT@?(@%)",
        "SELECT@*@FROM@?(%,@'LineAsString')",
        "SELECT@*@FROM@view(SELECT@?(%))",
    };
    std::mt19937 random(7);
    const auto any = [&random](const std::vector<std::string>& all) -> const std::string& {
      return all[random() % all.size()];
    };
    for (int round = 0; round < 300; ++round) {
      std::string sql;
      for (const char c : any(shapes)) {
        if (c == '@') {
          sql += any(blanks);
        } else if (c == '?') {
          sql += any(names);
        } else if (c == '%') {
          sql += quote_string(path);
        } else {
          sql += c;
        }
      }
      auto connection = confined_->connect();
      ASSERT_TRUE(connection);
      if (!guard_->admit(*connection, sql, {})) continue;
      const auto ran = connection->query(sql);
      EXPECT_FALSE(ran && ran->bytes.find(secret) != std::string::npos) << sql;
    }
  }

  void check_escape(std::string_view sql) {
    auto connection = confined_->connect();
    ASSERT_TRUE(connection);
    const auto admitted = guard_->admit(*connection, sql, {});
    if (!admitted) return;
    // VALUES run without expressions then.
    if (admitted->kind == Kind::kInsert) {
      EXPECT_FALSE(connection->insert({.sql = admitted->sql,
                                       .format = admitted->format,
                                       .settings = admitted->settings,
                                       .parameters = {}},
                                      std::span(&admitted->data, 1)))
          << sql;
      return;
    }
    // What parsing lets through, the engine's own grants stop.
    const auto ran = connection->query(sql);
    ASSERT_FALSE(ran) << "ran: " << sql << "\n" << ran->bytes;
    const int code = clickhouse_code(ran.error()).value_or(0);
    // 47: what would have been a function is looked for as a column.
    EXPECT_TRUE(code == 497 || code == 452 || code == 62 || code == 47) << sql << "\n"
                                                                        << ran.error().message();
  }

  // The lists in statement_rules.cc were made for exactly these. A difference means: read what is
  // new, extend the lists, and only then this.
  void check_lists() {
    EXPECT_EQ(
        execute("SELECT count(), sipHash64(arraySort(groupArray(name))) FROM system.functions"),
        "1825\t3623064412155189283\n");
    EXPECT_EQ(
        execute("SELECT count(), sipHash64(arraySort(groupArray(name))) FROM system.settings"),
        "1721\t1902281748516330244\n");
  }

  Kind kind_of(std::string_view sql) {
    const auto admitted = admit(sql);
    EXPECT_TRUE(admitted) << sql << "\n" << admitted.error().message();
    return admitted ? admitted->kind : Kind::kRead;
  }

  void check_kinds() {
    EXPECT_EQ(kind_of("SELECT 'file(1)', \"a\" AS `url` FROM t -- file('x')"), Kind::kSelect);
    EXPECT_EQ(kind_of("SELECT * FROM numbers(3) UNION ALL SELECT * FROM zeros(1)"), Kind::kSelect);
    EXPECT_EQ(kind_of("SELECT format('{}', 'x'), 1 IN (1, 2);"), Kind::kSelect);
    EXPECT_EQ(kind_of("SHOW TABLES"), Kind::kRead);
    EXPECT_EQ(kind_of("EXPLAIN SELECT 1"), Kind::kRead);
    EXPECT_EQ(kind_of("CREATE TABLE y (a UInt8) ENGINE = ReplacingMergeTree ORDER BY a"),
              Kind::kWrite);
    EXPECT_EQ(kind_of("INSERT INTO t SELECT number FROM numbers(3)"), Kind::kWrite);
    EXPECT_EQ(kind_of("SET max_threads = 1"), Kind::kSession);
    EXPECT_EQ(kind_of("CREATE TEMPORARY TABLE q (a UInt8)"), Kind::kSession);
    EXPECT_EQ(kind_of("INSERT INTO t VALUES (1), (toUInt8(now() > 0))"), Kind::kInsert);
    const auto unparsable = admit("SELEC 1");
    ASSERT_FALSE(unparsable);
    EXPECT_EQ(clickhouse_code(unparsable.error()), 62);
  }

  void check_inserts() {
    const auto insert = admit("INSERT INTO t (a) FORMAT CSV\r\n1\n2\n");
    ASSERT_TRUE(insert) << insert.error().message();
    EXPECT_EQ(insert->sql, "INSERT INTO t (a) ");
    EXPECT_EQ(insert->format, "CSV");
    EXPECT_EQ(insert->data, "1\n2\n");
    const auto formatted = admit("SELECT 1 FORMAT JSONEachRow");
    ASSERT_TRUE(formatted);
    EXPECT_EQ(formatted->format, "JSONEachRow");
  }

  void check_sessions() {
    const auto set = admit("SET max_threads = 1, max_execution_time = 5 -- max_result_rows = 1");
    ASSERT_TRUE(set) << set.error().message();
    EXPECT_TRUE(set->only_sets);
    EXPECT_EQ(set->sets, (std::vector<std::string>{"max_threads", "max_execution_time"}));
    const auto temporary = admit("CREATE OR REPLACE TEMPORARY TABLE q ENGINE = Memory AS SELECT 1");
    ASSERT_TRUE(temporary) << temporary.error().message();
    EXPECT_EQ(temporary->kind, Kind::kSession);
    EXPECT_FALSE(temporary->only_sets);
    EXPECT_FALSE(admit("SELECT a FROM t")->frames_rows);
    EXPECT_TRUE(admit("SELECT count() FROM t GROUP BY a WITH TOTALS")->frames_rows);
    EXPECT_TRUE(admit("SELECT a FROM t SETTINGS extremes = 1")->frames_rows);
  }

  // A name that comes as a parameter is out of the parser's sight: the engine refuses it.
  void check_parameters() {
    auto connection = confined_->connect();
    ASSERT_TRUE(connection);
    const auto by_parameter =
        connection->query("SELECT * FROM {x:Identifier}", "TSV", {}, {{"x", "/etc/passwd"}});
    ASSERT_FALSE(by_parameter);
    EXPECT_TRUE(clickhouse_code(by_parameter.error()) == 497 ||
                clickhouse_code(by_parameter.error()) == 60)
        << by_parameter.error().message();
    EXPECT_FALSE(admit("SELECT arrayMap({f:Identifier}, ['/etc/passwd'])", {{"f", "file"}}));
    EXPECT_FALSE(admit("SELECT arrayMap({f:Identifier}, ['/etc/passwd'])", {{"f", "x\nfile"}}));
  }

  void check_that_pipelines_go_on() {
    execute("INSERT INTO t VALUES (1)");
    EXPECT_EQ(execute("SELECT count() FROM t"), "1\n");
    execute("ALTER TABLE t MODIFY SETTING non_replicated_deduplication_window = 10");
    execute("OPTIMIZE TABLE t FINAL");
    const auto outside = confined_->query("SELECT * FROM file('/etc/passwd', 'LineAsString')");
    ASSERT_FALSE(outside);
    EXPECT_EQ(clickhouse_code(outside.error()), 497);
  }

  const testing::TempDirectory directory_;
  std::unique_ptr<Engine> confined_;
  std::optional<StatementGuard> guard_;
};

// One test, because the engine opens once in a process.
TEST_F(StatementGuardTest, lets_only_harmless_statements_through) {
  static_assert(kEscapeAttempts.size() >= 230);
  for (const std::string_view sql : kEscapeAttempts) check_escape(sql);
  EXPECT_FALSE(std::filesystem::exists("freshet_escape"));
  check_spellings();
  check_lists();
  check_kinds();
  check_inserts();
  check_sessions();
  check_parameters();
  check_that_pipelines_go_on();
}

}  // namespace
}  // namespace freshet::warehouse
