// The pipeline with its real threads, over a log, a group and a table in memory.
#include "pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <thread>

#include "observe/log.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"
#include "pipeline/verify.h"
#include "warehouse/clickhouse_error.h"

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
    auto sink = std::make_unique<testing::MemorySink>(world_, self_);
    sink->obstacle = obstacle_;
    return Pipeline::create(
        {.platform = "p", .settings = settings_, .dead_letter_topic = kDlq},
        {.consumer = std::make_unique<testing::MemoryConsumer>(world_, self_, settings_.from[0]),
         .sink = std::move(sink),
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
  std::function<Result<void>()> obstacle_ = [] { return Result<void>(); };
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

/// A log that takes its time to tell its bounds.
class SlowBoundsConsumer final : public testing::MemoryConsumer {
 public:
  SlowBoundsConsumer(MemoryWorld& world, Incarnation& self, std::atomic<int>& calls)
      : MemoryConsumer(world, self, kTopic), calls_(calls) {}
  Result<kafka::PartitionBounds> bounds(const TopicPartition& tp) override {
    ++calls_;
    const auto told = std::chrono::steady_clock::now() + Millis(1);
    while (std::chrono::steady_clock::now() < told) std::this_thread::yield();
    return MemoryConsumer::bounds(tp);
  }

 private:
  std::atomic<int>& calls_;
};

TEST_F(PipelineTest, looks_for_the_end_of_the_log_all_the_time_while_nothing_is_due) {
  std::atomic<int> calls{0};
  auto pipeline = std::move(
      *Pipeline::create({.platform = "p", .settings = settings_, .dead_letter_topic = kDlq},
                        {.consumer = std::make_unique<SlowBoundsConsumer>(world_, self_, calls),
                         .sink = std::make_unique<testing::MemorySink>(world_, self_),
                         .producer = producer_,
                         .metrics = metrics_}));
  pipeline->start();
  // Once a second would be too few to get there.
  EXPECT_TRUE(eventually([&] { return calls > 300; })) << calls;
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

TEST_F(PipelineTest, a_destination_in_trouble_is_waited_out_and_no_record_pays_for_it) {
  struct Outage {
    std::string error;
    Trouble trouble;
  };
  const std::vector<Outage> outages = {
      {"Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)", Trouble::kTooManyParts},
      {"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)",
       Trouble::kMemory},
      {"Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)",
       Trouble::kReadOnly},
      {"Code: 201. DB::Exception: Quota exceeded. (QUOTA_EXCEEDED)", Trouble::kQuota},
      {"Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)", Trouble::kTimeout},
      {"Code: 210. DB::Exception: Connection refused. (NETWORK_ERROR)", Trouble::kNetwork}};
  std::atomic<const Outage*> outage = nullptr;
  obstacle_ = [&]() -> Result<void> {
    const Outage* now = outage;
    if (now == nullptr) return {};
    return std::unexpected(warehouse::clickhouse_error(now->error));
  };
  auto pipeline = start();
  uint64_t rounds = 0;
  for (const Outage& one : outages) {
    outage = &one;
    produce(30);
    ++rounds;
    PipelineStatus status;
    ASSERT_TRUE(eventually([&] {
      status = pipeline->status();
      return status.breaker == "open";
    })) << one.error;
    EXPECT_EQ(status.breaker_reason, trouble_name(one.trouble));
    EXPECT_THAT(status.breaker_error, HasSubstr("ClickHouse error"));
    EXPECT_TRUE(status.next_trial);
    EXPECT_EQ(status.state, PipelineState::kRunning);
    outage = nullptr;
    ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; })) << one.error;
    EXPECT_EQ(pipeline->status().breaker, "closed");
    EXPECT_EQ(pipeline->status().breaker_error, "");
  }
  const auto verdict = judge(*pipeline);
  EXPECT_TRUE(verdict.exact()) << to_json(verdict);
  EXPECT_EQ(verdict.rejected, 3 * rounds) << "only the malformed ones";
  EXPECT_EQ(pipeline->status().rejected, 3 * rounds);
  std::map<TopicPartition, OffsetRange> last;
  for (const auto& replay : world_.table.replays) {
    const auto before = last.find(replay.tp);
    if (before != last.end() && replay.range != before->second) {
      EXPECT_GT(replay.range.first, before->second.last) << "a range was divided";
    }
    last[replay.tp] = replay.range;
  }
}

TEST_F(PipelineTest, one_whose_destination_hangs_holds_up_no_other) {
  std::promise<void> comes_back;
  obstacle_ = [until = comes_back.get_future().share()]() -> Result<void> {
    until.wait();
    return {};
  };
  produce(30);
  auto hanging = start();
  ASSERT_TRUE(eventually([&] {
    const auto status = hanging->status();
    return std::ranges::count(status.partitions, PartitionState::kWriting,
                              &PartitionStatus::state) == 2;
  }));

  MemoryWorld world;
  world.create_topic(kTopic, 1);
  world.create_topic(kDlq, 1);
  Incarnation self;
  testing::MemoryProducer producer(world, self);
  auto other = std::move(
      *Pipeline::create({.platform = "p", .settings = settings_, .dead_letter_topic = kDlq},
                        {.consumer = std::make_unique<testing::MemoryConsumer>(world, self, kTopic),
                         .sink = std::make_unique<testing::MemorySink>(world, self),
                         .producer = producer,
                         .metrics = metrics_}));
  other->start();
  for (uint64_t round = 1; round <= 50; ++round) {
    {
      const std::lock_guard lock(world.mutex);
      world.append({kTopic, 0}, {fmt::format("{{\"id\":{}}}", round)});
    }
    ASSERT_TRUE(eventually([&] { return other->status().rows == round; }));
  }
  EXPECT_TRUE(other->stop(StopMode::kDrain));
  const auto status = hanging->status();
  EXPECT_EQ(status.rows, 0U);
  EXPECT_GT(status.lag_records, 0);
  comes_back.set_value();
  ASSERT_TRUE(eventually([&] { return hanging->status().caught_up; }));
  EXPECT_TRUE(judge(*hanging).exact());
}

TEST_F(PipelineTest, memory_stays_within_its_limit_however_slow_the_destination_is) {
  constexpr int32_t kPartitions = 16;
  constexpr int kRecords = 4000;
  constexpr double kLimit = 2 << 20;  // room for four ranges of 1,000 records, read and encoded
  world_.create_topic("wide", kPartitions);
  settings_.from = {"wide"};
  settings_.workers = 8;
  settings_.memory = static_cast<uint64_t>(kLimit);
  settings_.flush = {.rows = 1000, .bytes = 1 << 20, .after = Millis(20)};
  const std::string spaces(240, ' ');
  {
    const std::lock_guard lock(world_.mutex);
    for (int32_t p = 0; p < kPartitions; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < kRecords; ++i) {
        values.push_back(fmt::format("{{\"id\":{}{}}}", next_id_++, spaces));
      }
      world_.append({"wide", p}, values);
    }
  }
  std::promise<void> comes_back;
  obstacle_ = [until = comes_back.get_future().share()]() -> Result<void> {
    until.wait();
    return {};
  };
  auto pipeline = start();
  double most = 0;
  const auto look = [&] {
    const std::string text = metrics_.expose();
    const std::string name = "freshet_pipeline_memory_bytes{pipeline=\"rows\",platform=\"p\"} ";
    const size_t at = text.find(name);
    if (at != std::string::npos) most = std::max(most, std::stod(text.substr(at + name.size())));
    return most;
  };
  ASSERT_TRUE(eventually([&] {
    const auto status = pipeline->status();
    return look() > 0 && std::ranges::count(status.partitions, PartitionState::kWriting,
                                            &PartitionStatus::state) == 8;
  }));
  for (int i = 0; i < 200; ++i) look();
  EXPECT_EQ(pipeline->status().records, 0U);
  comes_back.set_value();
  ASSERT_TRUE(eventually([&] {
    look();
    return pipeline->status().caught_up;
  }));
  EXPECT_LE(most, 1.1 * kLimit);
  EXPECT_EQ(pipeline->status().records, static_cast<uint64_t>(kPartitions) * kRecords);
}

TEST_F(PipelineTest, paused_it_writes_nothing_keeps_its_partitions_and_goes_on_where_it_stood) {
  produce(30);
  auto pipeline = start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  const auto paused = pipeline->pause(std::chrono::seconds(30));
  ASSERT_TRUE(paused) << paused.error().message();
  EXPECT_EQ(pipeline->status().state, PipelineState::kPaused);
  produce(10);
  ASSERT_TRUE(eventually([&] { return pipeline->status().lag_records == 33; }));
  EXPECT_THAT(metrics_.expose(),
              HasSubstr("freshet_pipeline_paused{pipeline=\"rows\",platform=\"p\"} 1"));
  EXPECT_EQ(pipeline->status().rows, 90U);
  EXPECT_EQ(world_.generation, 1) << "it stayed in the group";
  pipeline->resume();
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  EXPECT_EQ(pipeline->status().rows, 120U);
  EXPECT_TRUE(judge(*pipeline).exact());
}

TEST_F(PipelineTest, paused_amid_much_work_it_comes_to_rest_with_all_that_landed_confirmed) {
  for (int i = 0; i < 200; ++i) produce(40);
  auto pipeline = start();
  for (uint64_t rows = 0; rows < 24'000;) {
    rows = pipeline->status().rows;
    const auto paused = pipeline->pause(std::chrono::seconds(30));
    ASSERT_TRUE(paused) << paused.error().message();
    const auto status = pipeline->status();
    for (const auto& partition : status.partitions) {
      EXPECT_EQ(partition.confirmed, partition.landed);
      EXPECT_FALSE(partition.in_flight);
    }
    pipeline->resume();
    ASSERT_TRUE(eventually([&] { return pipeline->status().rows > rows || rows == 24'000; }));
  }
  ASSERT_TRUE(eventually([&] { return pipeline->status().caught_up; }));
  EXPECT_TRUE(judge(*pipeline).exact());
}

TEST_F(PipelineTest, paused_before_it_starts_it_stands_still_and_a_stop_drains_nothing) {
  produce(30);
  auto pipeline = std::move(*make());
  ASSERT_TRUE(pipeline->pause());
  pipeline->start();
  ASSERT_TRUE(eventually([&] { return pipeline->status().lag_records == 93; }));
  EXPECT_EQ(pipeline->status().state, PipelineState::kPaused);
  ASSERT_TRUE(pipeline->stop(StopMode::kDrain));
  EXPECT_TRUE(world_.table.rows.empty());
}

TEST_F(PipelineTest, many_quiet_partitions_stay_within_the_budget_of_parts) {
  constexpr int32_t kPartitions = 100;
  world_.create_topic("quiet", kPartitions);
  settings_.from = {"quiet"};
  settings_.flush = {.rows = 100'000, .bytes = 1 << 20, .after = Millis(10), .parts = 50};
  auto pipeline = start();
  const auto begun = std::chrono::steady_clock::now();
  const auto passed = [&] {
    const auto time = std::chrono::steady_clock::now() - begun;
    return std::chrono::duration<double>(time).count();
  };
  uint64_t records = 0;
  for (int round = 1; round <= 100; ++round) {
    ASSERT_TRUE(eventually([&] { return passed() >= 0.02 * round; }));
    const std::lock_guard lock(world_.mutex);
    for (int32_t p = 0; p < kPartitions; ++p) {
      world_.append({"quiet", p}, {fmt::format("{{\"id\":{}}}", next_id_++)});
      ++records;
    }
  }
  EXPECT_LE(static_cast<double>(pipeline->status().ranges), 50 * passed() + 26);
  ASSERT_TRUE(eventually([&] { return pipeline->status().records == records; }));
  EXPECT_LE(static_cast<double>(pipeline->status().ranges), 50 * passed() + 26);
  for (const auto& partition : pipeline->status().partitions) EXPECT_EQ(partition.rows, 100U);
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
