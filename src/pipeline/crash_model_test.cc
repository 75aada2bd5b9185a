// The protocol against every single fault at every single call, and against seeded storms of them.
// The oracle looks at the world alone: log, table and dead-letter topic.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "kafka/record_iterator.h"
#include "pipeline/column_plan.h"
#include "pipeline/commit_metadata.h"
#include "pipeline/partition_worker.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline {
namespace {

using testing::Fate;
using testing::Incarnation;
using testing::MemoryConsumer;
using testing::MemoryProducer;
using testing::MemorySink;
using testing::MemoryWorld;
using Step = PartitionWorker::Step;

const TopicPartition kTp{"events", 0};
const std::string kDlq = "platform.rows.dlq";

struct Cell {
  int rows = 10;  // flush limit
  TestGuards guards{};
  bool view = false;  // the table has one, which refuses some rows
  bool asks_before_dividing = true;
  bool wall_jumps = false;  // somebody sets the clock, back and forth, by up to two days
  bool pauses = false;      // somebody pauses partitions, and resumes them when nothing is left
};

/// One process: the workers of all partitions, their steps taken in an order that `random` picks.
class Process {
 public:
  Process(MemoryWorld& world, Incarnation& self, const Cell& cell, uint32_t seed)
      : self_(self),
        wall_jumps_(cell.wall_jumps),
        pauses_(cell.pauses),
        consumer_(world, self, kTp.topic),
        producer_(world, self),
        sink_(world, self),
        probe_(metrics_, "platform", "rows"),
        letters_(producer_, kDlq, "rows"),
        preparer_(make_preparer(cell)),
        context_{.pipeline = "rows",
                 .group = "group",
                 .pipeline_hash = 7,
                 .limits = {.rows = cell.rows, .bytes = 1 << 20, .after = Millis(100)},
                 .confirm_after = Millis(250),
                 .stop_on_reject = false,
                 .guards = cell.guards,
                 .consumer = consumer_,
                 .sink = sink_,
                 .preparer = *preparer_,
                 .letters = letters_,
                 .reject_limit = reject_limit_,
                 .budget = budget_,
                 .breaker = breaker_,
                 .parts = parts_,
                 .probe = probe_,
                 .clock = clock_},
        random_(seed) {
    sink_.asks_before_dividing = cell.asks_before_dividing;
  }

  /// Runs until everything is confirmed, the process is dead, or it has no partition left.
  void run() {
    for (int steps = 0; steps < 20'000 && !self_.dead; ++steps) {
      auto event = consumer_.poll(Millis(0));
      if (!event) return;
      if (auto* assigned = std::get_if<kafka::Assigned>(&*event)) {
        for (auto& one : assigned->partitions) {
          workers_.push_back(std::make_unique<PartitionWorker>(context_, one));
        }
      }
      if (!step()) return;
    }
    if (!self_.dead) ADD_FAILURE() << "no end in sight: " << describe();
  }

  std::optional<Error> failure() const {
    for (const auto& worker : workers_) {
      if (auto failure = worker->failure()) return failure;
    }
    return std::nullopt;
  }

 private:
  std::unique_ptr<RangePreparer> make_preparer(const Cell& cell) {
    auto plan = plan_columns(sink_.columns(), {}, "table memory");
    return RangePreparer::create(
               {.limits = {.rows = cell.rows, .bytes = 1 << 20, .after = Millis(100)},
                .plan = std::move(*plan),
                .stop_on_reject = false},
               consumer_, sink_)
        .value();
  }

  /// False: nothing is left to do.
  bool step() {
    std::vector<std::pair<PartitionWorker*, Step>> possible;
    for (auto& worker : workers_) {
      worker->see_end(consumer_.bounds(worker->tp())->high_watermark);
      if (const auto wish = worker->writer_wish(); wish.step != Step::kNone) {
        possible.emplace_back(worker.get(), wish.step);
      }
      if (worker->prepare_wish().step != Step::kNone) {
        possible.emplace_back(worker.get(), Step::kPrepare);
      }
    }
    if (possible.empty()) return resume_paused();
    auto [worker, step] = possible[random_() % possible.size()];
    if (pauses_ && random_() % 5 == 0) {
      worker->pause();
      paused_.push_back(worker);
    }
    clock_.advance(Millis(40'000));  // whatever it waits for has come
    if (wall_jumps_ && random_() % 3 == 0) {
      constexpr int64_t kDays = 2 * 24 * 3600 * 1000LL;
      clock_.set_wall(clock_.wall() +
                      Millis(static_cast<int64_t>(random_() % (2 * kDays)) - kDays));
    }
    if (worker->begin(step)) worker->run(step);
    return true;
  }

  /// True if one was paused.
  bool resume_paused() {
    for (auto* worker : paused_) worker->resume();
    return !std::exchange(paused_, {}).empty();
  }

  std::string describe() const {
    std::string text;
    for (const auto& worker : workers_) {
      const auto status = worker->status();
      text += fmt::format("{} {} landed {} confirmed {} end {}: {}; ", status.tp,
                          partition_state_name(status.state), status.landed, status.confirmed,
                          status.high_watermark, status.last_error);
    }
    return text;
  }

  Incarnation& self_;
  const bool wall_jumps_;
  const bool pauses_;
  MemoryConsumer consumer_;
  MemoryProducer producer_;
  MemorySink sink_;
  MetricRegistry metrics_;
  PipelineProbe probe_;
  DeadLetterQueue letters_;
  RejectLimit reject_limit_{{}, "rows"};
  ManualClock clock_;
  ByteBudget budget_{64 << 20};
  CircuitBreaker breaker_{{}, clock_};
  PartBudget parts_{50, clock_};
  std::unique_ptr<RangePreparer> preparer_;
  PartitionContext context_;
  std::minstd_rand random_;
  std::vector<std::unique_ptr<PartitionWorker>> workers_;
  std::vector<PartitionWorker*> paused_;
};

/// Records 0..n: every 7th is malformed, every 11th is refused by the table, and every 13th by its
/// view if there is one.
class World : public MemoryWorld {
 public:
  explicit World(bool with_view = false) {
    table.has_view = with_view;
    create_topic(kTp.topic, 2);
    create_topic(kDlq, 1);
    for (int i = 0; i < 6; ++i) produce(4);
  }
  void produce(int batch_records) {
    for (int32_t p = 0; p < 2; ++p) {
      std::vector<std::string> values;
      for (int i = 0; i < batch_records; ++i) {
        const uint64_t id = next_id_++;
        if (id % 11 == 5) table.refused_ids.insert(id);
        if (id % 13 == 6) table.refused_by_view.insert(id);
        values.push_back(id % 7 == 3 ? fmt::format("{{\"id\":\"{}\"}}", id)
                                     : fmt::format("{{\"id\":{}}}", id));
      }
      append({kTp.topic, p}, values);
    }
  }

  /// Everything that is not as it should be, in words; empty if exactly-once held.
  std::string judge(bool letters_may_double) {
    std::string faults;
    std::map<std::pair<int32_t, int64_t>, int> in_table;
    std::map<std::pair<int32_t, int64_t>, int> in_view;
    std::map<std::pair<int32_t, int64_t>, int> in_letters;
    for (const auto& row : table.rows) ++in_table[{row.tp.partition, row.offset.value()}];
    for (const auto& row : table.view_rows) ++in_view[{row.tp.partition, row.offset.value()}];
    std::string scratch;
    for (const auto& batch : log.at({kDlq, 0}).batches) {
      auto records = kafka::RecordIterator::open(kafka::RecordBatchView(batch), scratch);
      RecordView record;
      while (records->next(record)) {
        const auto number = [&](std::string_view name) {
          return std::stoll(std::string(kafka::find_header(record.headers, name).value()));
        };
        ++in_letters[{static_cast<int32_t>(number("freshet.origin.partition")),
                      number("freshet.origin.offset")}];
      }
    }
    uint64_t expected = 0;
    for (int32_t p = 0; p < 2; ++p) {
      for (const auto& batch : log.at({kTp.topic, p}).batches) {
        auto records = kafka::RecordIterator::open(kafka::RecordBatchView(batch), scratch);
        RecordView record;
        while (records->next(record)) {
          ++expected;
          const bool malformed = record.value->find(":\"") != std::string_view::npos;
          const auto colon = record.value->find_first_of("0123456789");
          const uint64_t id = std::stoull(std::string(record.value->substr(colon)));
          const bool bad = malformed || table.refused_ids.contains(id) ||
                           (table.has_view && table.refused_by_view.contains(id));
          const auto key = std::make_pair(p, record.offset.value());
          const int rows = in_table[key];
          const int letters = in_letters[key];
          if (rows != (bad ? 0 : 1)) faults += fmt::format("{}:{} {} rows; ", p, key.second, rows);
          if (table.has_view && in_view[key] != (bad ? 0 : 1)) {
            faults += fmt::format("{}:{} {} rows in the view; ", p, key.second, in_view[key]);
          }
          if (bad ? letters < 1 || (letters > 1 && !letters_may_double) : letters != 0) {
            faults += fmt::format("{}:{} {} letters; ", p, key.second, letters);
          }
        }
      }
    }
    for (int32_t p = 0; p < 2; ++p) {
      const auto it = committed.find({kTp.topic, p});
      const Offset end = log.at({kTp.topic, p}).end;
      if (it == committed.end() || it->second.first != end) {
        faults += fmt::format("partition {} not confirmed to {}; ", p, end);
      }
    }
    EXPECT_GT(expected, 0U);
    return faults;
  }

 private:
  uint64_t next_id_ = 0;
};

/// Runs a first process with `decide`, lets the world go on, then a second one to the end.
std::string crash_and_recover(const Cell& cell, uint32_t seed, const auto& decide,
                              bool forget_tokens, int* calls = nullptr) {
  World world(cell.view);
  bool zombie = false;
  {
    Incarnation first;
    first.decide = [&](int call, std::string_view what) {
      const Fate fate = decide(call, what);
      zombie = zombie || fate == Fate::kOvertaken;
      return fate;
    };
    first.overtake = [&] {
      world.produce(3);
      Incarnation other;
      Process(world, other, cell, seed + 1).run();
    };
    Process process(world, first, cell, seed);
    process.run();
    if (auto failure = process.failure()) return "first: " + failure->message();
    if (calls != nullptr) *calls = first.calls;
  }
  if (forget_tokens) world.table.tokens.clear();
  world.produce(3);
  Incarnation second;
  Process process(world, second, cell, seed + 2);
  process.run();
  if (auto failure = process.failure()) return "second: " + failure->message();
  return world.judge(/*letters_may_double=*/zombie || cell.wall_jumps);
}

constexpr Fate kFaults[] = {Fate::kFailBefore,  Fate::kFailAfter,  Fate::kHalf,
                            Fate::kCrashBefore, Fate::kCrashAfter, Fate::kCrashHalf,
                            Fate::kOvertaken};

/// Says of every single fault that breaks exactly-once how it did; without `report` stops at the
/// first. How many.
int broken_by_single_faults(const Cell& cell, bool forget_tokens, bool report) {
  int calls = 0;
  const auto clean = crash_and_recover(
      cell, 1, [](int, std::string_view) { return Fate::kOk; }, forget_tokens, &calls);
  EXPECT_EQ(clean, "");
  EXPECT_GT(calls, 10);
  int broken = 0;
  for (const Fate fault : kFaults) {
    for (int at = 1; at <= calls; ++at) {
      // A zombie whose token is forgotten is a known hole: the sink's insert deadline closes it.
      if (fault == Fate::kOvertaken && forget_tokens) continue;
      const auto faults = crash_and_recover(
          cell, 1, [&](int call, std::string_view) { return call == at ? fault : Fate::kOk; },
          forget_tokens);
      if (faults.empty()) continue;
      ++broken;
      if (!report) return broken;
      ADD_FAILURE() << "fault " << static_cast<int>(fault) << " at call " << at << ": " << faults;
    }
  }
  return broken;
}

class CrashModel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { configure_logging(LogLevel::kOff, LogFormat::kText); }
};

/// By flush limit and whether the table has a view; cases of their own, for each takes seconds.
class SingleFaults : public CrashModel,
                     public ::testing::WithParamInterface<std::tuple<int, const char*>> {};

TEST_P(SingleFaults, at_every_call_are_survived) {
  const auto& [rows, way] = GetParam();
  const std::string_view name = way;
  // With a view only the token tells what has landed, so it must be remembered.
  const Cell cell{.rows = rows, .view = name == "dividing_for_a_view"};
  EXPECT_EQ(broken_by_single_faults(cell, name == "token_forgotten", true), 0);
}

INSTANTIATE_TEST_SUITE_P(Flushed, SingleFaults,
                         ::testing::Combine(::testing::Values(3, 10, 100),
                                            ::testing::Values("token_kept", "token_forgotten",
                                                              "dividing_for_a_view")),
                         [](const auto& param) {
                           return fmt::format("at_{}_{}", std::get<0>(param.param),
                                              std::get<1>(param.param));
                         });

/// A write lands in the table only; then somebody makes the view refuse a row of it.
std::string refuse_after_landing(bool asks_before_dividing) {
  const Cell cell{.rows = 100, .view = true, .asks_before_dividing = asks_before_dividing};
  World world(true);
  world.table.refused_ids.clear();
  world.table.refused_by_view.clear();
  Incarnation first;
  first.decide = [](int, std::string_view what) {
    return what == "write" ? Fate::kCrashHalf : Fate::kOk;
  };
  Process(world, first, cell, 1).run();
  EXPECT_FALSE(world.table.rows.empty());
  EXPECT_TRUE(world.table.view_rows.empty());
  world.table.refused_by_view.insert(world.table.rows.front().id);
  const auto landed = [&world, tp = world.table.rows.front().tp] {
    return std::ranges::count(world.table.rows, tp, &testing::MemoryTable::Row::tp);
  };
  const auto rows = landed();
  Incarnation second;
  Process process(world, second, cell, 2);
  process.run();
  if (asks_before_dividing) {
    EXPECT_TRUE(process.failure().has_value());
    EXPECT_EQ(landed(), rows) << "nothing was written after that was seen";
    // Mended by a person: the view takes all of them again.
    world.table.refused_by_view.clear();
    Incarnation third;
    Process(world, third, cell, 3).run();
  }
  return world.judge(/*letters_may_double=*/false);
}

TEST_F(CrashModel, a_range_that_has_landed_in_the_table_is_not_divided_but_stops_the_pipeline) {
  EXPECT_EQ(refuse_after_landing(/*asks_before_dividing=*/true), "");
}

TEST_F(CrashModel, dividing_without_asking_the_table_is_seen) {
  EXPECT_NE(refuse_after_landing(/*asks_before_dividing=*/false), "");
}

void survive_storms(uint32_t storms, Cell cell) {
  for (uint32_t seed = 0; seed < storms; ++seed) {
    std::minstd_rand random(seed);
    cell.rows = static_cast<int>(3 + random() % 20);
    bool over = false;
    const auto faults = crash_and_recover(
        cell, seed,
        [&](int, std::string_view) {
          if (over || random() % 8 != 0) return Fate::kOk;
          const Fate fault = kFaults[random() % std::size(kFaults)];
          over = fault == Fate::kOvertaken;  // the other one has done all the work
          return fault;
        },
        /*forget_tokens=*/false);
    EXPECT_EQ(faults, "") << "seed " << seed;
  }
}

TEST_F(CrashModel, storms_of_faults_are_survived) { survive_storms(200, {}); }

TEST_F(CrashModel, storms_of_faults_are_survived_with_a_view) {
  survive_storms(200, {.view = true});
}

TEST_F(CrashModel, storms_of_faults_are_survived_while_the_clock_jumps) {
  survive_storms(100, {.wall_jumps = true});
}

TEST_F(CrashModel, storms_of_faults_are_survived_while_partitions_are_paused_and_resumed) {
  survive_storms(100, {.pauses = true});
  survive_storms(100, {.view = true, .pauses = true});
}

TEST_F(CrashModel, losing_the_intent_is_seen) {
  EXPECT_GT(broken_by_single_faults({.rows = 10, .guards = {.intent = false}}, false, false), 0);
}

TEST_F(CrashModel, losing_the_probe_is_seen) {
  EXPECT_GT(broken_by_single_faults({.rows = 10, .guards = {.probe = false}}, true, false), 0);
}

TEST_F(CrashModel, a_replay_is_told_when_its_range_was_first_intended) {
  World world;
  const Cell cell;
  Incarnation first;
  first.decide = [](int, std::string_view what) {
    return what == "write" ? Fate::kCrashAfter : Fate::kOk;
  };
  Process(world, first, cell, 1).run();
  ASSERT_EQ(world.committed.size(), 1U);
  const auto& [tp, committed] = *world.committed.begin();
  const auto parsed = parse_commit_metadata(committed.second);
  const auto* intent = std::get_if<CommitMetadata>(&parsed);
  ASSERT_NE(intent, nullptr) << describe(parsed);
  ASSERT_EQ(intent->pending.size(), 1U);

  Incarnation second;
  Process(world, second, cell, 2).run();
  const auto replay = std::ranges::find(world.table.replays, tp, &sink::RangeWrite::tp);
  ASSERT_NE(replay, world.table.replays.end());
  EXPECT_EQ(replay->range, intent->pending.front());
  EXPECT_EQ(replay->intent_time_ms, intent->intent_time.time_since_epoch().count());
}

}  // namespace
}  // namespace freshet::pipeline
