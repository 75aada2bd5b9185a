// The pipeline into real tables of the embedded engine; log and group are in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <thread>

#include "observe/log.h"
#include "pipeline/dead_letters.h"
#include "pipeline/pipeline.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_world.h"
#include "pipeline/verify.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::pipeline {
namespace {

using testing::Fate;
using testing::Incarnation;
using testing::MemoryWorld;

const std::string kTopic = "events";
const std::string kDlq = "p.rows.dlq";
const std::string kSafe =
    " SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1,"
    " fsync_part_directory = 1";

class PipelineEngineTest : public warehouse::testing::EngineTest {
 protected:
  void SetUp() override {
    warehouse::testing::EngineTest::SetUp();
    configure_logging(LogLevel::kOff, LogFormat::kText);
    world_.create_topic(kTopic, 2);
    world_.create_topic(kDlq, 1);
    settings_.name = "rows";
    settings_.from = {kTopic};
    settings_.flush = {.rows = 200, .bytes = 1 << 20, .after = Millis(20)};
    settings_.workers = 2;
  }

  std::unique_ptr<Pipeline> start(Incarnation& self) {
    auto table = sink::ClickHouseSink::open(*engine_, in_database("events"));
    EXPECT_TRUE(table) << table.error().message();
    auto pipeline = Pipeline::create(
        {.platform = "p", .settings = settings_, .dead_letter_topic = kDlq},
        {.consumer = std::make_unique<testing::MemoryConsumer>(world_, self, kTopic),
         .sink = std::make_unique<ClickHouseRangeSink>(std::move(*table)),
         .producer = producer_,
         .metrics = metrics_});
    EXPECT_TRUE(pipeline) << pipeline.error().message();
    (*pipeline)->start();
    return std::move(*pipeline);
  }
  void produce(const std::vector<std::string>& values) {
    const std::lock_guard lock(world_.mutex);
    for (int32_t p = 0; p < 2; ++p) world_.append({kTopic, p}, values);
  }
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  PipelineVerdict judge(Pipeline& pipeline) {
    auto verdict = verify({.settings = settings_,
                           .dead_letter_topic = kDlq,
                           .consumer = pipeline.consumer(),
                           .producer = producer_,
                           .sink = pipeline.sink()});
    EXPECT_TRUE(verdict) << verdict.error().message();
    return std::move(*verdict);
  }

  MemoryWorld world_;
  Incarnation self_;
  testing::MemoryProducer producer_{world_, self_};
  MetricRegistry metrics_;
  config::PipelineSettings settings_;
};

TEST_F(PipelineEngineTest, rows_that_the_table_refuses_go_to_the_dead_letters_alone) {
  run("CREATE TABLE " + in_database("events") +
      " (id UInt64, kind LowCardinality(String), _topic LowCardinality(String), _partition UInt32,"
      " _offset UInt64, CONSTRAINT c CHECK id != 77) ENGINE = MergeTree PARTITION BY id % 3"
      " ORDER BY id" +
      kSafe);
  std::vector<std::string> values;
  for (int i = 0; i < 150; ++i) values.push_back(fmt::format(R"({{"id":{},"kind":"a"}})", i));
  values.emplace_back(R"({"id":"x"})");
  produce(values);
  auto pipeline = start(self_);
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
      << to_json(pipeline->status());
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.in_table, 298U);
  EXPECT_EQ(verdict.rejected, 4U);
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

TEST_F(PipelineEngineTest, values_that_only_the_table_can_judge_go_to_the_dead_letters_alone) {
  run("CREATE TABLE " + in_database("events") +
      " (id UInt64, doc JSON(n UInt32), items Nested(sku String, n UInt8),"
      " _topic LowCardinality(String), _partition UInt32, _offset UInt64) ENGINE = MergeTree"
      " ORDER BY id" +
      kSafe);
  settings_.columns = {{.column = "items.n", .path = "counts", .at = {}}};
  const auto record = [](int id, std::string_view doc, std::string_view counts) {
    return fmt::format(R"({{"id":{},"doc":{},"items":[{{"sku":"a"}}],"counts":{}}})", id, doc,
                       counts);
  };
  std::vector<std::string> values;
  for (int i = 0; i < 100; ++i) values.push_back(record(i, R"({"n":1,"s":"x"})", "[1]"));
  for (const auto* doc : {R"({"n":"x"})", R"({"n":-1})", R"({"a":{"b":1},"a.b":2})"}) {
    values.push_back(record(1000, doc, "[1]"));
  }
  values.push_back(record(1000, "{}", "[1,2]"));  // another length than items.sku
  values.push_back(record(1000, "{}", "[]"));
  produce(values);
  auto pipeline = start(self_);
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
      << to_json(pipeline->status());
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.rejected, 10U);
  EXPECT_EQ(run("SELECT count(), max(id), any(items.n) FROM " + in_database("events")),
            "200\t99\t[1]\n");
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

TEST_F(PipelineEngineTest, columns_of_every_shape_pass_the_views_and_are_accounted_for) {
  const std::string columns =
      " (id UInt64, n LowCardinality(UInt32), lines Nested(sku String, n UInt8), doc JSON,"
      " tags Map(String, Array(LowCardinality(String))), _topic LowCardinality(String),"
      " _partition UInt32, _offset UInt64)";
  const warehouse::Settings shapes = {{"flatten_nested", "0"},
                                      {"allow_suspicious_low_cardinality_types", "1"}};
  for (const auto& table : {"events", "copies"}) {
    ASSERT_TRUE(engine_->query("CREATE TABLE " + in_database(table) + columns +
                                   " ENGINE = ReplacingMergeTree ORDER BY id" + kSafe,
                               "Null", shapes));
  }
  run("CREATE MATERIALIZED VIEW " + in_database("v") + " TO " + in_database("copies") +
      " AS SELECT * REPLACE (id + throwIf(id = 77) AS id) FROM " + in_database("events"));
  std::vector<std::string> values;
  for (int i = 0; i < 100; ++i) {
    values.push_back(fmt::format(
        R"({{"id":{},"n":7,"lines":[{{"sku":"a","n":1}},{{}}],"doc":{{"a":1}},"tags":{{"k":["x"]}}}})",
        i));
  }
  produce(values);  // to both partitions: one row of each id stays
  auto pipeline = start(self_);
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
      << to_json(pipeline->status());
  run("OPTIMIZE TABLE " + in_database("events") + " FINAL");
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.rejected, 2U);
  for (const auto& table : {"events", "copies"}) {
    EXPECT_EQ(run("SELECT count(), any(n), any(lines), any(doc), any(tags) FROM " +
                  in_database(table) + " FINAL"),
              "99\t7\t[('a',1),('',0)]\t{\"a\":1}\t{'k':['x']}\n");
  }
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

TEST_F(PipelineEngineTest, too_many_parts_are_waited_out) {
  run("CREATE TABLE " + in_database("events") +
      " (id UInt64, _topic LowCardinality(String), _partition UInt32, _offset UInt64)"
      " ENGINE = MergeTree ORDER BY id" +
      kSafe + ", parts_to_throw_insert = 5");
  run("SYSTEM STOP MERGES " + in_database("events"));
  auto pipeline = start(self_);
  uint64_t id = 0;
  const auto more = [&] {
    std::vector<std::string> values;
    for (int i = 0; i < 10; ++i) values.push_back(fmt::format(R"({{"id":{}}})", id++));
    produce(values);
  };
  PipelineStatus status;
  ASSERT_TRUE(eventually([&] {
    more();
    status = pipeline->status();
    return status.breaker == "open";
  })) << to_json(status);
  EXPECT_EQ(status.breaker_reason, "too_many_parts") << to_json(status);
  more();
  run("ALTER TABLE " + in_database("events") + " MODIFY SETTING parts_to_throw_insert = 3000");
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
      << to_json(pipeline->status());
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.rejected, 0U);
  EXPECT_EQ(verdict.in_table, 2 * id);
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

/// A view that throws such an error: the engine's own way from there to the pipeline.
TEST_F(PipelineEngineTest, memory_limits_quotas_and_read_only_tables_are_waited_out) {
  const std::string columns =
      " (id UInt64, _topic LowCardinality(String), _partition UInt32, _offset UInt64)";
  run("CREATE TABLE " + in_database("events") + columns + " ENGINE = MergeTree ORDER BY id" +
      kSafe);
  run("CREATE TABLE " + in_database("seen") +
      " (id UInt64, n UInt64) ENGINE = MergeTree ORDER BY id" + kSafe);
  const auto view = [&](const std::string& column) {
    return fmt::format("SELECT id, {} AS n FROM {} SETTINGS allow_custom_error_code_in_throwif = 1",
                       column, in_database("events"));
  };
  run("CREATE MATERIALIZED VIEW " + in_database("v") + " TO " + in_database("seen") + " AS " +
      view("id"));
  const std::string change = "ALTER TABLE " + in_database("v") + " MODIFY QUERY ";
  struct Outage {
    Trouble trouble;
    std::string begin;
    std::string end;
  };
  const std::string alter = "ALTER TABLE " + in_database("events") + " MODIFY SETTING ";
  auto pipeline = start(self_);
  uint64_t id = 0;
  for (const auto& [trouble, begin, end] :
       {Outage{Trouble::kMemory, change + view("throwIf(id >= 0, 'no', toInt16(241))"),
               change + view("id")},
        Outage{Trouble::kQuota, change + view("throwIf(id >= 0, 'no', toInt16(201))"),
               change + view("id")},
        Outage{Trouble::kReadOnly, alter + "table_readonly = 1", alter + "table_readonly = 0"}}) {
    run(begin);
    std::vector<std::string> values;
    for (int i = 0; i < 50; ++i) values.push_back(fmt::format(R"({{"id":{}}})", id++));
    produce(values);
    PipelineStatus status;
    ASSERT_TRUE(eventually([&] {
      status = pipeline->status();
      return status.breaker == "open";
    })) << to_json(status);
    EXPECT_EQ(status.breaker_reason, trouble_name(trouble)) << to_json(status);
    run(end);
    ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
        << to_json(pipeline->status());
  }
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.rejected, 0U);
  EXPECT_EQ(verdict.in_table, 2 * id);
  EXPECT_EQ(run("SELECT count(), uniqExact(id) FROM " + in_database("seen")), "300\t150\n");
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

TEST_F(PipelineEngineTest, rows_that_a_view_refuses_go_to_the_dead_letters_alone) {
  const std::string columns =
      " (id UInt64, text String, _topic LowCardinality(String), _partition UInt32, _offset UInt64)";
  run("CREATE TABLE " + in_database("events") + columns +
      " ENGINE = MergeTree PARTITION BY id % 3 ORDER BY id" + kSafe);
  for (const char* target : {"plain", "parsed"}) {
    run("CREATE TABLE " + in_database(target) +
        " (id UInt64, n UInt64) ENGINE = MergeTree ORDER BY id" + kSafe);
  }
  run("CREATE MATERIALIZED VIEW " + in_database("v1") + " TO " + in_database("plain") +
      " AS SELECT id, length(text) AS n FROM " + in_database("events"));
  run("CREATE MATERIALIZED VIEW " + in_database("v2") + " TO " + in_database("parsed") +
      " AS SELECT id, toUInt64(text) AS n FROM " + in_database("events"));
  std::vector<std::string> values;
  for (int i = 0; i < 150; ++i) {
    values.push_back(fmt::format(R"({{"id":{},"text":"{}"}})", i, i == 77 || i == 140 ? "x" : "1"));
  }
  produce(values);
  auto pipeline = start(self_);
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
      << to_json(pipeline->status());
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.in_table, 296U);
  EXPECT_EQ(verdict.rejected, 4U);
  for (const char* target : {"plain", "parsed"}) {
    EXPECT_EQ(
        run("SELECT count(), uniqExact(id), countIf(id IN (77, 140)) FROM " + in_database(target)),
        "296\t148\t0\n");
  }
  std::set<std::string> reasons;
  EXPECT_TRUE(DeadLetterQueue(producer_, kDlq, "rows").visit([&](const DeadLetterOrigin& letter) {
    reasons.insert(letter.reason);
    EXPECT_THAT(letter.detail, ::testing::HasSubstr("v2"));
  }));
  EXPECT_THAT(reasons, ::testing::ElementsAre("refused_by_view"));
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

TEST_F(PipelineEngineTest, a_table_that_refuses_everything_stops_the_pipeline_at_the_limit) {
  run("CREATE TABLE " + in_database("events") +
      " (id UInt64, kind String, _topic LowCardinality(String), _partition UInt32, _offset UInt64,"
      " CONSTRAINT c CHECK id > 1000) ENGINE = MergeTree ORDER BY id" +
      kSafe);
  std::vector<std::string> values;
  for (int i = 0; i < 100; ++i) values.push_back(fmt::format(R"({{"id":{},"kind":"a"}})", i));
  produce(values);
  settings_.dlq.max_count = 5;
  auto pipeline = start(self_);
  ASSERT_TRUE(eventually([&] { return pipeline->status().state == PipelineState::kFailed; }));
  EXPECT_THAT(pipeline->status().failure, ::testing::HasSubstr("dlq.max_count allows (5)"));
  const auto stopped = judge(*pipeline);
  EXPECT_TRUE(stopped.exact()) << to_json(stopped);
  EXPECT_LE(stopped.rejected, 5U);
  pipeline.reset();

  run("ALTER TABLE " + in_database("events") + " DROP CONSTRAINT c");
  auto mended = start(self_);
  ASSERT_TRUE(eventually([&] { return mended->status().caught_up; })) << to_json(mended->status());
  const auto verdict = judge(*mended);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.records, 200U);
  EXPECT_LE(verdict.rejected, 5U);
  EXPECT_TRUE(mended->stop(StopMode::kDrain));
}

TEST_F(PipelineEngineTest, a_new_owner_completes_what_a_dead_one_left) {
  run("CREATE TABLE " + in_database("events") +
      " (id UInt64, kind String, _topic LowCardinality(String), _partition UInt32, _offset UInt64)"
      " ENGINE = ReplacingMergeTree PARTITION BY id % 3 ORDER BY id" +
      kSafe);
  for (int round = 0; round < 6; ++round) {
    std::vector<std::string> values;
    for (int i = 0; i < 90; ++i) {
      values.push_back(fmt::format(R"({{"id":{},"kind":"b"}})", round * 60 + i));  // some replaced
    }
    produce(values);
    // Dies at its n-th commit, before or after it took effect.
    Incarnation dying;
    dying.decide = [&](int call, std::string_view) {
      if (call != 1 + round) return Fate::kOk;
      return round % 2 == 0 ? Fate::kCrashAfter : Fate::kCrashBefore;
    };
    auto pipeline = start(dying);
    ASSERT_TRUE(eventually([&] { return dying.dead || pipeline->status().caught_up; }));
  }
  auto pipeline = start(self_);
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }))
      << to_json(pipeline->status());
  run("OPTIMIZE TABLE " + in_database("events") + " FINAL");
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.records, 2U * 6 * 90);
  EXPECT_GT(verdict.replaced, 0U);
  EXPECT_TRUE(pipeline->stop(StopMode::kDrain));
}

}  // namespace
}  // namespace freshet::pipeline
