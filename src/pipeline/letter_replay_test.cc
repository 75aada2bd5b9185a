#include "pipeline/letter_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/log.h"
#include "pipeline/commit_metadata.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline {
namespace {

using ::testing::ElementsAre;
using testing::Fate;
using ::testing::HasSubstr;
using testing::Incarnation;
using testing::MemoryWorld;
using ::testing::Pair;

const TopicPartition kTp{"events", 0};
const std::string kDlq = "p.rows.dlq";
constexpr int64_t kRecords = 60;

bool is_letter(int64_t offset) { return offset % 5 == 2; }
/// Its letter does not fit the mended definition either.
bool is_bad(int64_t offset) { return offset == 7; }

/// A log of records of which every fifth is a dead letter, all confirmed, the others in the table.
class World : public MemoryWorld {
 public:
  explicit World(bool with_view = false) {
    table.has_view = with_view;
    create_topic(kTp.topic, 1);
    create_topic(kDlq, 1);
    for (int64_t first = 0; first < kRecords; first += 10) {
      std::vector<std::string> values;
      for (int64_t i = first; i < first + 10; ++i) values.push_back(value(i));
      append(kTp, values);
    }
    Incarnation self;
    testing::MemoryProducer producer(*this, self);
    DeadLetterQueue queue(producer, kDlq, "rows");
    for (int64_t i = 0; i < kRecords; ++i) {
      const auto id = static_cast<uint64_t>(i);
      if (!is_letter(i)) {
        table.rows.push_back({kTp, Offset(i), id});
        if (with_view) table.view_rows.push_back({kTp, Offset(i), id});
        continue;
      }
      DeadLetter letter;
      letter.offset = Offset(i);
      letter.value = value(i);
      letter.reason = i % 2 == 0 ? RejectReason::kWrongType : RejectReason::kMissingField;
      letter.path = "id";
      EXPECT_TRUE(
          queue.write(kTp, topic_ids[kTp.topic], {&letter, 1}, WallMillis(Millis(1000 + i))).get());
    }
    confirm(kRecords);
  }
  void confirm(int64_t offset) {
    const CommitMetadata metadata{.topic_id = topic_ids[kTp.topic], .start = Offset(0)};
    committed[kTp] = {Offset(offset), encode_commit_metadata(metadata).value()};
  }
  static std::string value(int64_t i) {
    return is_bad(i) ? R"({"id":"x"})" : fmt::format(R"({{"id":{}}})", i);
  }
  /// How often each offset is there: "12x2 " for everything that is not there once.
  static std::string odd(const std::vector<testing::MemoryTable::Row>& rows, auto expected) {
    std::map<int64_t, int> times;
    for (const auto& row : rows) ++times[row.offset.value()];
    std::string text;
    for (int64_t i = 0; i < kRecords; ++i) {
      if (times[i] != expected(i)) text += fmt::format("{}x{} ", i, times[i]);
    }
    return text;
  }
};

/// What one process does with it.
class Mender {
 public:
  Mender(World& world, Incarnation& self)
      : consumer_(world, self, kTp.topic), producer_(world, self), sink_(world, self) {
    settings_.name = "rows";
    settings_.from = {kTp.topic};
  }
  Result<ReplayReport> replay(const LetterFilter& filter = {}, bool dry_run = false) {
    return replay_letters(input(), filter, dry_run, clock_);
  }
  PipelineVerdict judge() {
    auto verdict = verify(input());
    EXPECT_TRUE(verdict) << verdict.error().message();
    return std::move(*verdict);
  }
  uint32_t newest_attempt(int64_t offset) {
    uint32_t newest = 0;
    EXPECT_TRUE(DeadLetterQueue(producer_, kDlq, "rows").visit([&](const auto& letter) {
      if (letter.offset == Offset(offset)) newest = std::max(newest, letter.attempt);
    }));
    return newest;
  }
  testing::MemorySink& sink() { return sink_; }

 private:
  VerifyInput input() {
    return {.settings = settings_,
            .dead_letter_topic = kDlq,
            .consumer = consumer_,
            .producer = producer_,
            .sink = sink_};
  }
  testing::MemoryConsumer consumer_;
  testing::MemoryProducer producer_;
  testing::MemorySink sink_;
  config::PipelineSettings settings_;
  ManualClock clock_;
};

class LetterReplayTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { configure_logging(LogLevel::kOff, LogFormat::kText); }
  World world_;
  Incarnation self_;
  Mender mender_{world_, self_};
};

TEST_F(LetterReplayTest, lands_what_fits_now_at_its_own_offset_and_verify_accounts_for_it) {
  const auto before = mender_.judge();
  EXPECT_TRUE(before.exact());
  EXPECT_EQ(before.rejected, 12U);
  const auto report = mender_.replay();
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->open, 12U);
  EXPECT_EQ(report->landed, 11U);
  EXPECT_EQ(report->left, 1U);
  EXPECT_THAT(report->reasons, ElementsAre(Pair("wrong_type", 1)));
  EXPECT_EQ(World::odd(world_.table.rows, [](int64_t i) { return is_bad(i) ? 0 : 1; }), "");
  const auto after = mender_.judge();
  EXPECT_TRUE(after.exact()) << to_json(after);
  EXPECT_EQ(after.rejected, 1U);
  EXPECT_EQ(after.replayed, 11U);
  EXPECT_EQ(mender_.newest_attempt(7), 2U);
}

TEST_F(LetterReplayTest, a_second_replay_finds_only_what_is_left) {
  ASSERT_TRUE(mender_.replay());
  const auto again = mender_.replay();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->open, 1U);
  EXPECT_EQ(again->landed, 0U);
  EXPECT_EQ(mender_.newest_attempt(7), 3U);
  EXPECT_TRUE(mender_.judge().exact());
}

TEST_F(LetterReplayTest, a_dry_run_changes_nothing) {
  const auto letters = world_.log.at({kDlq, 0}).end;
  const auto report = mender_.replay({}, /*dry_run=*/true);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->landed, 11U);
  EXPECT_EQ(report->left, 1U);
  EXPECT_EQ(world_.log.at({kDlq, 0}).end, letters);
  EXPECT_EQ(world_.table.rows.size(), 48U);
  EXPECT_THAT(to_json(*report), HasSubstr(R"("reasons":{"wrong_type":1})"));
}

TEST_F(LetterReplayTest, a_filter_takes_some) {
  const auto by_reason = mender_.replay({.reason = "missing_field"});
  ASSERT_TRUE(by_reason);
  EXPECT_EQ(by_reason->selected, 6U);
  const auto by_time =
      mender_.replay({.since = WallMillis(Millis(1010)), .until = WallMillis(Millis(1032))});
  ASSERT_TRUE(by_time);
  EXPECT_EQ(by_time->landed, 2U);  // 12 and 22, even and not replayed yet
  EXPECT_EQ(mender_.replay({.partition = 3})->selected, 0U);
  EXPECT_TRUE(mender_.judge().exact());
}

TEST_F(LetterReplayTest, records_that_the_group_has_not_confirmed_are_left_alone) {
  world_.confirm(30);
  const auto report = mender_.replay();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->not_confirmed, 6U);
  EXPECT_EQ(report->landed + report->left, 6U);
}

TEST_F(LetterReplayTest, a_row_that_the_table_refuses_stands_alone) {
  world_.table.refused_ids = {22, 37};
  const auto report = mender_.replay();
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->landed, 9U);
  EXPECT_THAT(report->reasons, ElementsAre(Pair("refused_by_table", 2), Pair("wrong_type", 1)));
  EXPECT_TRUE(mender_.judge().exact());
  world_.table.refused_ids.clear();
  EXPECT_EQ(mender_.replay()->landed, 2U);
  EXPECT_TRUE(mender_.judge().exact());
}

TEST_F(LetterReplayTest, a_replayed_row_that_is_lost_later_is_missing) {
  ASSERT_TRUE(mender_.replay());
  std::erase_if(world_.table.rows, [](const auto& row) { return row.offset == Offset(12); });
  const auto verdict = mender_.judge();
  EXPECT_EQ(verdict.missing, 1U);
  EXPECT_EQ(verdict.rejected, 1U);
}

TEST_F(LetterReplayTest, a_table_without_origins_is_refused) {
  mender_.sink().set_proof({.by_provenance = false, .reason = "no provenance columns"});
  const auto report = mender_.replay();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message(), HasSubstr("no provenance columns"));
}

/// Dies or fails at one call, then runs again to its end.
std::string replay_twice(bool with_view, Fate fate, int at, int* calls) {
  World world(with_view);
  world.table.refused_ids = {37};
  Incarnation first;
  first.decide = [&](int call, std::string_view) { return call == at ? fate : Fate::kOk; };
  const auto begun = Mender(world, first).replay();
  if (calls != nullptr) *calls = first.calls;
  {
    Incarnation looking;
    const auto verdict = Mender(world, looking).judge();
    if (!verdict.exact()) return "between the two: " + to_json(verdict);
  }
  Incarnation second;
  Mender mender(world, second);
  if (const auto report = mender.replay(); !report) return report.error().message();
  const auto expected = [](int64_t i) { return is_bad(i) || i == 37 ? 0 : 1; };
  std::string faults = World::odd(world.table.rows, expected);
  if (with_view) {
    const auto view = World::odd(world.table.view_rows, expected);
    if (!view.empty()) faults += "view: " + view;
  }
  if (const auto verdict = mender.judge(); !verdict.exact()) faults += to_json(verdict);
  return faults;
}

TEST_F(LetterReplayTest, a_replay_that_dies_anywhere_lands_every_row_once) {
  for (const bool with_view : {false, true}) {
    int calls = 0;
    ASSERT_EQ(replay_twice(with_view, Fate::kOk, 0, &calls), "");
    ASSERT_GT(calls, 10);
    for (const Fate fate : {Fate::kFailBefore, Fate::kFailAfter, Fate::kHalf, Fate::kCrashBefore,
                            Fate::kCrashAfter, Fate::kCrashHalf}) {
      for (int at = 1; at <= calls; ++at) {
        EXPECT_EQ(replay_twice(with_view, fate, at, nullptr), "")
            << "view " << with_view << " fate " << static_cast<int>(fate) << " call " << at;
      }
    }
  }
}

}  // namespace
}  // namespace freshet::pipeline
