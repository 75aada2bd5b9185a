// The sink over HTTP: every case of its own suite once more, and what only a network does to it.
//
// The server is our own port over the embedded engine (api/clickhouse_server.h), which is the only
// one that this machine has; with FRESHET_CLICKHOUSE_URL (and _USER, _PASSWORD) the suite runs
// against that ClickHouse instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "api/clickhouse_server.h"
#include "io/io_threads.h"
#include "io/testing/fault_proxy.h"
#include "observe/metrics.h"
#include "sink/clickhouse_sink_test.cc"  // NOLINT(bugprone-suspicious-include): its cases, again
#include "warehouse/clickhouse_error.h"
#include "warehouse/http_clickhouse.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::api {
namespace {

using io::testing::Fault;
using io::testing::FaultProxy;
using sink::testing::ClickHouseOfTests;
using ::testing::HasSubstr;
using warehouse::HttpClickHouse;

/// The engine behind a port of its own.
struct ServedEngine {
  explicit ServedEngine(warehouse::Engine& engine)
      : server(threads, metrics, [&engine]() -> Result<warehouse::Engine*> { return &engine; },
               {}) {}
  MetricRegistry metrics;
  io::IoThreads threads{"clickhouse", 1};
  ClickHouseServer server;
};

Result<std::unique_ptr<HttpClickHouse>> connect(const std::string& url,
                                                std::chrono::milliseconds answer_timeout) {
  FRESHET_ASSIGN(HttpUrl parsed, HttpUrl::parse(url, warehouse::kClickHousePorts));
  const char* user = std::getenv("FRESHET_CLICKHOUSE_USER");
  const char* password = std::getenv("FRESHET_CLICKHOUSE_PASSWORD");
  return HttpClickHouse::open({.urls = {std::move(parsed)},
                               .user = user == nullptr ? "default" : user,
                               .password = config::Secret(password == nullptr ? "" : password),
                               .tls = {},
                               .answer_timeout = answer_timeout});
}

std::string local_url(uint16_t port) { return fmt::format("http://127.0.0.1:{}", port); }

Result<ClickHouseOfTests> clickhouse_over_http(warehouse::Engine& engine) {
  constexpr std::chrono::seconds kTimeout{60};
  ClickHouseOfTests made;
  if (const char* url = std::getenv("FRESHET_CLICKHOUSE_URL")) {
    FRESHET_ASSIGN(made.clickhouse, connect(url, kTimeout));
    made.has_own_tables = true;
    return made;
  }
  auto served = std::make_shared<ServedEngine>(engine);
  FRESHET_ASSIGN(const uint16_t port, served->server.listen(0));
  FRESHET_ASSIGN(made.clickhouse, connect(local_url(port), kTimeout));
  made.behind = std::move(served);
  return made;
}

[[maybe_unused]] const bool suite_goes_over_http = [] {
  sink::testing::clickhouse_maker() = clickhouse_over_http;
  return true;
}();

TEST(ClickHouseServerOfOthers, the_suite_runs_against_it) {
  if (std::getenv("FRESHET_CLICKHOUSE_URL") == nullptr) {
    GTEST_SKIP() << "FRESHET_CLICKHOUSE_URL names no ClickHouse server: the cases of this program "
                    "ran against the embedded engine's own HTTP port";
  }
}

// ---- what a network does ------------------------------------------------------------------------

const TopicPartition kFrom{.topic = "events", .partition = 3};

class OverFaults : public warehouse::testing::EngineTest {
 protected:
  static constexpr std::chrono::milliseconds kPatience{1'500};

  void SetUp() override {
    EngineTest::SetUp();
    if (engine_ == nullptr) return;
    served_ = std::make_unique<ServedEngine>(*engine_);
    const auto port = served_->server.listen(0);
    ASSERT_TRUE(port) << port.error().message();
    proxy_ = std::make_unique<FaultProxy>(*port);
    reconnect(kPatience);
  }
  void reconnect(std::chrono::milliseconds patience) {
    sink_.reset();
    auto clickhouse = connect(local_url(proxy_->port()), patience);
    ASSERT_TRUE(clickhouse) << clickhouse.error().message();
    clickhouse_ = std::move(*clickhouse);
  }
  void TearDown() override {
    sink_.reset();
    clickhouse_.reset();
    proxy_.reset();
    served_.reset();
    EngineTest::TearDown();
  }

  void declare(const std::string& partition_by, bool views = false) {
    std::vector<std::string> statements = {"CREATE TABLE " + in_database("t") +
                                           " (k UInt32, v UInt64) ENGINE = MergeTree " +
                                           partition_by + " ORDER BY v"};
    if (views) {
      statements.push_back("CREATE TABLE " + in_database("byk") +
                           " (k UInt32, v UInt64) ENGINE = MergeTree PARTITION BY k ORDER BY v");
      statements.push_back("CREATE MATERIALIZED VIEW " + in_database("mv") + " TO " +
                           in_database("byk") + " AS SELECT k, v FROM " + in_database("t"));
    }
    const auto made = warehouse::apply_tables(*clickhouse_, statements, {});
    ASSERT_TRUE(made) << made.error().message();
    open();
  }
  void open() {
    auto sink = sink::ClickHouseSink::open(*clickhouse_, in_database("t"));
    ASSERT_TRUE(sink) << sink.error().message();
    sink_ = std::move(*sink);
  }

  struct Range {
    sink::RangeWrite write;
    ColumnBatch batch;
    std::vector<Offset> offsets;
  };
  Range range(int64_t first, int64_t last) {
    const OffsetRange offsets{.first = Offset(first), .last = Offset(last)};
    Range made{.write = {.tp = kFrom,
                         .topic_id = {},
                         .range = offsets,
                         .token = sink::range_token(database_, 1, {}, kFrom.partition, offsets),
                         .intent_time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count()},
               .batch = ColumnBatch(sink_->schema()),
               .offsets = {}};
    for (int64_t offset = first; offset <= last; ++offset) {
      made.batch.column(0).append_fixed(static_cast<uint32_t>(offset % 3));
      made.batch.column(1).append_fixed(static_cast<uint64_t>(offset));
      made.offsets.push_back(Offset(offset));
    }
    return made;
  }
  Result<void> write(const Range& range) {
    return sink_->write(range.write, sink_->encode(kFrom, range.batch, range.offsets));
  }
  /// As the pipeline does: again and again until it is known what became of the range.
  Result<sink::ReplayOutcome> settle(const Range& range) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
      auto outcome = sink_->replay(range.write, range.batch, range.offsets);
      if (outcome || !is_retriable(outcome.error().code()) ||
          std::chrono::steady_clock::now() > deadline) {
        return outcome;
      }
      std::this_thread::yield();
    }
  }
  std::string count(const std::string& table = "t") {
    return run("SELECT count(), uniqExact(v), sum(v) FROM " + in_database(table));
  }
  static std::string rows_upto(uint64_t n) {
    return fmt::format("{}\t{}\t{}\n", n, n, n * (n - 1) / 2);
  }

  std::unique_ptr<ServedEngine> served_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<HttpClickHouse> clickhouse_;
  std::unique_ptr<sink::ClickHouseSink> sink_;
};

struct InsertFault {
  Fault fault;
  bool lands;
  Errc code;
};

TEST_F(OverFaults, an_insert_that_fails_on_its_way_is_in_doubt_and_settled_by_the_probe) {
  declare("PARTITION BY k");
  int64_t next = 0;
  for (const InsertFault& want : {InsertFault{Fault::kRefuse, false, Errc::kUnavailable},
                                  InsertFault{Fault::kCutBody, false, Errc::kUnavailable},
                                  InsertFault{Fault::kDropAnswer, true, Errc::kUnavailable},
                                  InsertFault{Fault::kSwallow, true, Errc::kTimeout},
                                  InsertFault{Fault::kNonsense, false, Errc::kUnavailable},
                                  InsertFault{Fault::kNoHttp, false, Errc::kUnavailable}}) {
    const Range one = range(next, next + 29);
    next += 30;
    proxy_->fail_next(want.fault, "INSERT%20INTO");
    const auto written = write(one);
    ASSERT_FALSE(written) << static_cast<int>(want.fault);
    EXPECT_EQ(written.error().code(), want.code) << written.error().message();
    EXPECT_TRUE(is_retriable(written.error().code()));
    EXPECT_EQ(warehouse::clickhouse_code(written.error()), std::nullopt);
    const auto outcome = settle(one);
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(outcome->present, want.lands ? 30U : 0U) << static_cast<int>(want.fault);
    EXPECT_EQ(outcome->inserted, want.lands ? 0U : 30U);
    EXPECT_EQ(count(), rows_upto(static_cast<uint64_t>(next)));
  }
  EXPECT_EQ(proxy_->struck(), 6);
}

TEST_F(OverFaults, a_body_that_is_cut_never_lands_however_large) {
  declare("");
  const Range large = range(0, 199'999);
  proxy_->fail_next(Fault::kCutBody, "INSERT%20INTO");
  ASSERT_FALSE(write(large));
  EXPECT_EQ(run("SELECT count() FROM " + in_database("t")), "0\n");
  ASSERT_TRUE(write(large));
  EXPECT_EQ(count(), rows_upto(200'000));
}

TEST_F(OverFaults, a_damaged_or_foreign_answer_to_a_probe_is_never_believed) {
  declare("");
  const Range one = range(0, 29);
  ASSERT_TRUE(write(one));
  for (const Fault fault :
       {Fault::kDamageAnswer, Fault::kNonsense, Fault::kNoHttp, Fault::kSwallow}) {
    proxy_->fail_next(fault, "default_format=Native");
    const auto presence = sink_->probe(kFrom, one.write.range);
    ASSERT_FALSE(presence) << static_cast<int>(fault);
    EXPECT_TRUE(is_retriable(presence.error().code())) << presence.error().message();
    const auto again = sink_->probe(kFrom, one.write.range);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->count(), 30U);
  }
  // No byte of an answer came on a connection that had rested: what only reads is asked again.
  for (const Fault fault : {Fault::kRefuse, Fault::kDropAnswer}) {
    proxy_->fail_next(fault, "default_format=Native");
    const auto presence = sink_->probe(kFrom, one.write.range);
    ASSERT_TRUE(presence) << presence.error().message();
    EXPECT_EQ(presence->count(), 30U);
  }
  EXPECT_EQ(proxy_->struck(), 6);
}

TEST_F(OverFaults, an_insert_that_still_runs_is_waited_for) {
  declare("");
  // One after the other they take longer than the client waits.
  for (const std::string slow : {"slow", "slower"}) {
    run("CREATE TABLE " + in_database(slow) +
        " (v UInt64) ENGINE = MergeTree ORDER BY v SETTINGS non_replicated_deduplication_window = "
        "1000, fsync_after_insert = 1, fsync_part_directory = 1");
    run("CREATE MATERIALIZED VIEW " + in_database(slow + "_view") + " TO " + in_database(slow) +
        " AS SELECT v + sleepEachRow(0.09) AS v FROM " + in_database("t"));
  }
  open();
  const Range one = range(0, 29);
  const auto written = write(one);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), Errc::kTimeout) << written.error().message();
  const auto looked = clickhouse_->is_inserting(one.write.token);
  ASSERT_TRUE(looked) << looked.error().message();
  EXPECT_TRUE(*looked);
  EXPECT_FALSE(*clickhouse_->is_inserting("another"));
  const auto early = sink_->replay(one.write, one.batch, one.offsets);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code(), Errc::kUnavailable);
  EXPECT_THAT(early.error().message(), HasSubstr("still runs"));
  reconnect(std::chrono::seconds(60));
  open();
  const auto outcome = settle(one);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(count(), rows_upto(30));
  EXPECT_EQ(count("slow"), rows_upto(30));
  EXPECT_EQ(count("slower"), rows_upto(30));
}

TEST_F(OverFaults, seeded_faults_in_any_order_lose_and_double_nothing) {
  declare("PARTITION BY k", /*views=*/true);
  std::mt19937 random(20261122);
  constexpr std::array kFaults = {Fault::kNone,       Fault::kRefuse,   Fault::kCutBody,
                                  Fault::kDropAnswer, Fault::kNonsense, Fault::kNoHttp};
  constexpr int kRounds = 24;
  int64_t next = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Range one = range(next, next + 9);
    next += 10;
    proxy_->fail_next(kFaults[random() % kFaults.size()], "INSERT%20INTO");
    const auto written = write(one);
    // What settles it meets faults as well.
    if (random() % 2 == 0) proxy_->fail_next(kFaults[random() % kFaults.size()], "POST ");
    if (!written) {
      const auto outcome = settle(one);
      ASSERT_TRUE(outcome) << "round " << round << ": " << outcome.error().message();
    }
    proxy_->fail_next(Fault::kNone, "");
  }
  EXPECT_EQ(count(), rows_upto(static_cast<uint64_t>(next)));
  EXPECT_EQ(count("byk"), rows_upto(static_cast<uint64_t>(next)));
  EXPECT_GT(proxy_->struck(), kRounds / 2);
}

TEST_F(OverFaults, a_connection_that_was_closed_at_rest_costs_nothing) {
  declare("");
  ASSERT_TRUE(write(range(0, 9)));
  const uint16_t port = proxy_->port();
  EXPECT_NE(port, 0);
  proxy_->fail_next(Fault::kRefuse, "POST ");  // the next statement finds its connection closed
  EXPECT_TRUE(sink_->origins());
}

TEST_F(OverFaults, says_why_it_cannot_begin) {
  const auto nobody = connect("http://127.0.0.1:1", kPatience);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), Errc::kUnavailable);
  EXPECT_THAT(nobody.error().message(), HasSubstr("ClickHouse at http://127.0.0.1:1"));
  auto other = ServedEngine(*engine_);
  HttpUrl url = *HttpUrl::parse(local_url(*other.server.listen(0)), warehouse::kClickHousePorts);
  const auto refused = HttpClickHouse::open(
      {.urls = {url}, .user = "somebody", .password = config::Secret("s3cret"), .tls = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kRefused);
  EXPECT_EQ(warehouse::clickhouse_code(refused.error()), 516);
  EXPECT_THAT(refused.error().message(), ::testing::Not(HasSubstr("s3cret")));
  url.tls = true;
  const auto no_tls = HttpClickHouse::open({.urls = {url}, .tls = {}});
  ASSERT_FALSE(no_tls);
  EXPECT_THAT(no_tls.error().message(), HasSubstr("does it speak TLS?"));
}

TEST_F(OverFaults, another_replica_is_asked_when_one_cannot_be_reached) {
  const HttpUrl there = *HttpUrl::parse(local_url(proxy_->port()), warehouse::kClickHousePorts);
  const HttpUrl gone = *HttpUrl::parse("http://127.0.0.1:1", warehouse::kClickHousePorts);
  auto clickhouse = HttpClickHouse::open({.urls = {gone, there}, .tls = {}});
  ASSERT_TRUE(clickhouse) << clickhouse.error().message();
  EXPECT_EQ((*clickhouse)->query("SELECT 1")->bytes, "1\n");
  EXPECT_EQ((*clickhouse)->address(), there.display());
}

TEST_F(OverFaults, every_compression_arrives) {
  declare("");
  int64_t next = 0;
  for (const auto compression :
       {warehouse::BlockCompression::kNone, warehouse::BlockCompression::kLz4,
        warehouse::BlockCompression::kZstd}) {
    auto clickhouse = HttpClickHouse::open(
        {.urls = {*HttpUrl::parse(local_url(proxy_->port()), warehouse::kClickHousePorts)},
         .tls = {},
         .compression = compression});
    ASSERT_TRUE(clickhouse) << clickhouse.error().message();
    auto sink = sink::ClickHouseSink::open(**clickhouse, in_database("t"));
    ASSERT_TRUE(sink) << sink.error().message();
    const Range one = range(next, next + 4'999);
    next += 5'000;
    const auto written = (*sink)->write(one.write, (*sink)->encode(kFrom, one.batch, one.offsets));
    ASSERT_TRUE(written) << written.error().message();
  }
  EXPECT_EQ(count(), rows_upto(15'000));
}

TEST_F(OverFaults, errors_of_the_server_keep_their_number) {
  declare("");
  const auto unknown = clickhouse_->query("SELECT * FROM nowhere.at_all");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(warehouse::clickhouse_code(unknown.error()), 81);
  EXPECT_EQ(unknown.error().code(), Errc::kNotFound);
  const auto late =
      clickhouse_->stream("SELECT throwIf(number = 5000000) FROM numbers(10000000)", "Native", {},
                          [](std::string_view) -> Result<void> { return {}; });
  ASSERT_FALSE(late);
  EXPECT_EQ(warehouse::clickhouse_code(late.error()), 395) << late.error().message();
}

}  // namespace
}  // namespace freshet::api
