#include "warehouse/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <vector>

#include "warehouse/clickhouse_error.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::warehouse {
namespace {

using ::testing::HasSubstr;

class EngineQuery : public testing::EngineTest {};

TEST_F(EngineQuery, returns_bytes_in_the_format_asked_for) {
  const auto result = engine_->query("SELECT number, 'x' FROM numbers(2)", "CSV");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->bytes, "0,\"x\"\n1,\"x\"\n");
  EXPECT_EQ(result->rows, 2U);
}

TEST_F(EngineQuery, settings_hold_for_one_statement) {
  const auto with =
      engine_->query("SELECT getSetting('max_threads')", "TabSeparated", {{"max_threads", "3"}});
  ASSERT_TRUE(with) << with.error().message();
  EXPECT_EQ(with->bytes, "3\n");
  EXPECT_NE(run("SELECT getSetting('max_threads')"), "3\n");
}

TEST_F(EngineQuery, settings_of_a_query_do_not_reach_a_later_insert) {
  run("CREATE TABLE " + in_database("t") + " (a UInt8 DEFAULT 9) ENGINE = MergeTree ORDER BY a");
  auto session = engine_->connect();
  ASSERT_TRUE(session) << session.error().message();
  const std::string_view row = "\\N\n";
  const InsertStatement insert{.table = in_database("t"), .format = "TabSeparated"};
  // As the engine is set, NULL becomes the column's default; with this setting it is refused.
  ASSERT_TRUE(session->query("SELECT 1", "Null", {{"input_format_null_as_default", "0"}}));
  const auto inserted = session->insert(insert, std::span(&row, 1));
  EXPECT_TRUE(inserted) << inserted.error().message();
  EXPECT_EQ(run("SELECT a FROM " + in_database("t")), "9\n");
}

TEST_F(EngineQuery, limits_of_a_query_give_way_to_those_of_the_engine) {
  auto session = engine_->connect();
  ASSERT_TRUE(session) << session.error().message();
  const auto limit = [&] { return session->query("SELECT getSetting('max_memory_usage')")->bytes; };
  const std::string before = limit();
  EXPECT_NE(before, "0\n");
  ASSERT_TRUE(session->query("SELECT 1", "Null", {{"max_memory_usage", "20000000"}}));
  EXPECT_EQ(limit(), before);
}

TEST_F(EngineQuery, a_session_changed_by_a_statement_is_not_reused) {
  run("SET max_threads = 7");
  EXPECT_NE(run("SELECT getSetting('max_threads')"), "7\n");
  auto session = engine_->connect();
  ASSERT_TRUE(session) << session.error().message();
  ASSERT_TRUE(session->query("set max_threads = 7"));
  EXPECT_EQ(session->query("SELECT getSetting('max_threads')")->bytes, "7\n");
}

TEST_F(EngineQuery, errors_carry_number_and_name) {
  const auto result = engine_->query("SELECT * FROM nowhere.at_all");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("ClickHouse error 81 (UNKNOWN_DATABASE)"));
  EXPECT_EQ(clickhouse_code(result.error()), 81);
  EXPECT_EQ(result.error().code(), Errc::kNotFound);
}

TEST_F(EngineQuery, a_statement_over_the_memory_limit_fails_alone) {
  const auto result = engine_->query("SELECT groupArray(number) FROM numbers(100000000)", "Null",
                                     {{"max_memory_usage", "20000000"}});
  ASSERT_FALSE(result);
  EXPECT_EQ(clickhouse_code(result.error()), 241);
  EXPECT_TRUE(is_retriable(result.error().code()));
  EXPECT_EQ(run("SELECT 1"), "1\n");
}

TEST_F(EngineQuery, streams_a_large_result_in_pieces) {
  size_t chunks = 0;
  size_t bytes = 0;
  const auto done = engine_->stream("SELECT number FROM numbers(1000000)", "RowBinary", {},
                                    [&](std::string_view chunk) -> Result<void> {
                                      ++chunks;
                                      bytes += chunk.size();
                                      return {};
                                    });
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(bytes, 8'000'000U);
  EXPECT_GT(chunks, 5U);
}

TEST_F(EngineQuery, a_reader_that_gives_up_leaves_a_usable_connection) {
  for (int i = 0; i < 10; ++i) {  // more than there are connections
    const auto done = engine_->stream(
        "SELECT number FROM numbers(10000000)", "RowBinary", {},
        [](std::string_view) -> Result<void> { return fail(Errc::kCancelled, "enough"); });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::kCancelled);
  }
  EXPECT_EQ(run("SELECT 1"), "1\n");
}

TEST_F(EngineQuery, an_insert_that_fails_lands_nothing_and_leaves_a_usable_connection) {
  run("CREATE TABLE " + in_database("t") + " (a UInt8) ENGINE = MergeTree ORDER BY a");
  const InsertStatement insert{.table = in_database("t"), .format = "TabSeparated"};
  const std::string_view bad = "1\n2\nthree\n";
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(engine_->insert(insert, std::span(&bad, 1)));
  EXPECT_EQ(run("SELECT count() FROM " + in_database("t")), "0\n");
  const std::string_view good = "1\n2\n";
  const auto inserted = engine_->insert(insert, std::span(&good, 1));
  ASSERT_TRUE(inserted) << inserted.error().message();
  EXPECT_EQ(inserted->rows_written, 2U);
}

TEST_F(EngineQuery, an_insert_that_fails_lets_its_table_go) {
  run("CREATE TABLE " + in_database("t") +
      " (a UInt8, CONSTRAINT c CHECK a != 7) ENGINE = MergeTree ORDER BY a");
  auto session = engine_->connect();
  ASSERT_TRUE(session) << session.error().message();
  const std::string_view row = "7\n";
  const InsertStatement insert{.table = in_database("t"), .format = "TabSeparated"};
  EXPECT_FALSE(session->insert(insert, std::span(&row, 1)));
  run("DROP TABLE " + in_database("t") + " SYNC");  // waits as long as anybody holds the table
}

TEST_F(EngineQuery, more_threads_than_connections_take_turns) {
  std::vector<std::jthread> threads;
  std::atomic<int> done = 0;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        if (engine_->query("SELECT sum(number) FROM numbers(1000)")) ++done;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(done, 80);
}

TEST_F(EngineQuery, classifies_without_running) {
  using Kind = StatementClass::Kind;
  EXPECT_EQ(engine_->classify("SELECT 1")->kind, Kind::kReadOnly);
  EXPECT_EQ(engine_->classify("DROP TABLE x")->kind, Kind::kWrites);
  EXPECT_EQ(engine_->classify("SET a = 1")->kind, Kind::kControl);
  EXPECT_EQ(engine_->classify("SELEC 1")->kind, Kind::kUnparsable);
  EXPECT_EQ(engine_->classify("SELECT 1; SELECT 2")->statements, 2U);
}

TEST_F(EngineQuery, our_signal_handlers_stay) {
  struct sigaction mine{};
  mine.sa_handler = [](int) {};
  for (const int number : {SIGTERM, SIGINT, SIGTSTP, SIGPIPE}) {
    ::sigaction(number, &mine, nullptr);
  }
  run("SET max_threads = 1");  // the next statement opens a new connection
  std::vector<std::string> taken;
  const auto done = engine_->stream("SELECT number FROM numbers(100000)", "RowBinary", {},
                                    [&](std::string_view) -> Result<void> {
                                      for (const int number : {SIGTERM, SIGINT, SIGTSTP, SIGPIPE}) {
                                        struct sigaction now{};
                                        ::sigaction(number, nullptr, &now);
                                        if (now.sa_handler != mine.sa_handler)
                                          taken.emplace_back(::strsignal(number));
                                      }
                                      return {};
                                    });
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_THAT(taken, ::testing::IsEmpty());
  for (const int number : {SIGTERM, SIGINT, SIGTSTP, SIGPIPE}) ::signal(number, SIG_DFL);
}

TEST_F(EngineQuery, a_second_engine_in_the_process_is_refused) {
  const testing::TempDirectory other;
  const auto second = Engine::open(testing::engine_options(other.path()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  EXPECT_THAT(second.error().message(), HasSubstr(engine_->path()));
}

TEST(EngineOpen, refuses_a_relative_directory) {
  const auto engine = Engine::open({.path = "warehouse"});
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message(), HasSubstr("absolute"));
}

TEST(EngineOpen, what_was_inserted_is_there_after_close_and_open) {
  testing::SharedEngine::end();
  const testing::TempDirectory directory;
  for (int round = 1; round <= 3; ++round) {
    auto engine = Engine::open(testing::engine_options(directory.path()));
    if (!engine && engine.error().code() == Errc::kUnsupported) {
      GTEST_SKIP() << engine.error().message();
    }
    ASSERT_TRUE(engine) << engine.error().message();
    ASSERT_TRUE(
        (*engine)->query("CREATE TABLE IF NOT EXISTS t (a UInt64) ENGINE = MergeTree ORDER BY a"));
    ASSERT_TRUE((*engine)->query("INSERT INTO t SELECT number FROM numbers(1000)"));
    const auto count = (*engine)->query("SELECT count() FROM t");
    ASSERT_TRUE(count) << count.error().message();
    EXPECT_EQ(count->bytes, std::to_string(round * 1000) + "\n");
    EXPECT_TRUE((*engine)->close());
    EXPECT_EQ((*engine)->query("SELECT 1").error().code(), Errc::kCancelled);
  }
}

}  // namespace
}  // namespace freshet::warehouse
