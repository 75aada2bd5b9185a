#include "api/clickhouse_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "api/clickhouse_request.h"
#include "io/http_client.h"
#include "io/io_threads.h"
#include "kafka/compression.h"
#include "observe/metrics.h"
#include "warehouse/compressed_block.h"
#include "warehouse/statement_rules.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using warehouse::testing::EngineTest;

class ClickHouseServerTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) start({});
  }
  void TearDown() override {
    server_.reset();
    EngineTest::TearDown();
  }
  void start(ClickHouseServer::Options options) {
    server_ = std::make_unique<ClickHouseServer>(
        threads_, metrics_, [this]() -> Result<warehouse::Engine*> { return engine_; },
        std::move(options));
    const auto port = server_->listen(0);
    ASSERT_TRUE(port) << port.error().message();
    port_ = *port;
  }
  io::HttpReply ask(const std::string& method, const std::string& target, std::string body = {},
                    const io::HttpHeaders& headers = {}) {
    auto reply =
        io::HttpClient::tcp("127.0.0.1", port_).request(method, target, std::move(body), headers);
    EXPECT_TRUE(reply) << reply.error().message();
    return reply ? *reply : io::HttpReply{};
  }
  io::HttpReply get(const std::string& sql, const std::string& more = {}) {
    return ask("GET", "/?query=" + io::percent_encode(sql) + more);
  }
  io::HttpReply post(const std::string& sql, const std::string& more = {}) {
    return ask("POST", "/?database=" + database_ + more, sql);
  }
  static std::string header(const io::HttpReply& reply, std::string_view name) {
    return std::string(io::find_header(reply.headers, name));
  }

  MetricRegistry metrics_;
  io::IoThreads threads_{"clickhouse", 1};
  std::unique_ptr<ClickHouseServer> server_;
  uint16_t port_ = 0;
};

TEST_F(ClickHouseServerTest, says_that_it_is_there) {
  for (const std::string path : {"/", "/ping", "/replicas_status"}) {
    const auto reply = ask("GET", path);
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.body, "Ok.\n");
  }
}

TEST_F(ClickHouseServerTest, answers_queries_in_every_place_and_format) {
  EXPECT_EQ(get("SELECT 1, 'x'").body, "1\tx\n");
  EXPECT_EQ(post("SELECT 1, 'x'").body, "1\tx\n");
  EXPECT_EQ(ask("POST", "/?query=SELECT+1", ", 2").body, "1\t2\n");
  EXPECT_EQ(get("SELECT 1 AS a FORMAT JSONEachRow").body, "{\"a\":1}\n");
  const auto json = get("SELECT 1 AS a", "&default_format=JSONCompact");
  EXPECT_EQ(header(json, "Content-Type"), "application/json; charset=UTF-8");
  EXPECT_EQ(header(json, "X-ClickHouse-Format"), "JSONCompact");
  EXPECT_THAT(header(json, "X-ClickHouse-Summary"), HasSubstr("\"result_rows\":\"1\""));
  EXPECT_EQ(header(json, "X-ClickHouse-Timezone").empty(), false);
  EXPECT_EQ(header(get("SELECT 1", "&query_id=mine"), "X-ClickHouse-Query-Id"), "mine");
  EXPECT_EQ(header(get("SELECT 1"), "X-ClickHouse-Query-Id").size(), 36U);
  EXPECT_EQ(get("SELECT {n:UInt8} + 1, {s:String}", "&param_n=41&param_s=a%27b").body,
            "42\ta\\'b\n");
  EXPECT_EQ(get("SELECT getSetting('max_threads')", "&max_threads=3").body, "3\n");
  EXPECT_EQ(get("SELECT number FROM numbers(300000)").body.size(), 1'988'890U);
  EXPECT_EQ(header(get("SELECT 1", "&session_timezone=Asia/Tokyo"), "X-ClickHouse-Timezone"),
            "Asia/Tokyo");
  const std::string large = "SELECT length('" + std::string(300'000, 'x') + "')";
  EXPECT_EQ(header(post(large), "X-ClickHouse-Exception-Code"), "62");
  EXPECT_EQ(post(large, "&max_query_size=1000000").body, "300000\n");
  EXPECT_EQ(get("SELECT count() FROM (SELECT 1 WHERE 0)", "&wait_end_of_query=1").body, "0\n");
}

TEST_F(ClickHouseServerTest, errors_look_like_those_of_clickhouse) {
  struct Case {
    std::string sql;
    unsigned status;
    std::string code;
  };
  for (const Case& want : std::vector<Case>{
           {"SELECT * FROM nowhere", 404, "60"},
           {"SELEC 1", 400, "62"},
           {"", 400, "62"},
           {"SELECT nothing", 404, "47"},
           {"SELECT throwIf(1)", 500, "395"},
           {"SELECT * FROM file('/etc/passwd')", 403, "497"},
           {"SELECT 1; SELECT 2", 400, "62"},
       }) {
    const auto reply = post(want.sql);
    EXPECT_EQ(reply.status, want.status) << want.sql << reply.body;
    EXPECT_EQ(header(reply, "X-ClickHouse-Exception-Code"), want.code);
    EXPECT_THAT(reply.body, StartsWith("Code: " + want.code + ". DB::Exception: "));
  }
  EXPECT_THAT(post("SELECT * FROM nowhere").body, HasSubstr("(UNKNOWN_TABLE) (version 26.7"));
  EXPECT_EQ(get("SELECT 1", "&no_such_setting=1").status, 404U);
  EXPECT_EQ(get("SELECT 1", "&max_threads%3D1%2Cx=1").status, 404U);
  EXPECT_EQ(get("SELECT 1", "&role=x").status, 501U);
  EXPECT_EQ(get("CREATE TABLE x (a UInt8) ENGINE = Memory").status, 500U);  // READONLY
}

TEST_F(ClickHouseServerTest, inserts_from_the_body_however_it_is_packed) {
  ASSERT_EQ(post("CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a").status, 200U);
  const std::string insert =
      "/?database=" + database_ + "&query=" + io::percent_encode("INSERT INTO t FORMAT CSV");
  const auto plain = ask("POST", insert, "1,x\n2,y\n");
  EXPECT_EQ(plain.status, 200U) << plain.body;
  EXPECT_THAT(header(plain, "X-ClickHouse-Summary"), HasSubstr("\"written_rows\":\"2\""));
  EXPECT_EQ(post("INSERT INTO t FORMAT CSV\n3,z\n").status, 200U);
  EXPECT_THAT(
      header(post("INSERT INTO t SELECT number, 'n' FROM numbers(10, 3)"), "X-ClickHouse-Summary"),
      HasSubstr("\"written_rows\":\"3\""));
  EXPECT_EQ(post("INSERT INTO t VALUES (4, concat('v', 'w'))").status, 200U);
  for (const auto codec : {kafka::Codec::kGzip, kafka::Codec::kLz4, kafka::Codec::kZstd}) {
    std::string body;
    kafka::compress(codec, "5,p\n", body);
    const auto reply =
        ask("POST", insert, body, {{"Content-Encoding", std::string(kafka::codec_name(codec))}});
    EXPECT_EQ(reply.status, 200U) << reply.body;
  }
  std::string blocks;
  warehouse::append_compressed_blocks("6,q\n", blocks);
  EXPECT_EQ(ask("POST", insert + "&decompress=1", blocks).status, 200U);
  blocks[3] ^= 1;
  EXPECT_EQ(ask("POST", insert + "&decompress=1", blocks).status, 400U);
  EXPECT_EQ(ask("POST", insert, "7,x\nno number,y\n").status, 400U);
  EXPECT_EQ(ask("POST", insert, "x", {{"Content-Encoding", "br"}}).status, 501U);
  EXPECT_EQ(
      post("SELECT a, any(b), count() FROM t GROUP BY a ORDER BY a").body,
      "1\tx\t1\n2\ty\t1\n3\tz\t1\n4\tvw\t1\n5\tp\t3\n6\tq\t1\n10\tn\t1\n11\tn\t1\n12\tn\t1\n");
  const auto packed = post("SELECT 'packed'", "&compress=1");
  EXPECT_EQ(*warehouse::read_compressed_blocks(packed.body, 100), "packed\n");
}

TEST_F(ClickHouseServerTest, a_session_keeps_what_is_its_own) {
  EXPECT_EQ(post("CREATE TEMPORARY TABLE q (a UInt8)", "&session_id=s").status, 200U);
  EXPECT_EQ(post("INSERT INTO q VALUES (7)", "&session_id=s").status, 200U);
  EXPECT_EQ(post("SELECT a FROM q", "&session_id=s").body, "7\n");
  EXPECT_EQ(post("SELECT a FROM q").status, 404U);
  EXPECT_EQ(post("SET max_threads = 5", "&session_id=u").status, 200U);
  EXPECT_EQ(post("SELECT getSetting('max_threads')", "&session_id=u").body, "5\n");
  EXPECT_NE(post("SELECT getSetting('max_threads')").body, "5\n");
  EXPECT_EQ(post("SELECT 1", "&session_id=none&session_check=1").status, 404U);
  // A request's database holds for the request; that of USE for the session.
  EXPECT_EQ(ask("POST", "/?session_id=u", "USE system").status, 200U);
  EXPECT_EQ(post("SELECT currentDatabase()", "&session_id=u").body, database_ + "\n");
  EXPECT_EQ(ask("POST", "/?session_id=u", "SELECT currentDatabase()").body, "system\n");
  EXPECT_EQ(ask("POST", "/?session_id=u&database=default", "SELECT currentDatabase()").body,
            "default\n");
  EXPECT_EQ(ask("POST", "/", "SELECT currentDatabase()").body, "default\n");
  EXPECT_EQ(post("SELECT 1", "&session_id=s&session_timeout=99999").status, 500U);
}

TEST_F(ClickHouseServerTest, keeps_as_many_sessions_as_it_may) {
  start({.sessions_max = 1});
  // One that has nothing of its own costs nothing.
  for (const std::string id : {"a", "b", "c"}) {
    EXPECT_EQ(post("SELECT 1", "&session_id=" + id).status, 200U);
  }
  EXPECT_EQ(post("SET max_threads = 5", "&session_id=a").status, 200U);
  EXPECT_EQ(header(post("SET max_threads = 5", "&session_id=b"), "X-ClickHouse-Exception-Code"),
            "202");
  EXPECT_EQ(post("SET max_threads = 6", "&session_id=a").status, 200U);
  EXPECT_EQ(post("SELECT getSetting('max_threads')", "&session_id=a&session_timeout=0").body,
            "6\n");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (post("SET max_threads = 7", "&session_id=b").status != 200U) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the first one has timed out";
  }
}

TEST_F(ClickHouseServerTest, a_session_can_ask_again_as_soon_as_it_has_its_answer) {
  const std::string more = "&session_id=s&query_id=q&default_format=Native";
  for (int round = 0; round < 50; ++round) {
    const int rows = round % 2 == 0 ? 1 : 300'000;
    const auto reply = post(fmt::format("SELECT number FROM numbers({})", rows), more);
    ASSERT_EQ(reply.status, 200U) << reply.body;
    ASSERT_EQ(header(post("SELECT nothing", more), "X-ClickHouse-Exception-Code"), "47");
  }
}

TEST_F(ClickHouseServerTest, answers_with_all_that_there_is_besides_rows) {
  const std::string totals = "SELECT 1 AS a, count() GROUP BY a WITH TOTALS";
  EXPECT_EQ(post(totals).body, "1\t1\n\n1\t1\n");
  EXPECT_EQ(post("SELECT 1 AS a UNION ALL SELECT 2",
                 "&output_format_json_array_of_rows=1"
                 "&default_format=JSONEachRow")
                .body.front(),
            '[');
  const auto array = post(
      "SELECT number FROM numbers(200000) FORMAT JSONEachRow "
      "SETTINGS output_format_json_array_of_rows = 1");
  EXPECT_EQ(std::ranges::count(array.body, '['), 1);
  EXPECT_EQ(std::ranges::count(array.body, ']'), 1);
}

TEST_F(ClickHouseServerTest, says_in_a_long_answer_why_it_ends) {
  std::string body;
  const auto reply =
      io::HttpClient::tcp("127.0.0.1", port_)
          .request("POST", "/?max_block_size=65536&max_threads=1",
                   "SELECT number, throwIf(number = 2900000, 'too many') FROM numbers(3000000)", {},
                   [&](std::string_view piece) {
                     body += piece;
                     return true;
                   });
  EXPECT_FALSE(reply) << "cut off";
  const size_t at = body.find("\r\n__exception__\r\n");
  ASSERT_NE(at, std::string::npos);
  const std::string last = body.substr(at + 17);
  const std::string tag = last.substr(0, 16);
  EXPECT_THAT(last, StartsWith(tag + "\r\nCode: 395. DB::Exception: "));
  EXPECT_TRUE(last.ends_with(" " + tag + "\r\n__exception__\r\n")) << last;
}

TEST_F(ClickHouseServerTest, knows_who_asks) {
  start({.password = "secret"});
  EXPECT_EQ(ask("GET", "/?query=SELECT+1").status, 403U);
  EXPECT_EQ(ask("GET", "/?query=SELECT+1&user=default&password=secret").body, "1\n");
  EXPECT_EQ(ask("GET", "/?query=SELECT+1", "",
                {{"X-ClickHouse-User", "default"}, {"X-ClickHouse-Key", "secret"}})
                .body,
            "1\n");
  const io::HttpHeaders basic = {{"Authorization", "Basic ZGVmYXVsdDpzZWNyZXQ="}};
  EXPECT_EQ(ask("GET", "/?query=SELECT+1", "", basic).body, "1\n");
  EXPECT_EQ(header(ask("GET", "/?query=SELECT+1&user=x"), "X-ClickHouse-Exception-Code"), "516");
  io::HttpHeaders foreign = basic;
  foreign.emplace_back("Origin", "https://example.org");
  EXPECT_EQ(ask("POST", "/", "SELECT 1", foreign).status, 403U);
  io::HttpHeaders page = basic;
  page.emplace_back("Sec-Fetch-Site", "cross-site");
  EXPECT_EQ(ask("GET", "/?query=SELECT+1", "", page).status, 403U);
}

TEST_F(ClickHouseServerTest, takes_any_password_where_none_is_set) {
  EXPECT_EQ(ask("GET", "/?query=SELECT+1&password=any").body, "1\n");
  EXPECT_EQ(ask("GET", "/?query=SELECT+1&user=x").status, 403U);
}

TEST_F(ClickHouseServerTest, names_the_format_of_rows_only) {
  EXPECT_EQ(header(post("SELECT number FROM numbers(0)"), "X-ClickHouse-Format"), "TabSeparated");
  EXPECT_EQ(header(post("SHOW TABLES"), "X-ClickHouse-Format"), "TabSeparated");
  for (const char* sql : {"CREATE TABLE named (a UInt8) ENGINE = Memory", "DROP TABLE named"}) {
    EXPECT_EQ(header(post(sql), "X-ClickHouse-Format"), "") << sql;
  }
  EXPECT_EQ(header(post("SET max_threads = 1", "&session_id=f"), "X-ClickHouse-Format"), "");
}

TEST_F(ClickHouseServerTest, takes_the_fields_of_a_form) {
  const auto field = [](std::string_view name, std::string_view value) {
    return fmt::format("--abc\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", name,
                       value);
  };
  const io::HttpHeaders headers = {{"content-type", "multipart/form-data; boundary=abc"}};
  const std::string fields = field("query", "SELECT {n:UInt8} + getSetting('max_threads')") +
                             field("param_n", "4") + field("max_threads", "3");
  EXPECT_EQ(ask("POST", "/?default_format=CSV", fields + "--abc--\r\n", headers).body, "7\n");
  EXPECT_THAT(ask("POST", "/", fields, headers).body, HasSubstr("ends inside part 3"));
  const auto file = ask(
      "POST", "/?query=SELECT+1",
      "--abc\r\nContent-Disposition: form-data; name=t; filename=x\r\n\r\n1\r\n--abc--", headers);
  EXPECT_EQ(header(file, "X-ClickHouse-Exception-Code"), "48");
}

TEST_F(ClickHouseServerTest, takes_conversions_in_values_of_any_length) {
  EXPECT_EQ(post("CREATE TABLE v (a UInt32, t DateTime64(9)) ENGINE = Memory").status, 200U);
  std::string sql = "INSERT INTO v VALUES ";
  constexpr int kRows = 8000;
  for (int i = 0; i < kRows; ++i) {
    sql +=
        fmt::format("{}({}, fromUnixTimestamp64Nano(1763726400005000000))", i > 0 ? ", " : "", i);
  }
  ASSERT_GT(sql.size(), warehouse::StatementRules::kEvaluatedBytesMax);
  const auto reply = post(sql);
  EXPECT_EQ(reply.status, 200U) << reply.body;
  EXPECT_EQ(post("SELECT count(), toUnixTimestamp(any(t)) FROM v").body, "8000\t1763726400\n");
}

TEST_F(ClickHouseServerTest, packs_answers_as_the_client_likes) {
  const std::string rows = "SELECT number FROM numbers(300000)";
  for (const std::string format : {"TabSeparated", "JSONCompact"}) {
    const std::string more = "&default_format=" + format;
    const std::string want = post(rows, more).body;
    for (const std::string coding : {"gzip", "zstd", "lz4"}) {
      const auto reply = ask("POST", "/?enable_http_compression=1" + more, rows,
                             {{"Accept-Encoding", "br, " + coding}});
      EXPECT_EQ(header(reply, "Content-Encoding"), coding);
      EXPECT_LT(reply.body.size(), want.size() * 3 / 4);
      std::string unpacked;
      const auto done =
          kafka::decompress(*kafka::codec_from_name(coding), reply.body, 50'000'000, unpacked);
      ASSERT_TRUE(done) << done.error().message();
      // JSON tells how long it took.
      if (format == "TabSeparated") EXPECT_EQ(unpacked, want);
      EXPECT_EQ(unpacked.substr(0, 1000), want.substr(0, 1000));
    }
  }
  EXPECT_EQ(ask("POST", "/", "SELECT 1", {{"Accept-Encoding", "gzip"}}).body, "1\n");
}

TEST_F(ClickHouseServerTest, says_what_a_statement_cost) {
  const auto short_one = get("SELECT number FROM numbers(100)", "&send_progress_in_http_headers=1");
  for (const char* name : {"X-ClickHouse-Summary", "X-ClickHouse-Progress"}) {
    EXPECT_THAT(header(short_one, name), HasSubstr(R"("read_rows":"100","read_bytes":"800")"));
    EXPECT_THAT(header(short_one, name), HasSubstr(R"("result_rows":"100")"));
  }
  EXPECT_EQ(header(get("SELECT 1"), "X-ClickHouse-Progress"), "");
  EXPECT_EQ(header(get("SELECT number FROM numbers(3000000)"), "X-ClickHouse-Summary"), "")
      << "a long answer begins before its cost is known";
}

TEST_F(ClickHouseServerTest, holds_statements_to_their_limits) {
  start({.seconds_default = 1,
         .limits = {.memory_bytes = 100'000'000, .seconds = 2, .result_rows = 1000}});
  const auto code_of = [](const io::HttpReply& reply) {
    return header(reply, "X-ClickHouse-Exception-Code");
  };
  const std::string endless = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(number)";
  EXPECT_EQ(code_of(post(endless)), "159");
  EXPECT_EQ(post(endless).status, 408U);
  // What a session SETs it must have set, and what it makes is no way around.
  EXPECT_EQ(post("SET max_threads = 2 -- max_execution_time", "&session_id=m").status, 200U);
  EXPECT_NE(post("SET max_execution_time = 2, no_such = 1", "&session_id=m").status, 200U);
  EXPECT_EQ(code_of(post(endless, "&session_id=m")), "159");
  EXPECT_EQ(
      code_of(post("CREATE TEMPORARY TABLE q ENGINE = Memory AS " + endless, "&session_id=n")),
      "159");
  EXPECT_EQ(code_of(post("SELECT number FROM numbers(100000) FORMAT JSON")), "396");
  EXPECT_EQ(code_of(post("SELECT groupArray(number) FROM numbers(100000000) FORMAT Null")), "241");
  EXPECT_EQ(code_of(post("SELECT 1", "&max_execution_time=3")), "452");
  EXPECT_EQ(code_of(post("SELECT 1", "&max_execution_time=0")), "452");
  EXPECT_EQ(code_of(post("SELECT 1 SETTINGS max_result_rows = 1001")), "452");
  EXPECT_EQ(post("SELECT 1", "&max_execution_time=2&max_result_rows=1").body, "1\n");
  EXPECT_EQ(post("SET max_execution_time = 2", "&session_id=l").status, 200U);
  EXPECT_EQ(post("SELECT getSetting('max_execution_time')", "&session_id=l").body, "2\n");
  EXPECT_EQ(post("SELECT getSetting('max_execution_time')").body, "1\n");
}

TEST_F(ClickHouseServerTest, a_statement_ends_when_it_is_killed_or_its_client_goes_away) {
  const std::string endless = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(number)";
  // Not what the guard asks of it: its statements have the same text inside.
  const auto running = [this] {
    return post(
               "SELECT count() FROM system.processes WHERE startsWith(query, 'SELECT count() FROM "
               "numbers(')")
        .body;
  };
  const auto wait_for = [&](const std::string& count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    auto seen = running();
    while (seen != count && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      seen = running();
    }
    EXPECT_EQ(seen, count) << post("SELECT query, elapsed, Settings FROM system.processes").body;
  };
  auto killed = std::async(std::launch::async, [&] { return post(endless, "&query_id=k"); });
  wait_for("1\n");
  EXPECT_EQ(header(post("SELECT 1", "&query_id=k"), "X-ClickHouse-Exception-Code"), "216");
  EXPECT_EQ(post("KILL QUERY WHERE query_id = 'other'").body, "");
  EXPECT_EQ(post("KILL QUERY WHERE query_id LIKE 'k'").status, 403U);
  EXPECT_EQ(post("KILL QUERY WHERE query_id = 'k' SYNC FORMAT CSV").body,
            "\"finished\",\"k\",\"default\",\"\"\n");
  EXPECT_EQ(header(killed.get(), "X-ClickHouse-Exception-Code"), "394");

  auto client =
      io::HttpClient::tcp("127.0.0.1", port_, {.silence_timeout = std::chrono::seconds(1)});
  EXPECT_FALSE(client.request("POST", "/", endless, {}));
  wait_for("0\n");
  const auto metrics = metrics_.expose();
  EXPECT_THAT(metrics, HasSubstr("freshet_api_clickhouse_cancelled_total 2"));
  EXPECT_THAT(
      metrics,
      HasSubstr("freshet_api_clickhouse_requests_total{kind=\"select\",outcome=\"error\"}"));
}

TEST_F(ClickHouseServerTest, stops_soon_with_a_statement_that_would_run_for_ever) {
  auto cut = std::async(std::launch::async, [&] {
    return io::HttpClient::tcp("127.0.0.1", port_)
        .request("POST", "/", "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(number)",
                 {});
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (metrics_.expose().find("freshet_api_clickhouse_running 1") == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  const auto began = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  cut.wait();
}

}  // namespace
}  // namespace freshet::api
