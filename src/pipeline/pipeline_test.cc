// The pipeline with its real threads, over a log, a group and a table in memory.
#include "pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "observe/log.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"
#include "pipeline/verify.h"

namespace freshet::pipeline {
namespace {

using testing::Fate;
using ::testing::HasSubstr;
using testing::Incarnation;
using testing::MemoryWorld;

const std::string kTopic = "events";
const std::string kDlq = "p.rows.dlq";

class PipelineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { configure_logging(LogLevel::kOff, LogFormat::kText); }

  PipelineTest() {
    world_.create_topic(kTopic, 3);
    world_.create_topic(kDlq, 1);
    settings_.name = "rows";
    settings_.from = {kTopic};
    settings_.flush = {.rows = 100, .bytes = 1 << 20, .after = Millis(20)};
    settings_.workers = 2;
  }

  Result<std::unique_ptr<Pipeline>> make() {
    return Pipeline::create(
        {.platform = "p", .settings = settings_, .dead_letter_topic = kDlq},
        {.consumer = std::make_unique<testing::MemoryConsumer>(world_, self_, kTopic),
         .sink = std::make_unique<testing::MemorySink>(world_, self_),
         .producer = producer_,
         .metrics = metrics_});
  }
  std::unique_ptr<Pipeline> start() {
    auto pipeline = std::move(*make());
    pipeline->start();
    return pipeline;
  }
  /// `records` good ones and one malformed one to every partition.
  void produce(int records) {
    const std::lock_guard lock(world_.mutex);
    for (int32_t p = 0; p < 3; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < records; ++i) values.push_back(fmt::format("{{\"id\":{}}}", next_id_++));
      values.push_back("{\"id\":-1}");
      world_.append({kTopic, p}, values);
    }
  }
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
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
  uint64_t next_id_ = 0;
};

TEST_F(PipelineTest, moves_everything_once_and_says_when_it_caught_up) {
  for (int i = 0; i < 20; ++i) produce(40);
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  produce(5);
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  const auto status = pipeline->status();
  EXPECT_EQ(status.records, 3U * (20 * 41 + 6));
  EXPECT_EQ(status.rejected, 3U * 21);
  EXPECT_EQ(status.lag_records, 0);
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.records, status.records);
  EXPECT_EQ(verdict.rejected, 63U);
  EXPECT_TRUE(pipeline->stop(StopMode::kFinish));
  EXPECT_EQ(pipeline->status().state, PipelineState::kStopped);
}

/// A log that made everything wait for an hour before it could be read.
class LateLogConsumer final : public testing::MemoryConsumer {
 public:
  using MemoryConsumer::MemoryConsumer;
  [[nodiscard]] std::optional<SteadyTime> arrived_since(const TopicPartition& /*tp*/,
                                                        Offset /*from*/) override {
    return std::chrono::steady_clock::now() - std::chrono::hours(1);
  }
};

TEST_F(PipelineTest, what_waited_in_the_log_does_not_wait_for_the_flush_time_again) {
  settings_.flush.after = std::chrono::minutes(10);
  auto pipeline = std::move(
      *Pipeline::create({.platform = "p", .settings = settings_, .dead_letter_topic = kDlq},
                        {.consumer = std::make_unique<LateLogConsumer>(world_, self_, kTopic),
                         .sink = std::make_unique<testing::MemorySink>(world_, self_),
                         .producer = producer_,
                         .metrics = metrics_}));
  pipeline->start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  produce(5);
  EXPECT_TRUE(eventually([&] { return pipeline->status().records == 18U; }));
  EXPECT_TRUE(pipeline->stop(StopMode::kFinish));
}

TEST_F(PipelineTest, drain_writes_everything_visible_without_waiting_for_the_flush_time) {
  settings_.flush.after = std::chrono::minutes(10);
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().partitions.size() == 3; }));
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  produce(10);
  ASSERT_TRUE(pipeline->stop(StopMode::kDrain));
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.records, 33U);
  EXPECT_EQ(verdict.unconfirmed, 0U);
}

TEST_F(PipelineTest, one_that_begins_at_the_end_keeps_that_beginning) {
  settings_.start.at = config::PipelineStart::At::kLatest;
  produce(10);
  auto first = start();
  ASSERT_TRUE(eventually([&] { return first->status().caught_up; }));
  EXPECT_EQ(first->status().records, 0U);
  ASSERT_TRUE(first->stop(StopMode::kFinish));
  produce(5);
  auto second = start();
  ASSERT_TRUE(eventually([&] { return second->status().caught_up; }));
  const auto verdict = judge(*second);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.records, 18U);
}

TEST_F(PipelineTest, failing_writes_are_tried_again_and_shown) {
  std::atomic<bool> down{true};
  self_.decide = [&](int, std::string_view what) {
    return down && what != "commit" ? Fate::kFailAfter : Fate::kOk;
  };
  produce(30);
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] {
    const auto status = pipeline->status();
    return std::ranges::any_of(status.partitions, [](const auto& partition) {
      return partition.state == PartitionState::kRetrying && !partition.last_error.empty();
    });
  }));
  down = false;
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  EXPECT_GT(pipeline->status().retries, 0U);
  EXPECT_TRUE(judge(*pipeline).exact());
}

TEST_F(PipelineTest, stops_before_a_bad_record_when_told_to) {
  settings_.on_reject = config::OnReject::kStop;
  produce(30);
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().state == PipelineState::kFailed; }));
  EXPECT_THAT(pipeline->status().failure, HasSubstr("offset 30 (on_reject: stop)"));
  const auto stopped = pipeline->stop(StopMode::kDrain);
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message(), HasSubstr("out_of_range"));
  EXPECT_EQ(world_.log.at({kDlq, 0}).end, Offset(0));
}

TEST_F(PipelineTest, a_refused_opening_stops_the_pipeline_with_a_sentence) {
  world_.committed[{kTopic, 1}] = {Offset(77), ""};
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().state == PipelineState::kFailed; }));
  EXPECT_THAT(pipeline->status().failure, HasSubstr("the log ends at 0"));
}

TEST_F(PipelineTest, lost_offsets_are_counted) {
  produce(30);
  for (int32_t p = 0; p < 3; ++p) world_.committed[{kTopic, p}] = {Offset(0), ""};
  world_.trim({kTopic, 2}, Offset(31));
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  EXPECT_EQ(pipeline->status().offsets_unrecoverable, 31U);
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact());
  EXPECT_EQ(verdict.unjudged_deleted, 31U);
}

TEST_F(PipelineTest, refuses_columns_that_the_destination_lacks) {
  settings_.columns = {{.column = "ghost", .path = "x"}};
  const auto pipeline = make();
  ASSERT_FALSE(pipeline);
  EXPECT_THAT(pipeline.error().message(), HasSubstr("no column ghost"));
}

TEST_F(PipelineTest, a_second_member_takes_over_and_the_first_is_fenced) {
  produce(30);
  auto first = start();
  ASSERT_TRUE(eventually([&] { return first->status().caught_up; }));
  auto second = start();
  ASSERT_TRUE(eventually([&] { return second->status().caught_up; }));
  produce(30);
  ASSERT_TRUE(eventually([&] { return second->status().caught_up; }));
  EXPECT_TRUE(judge(*second).exact());
  EXPECT_TRUE(first->stop(StopMode::kFinish));
}

}  // namespace
}  // namespace freshet::pipeline
