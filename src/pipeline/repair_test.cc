#include "pipeline/repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/log.h"
#include "pipeline/commit_metadata.h"
#include "pipeline/dead_letters.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline {
namespace {

using testing::Fate;
using ::testing::HasSubstr;
using testing::Incarnation;
using testing::MemoryWorld;

const TopicPartition kTp{"events", 0};
const std::string kDlq = "p.rows.dlq";
constexpr int64_t kRecords = 100;

/// 100 records, all confirmed and in the table, but 40 which does not fit and is a dead letter.
class World : public MemoryWorld {
 public:
  explicit World(bool with_view = false) {
    table.has_view = with_view;
    create_topic(kTp.topic, 1);
    create_topic(kDlq, 1);
    for (int64_t first = 0; first < kRecords; first += 10) {
      std::vector<std::string> values;
      for (int64_t i = first; i < first + 10; ++i) {
        values.push_back(i == 40 ? R"({"id":"x"})" : fmt::format(R"({{"id":{}}})", i));
      }
      append(kTp, values);
    }
    for (int64_t i = 0; i < kRecords; ++i) {
      if (i != 40) add_row(i);
    }
    add_letter(40);
    const CommitMetadata metadata{.topic_id = topic_ids[kTp.topic], .start = Offset(0)};
    committed[kTp] = {Offset(kRecords), encode_commit_metadata(metadata).value()};
  }
  void add_row(int64_t i) {
    table.rows.push_back({kTp, Offset(i), static_cast<uint64_t>(i)});
    if (table.has_view) table.view_rows.push_back({kTp, Offset(i), static_cast<uint64_t>(i)});
  }
  void lose_row(int64_t i) {
    std::erase_if(table.rows, [&](const auto& row) { return row.offset == Offset(i); });
    std::erase_if(table.view_rows, [&](const auto& row) { return row.offset == Offset(i); });
  }
  void add_letter(int64_t i) {
    Incarnation self;
    testing::MemoryProducer producer(*this, self);
    DeadLetterQueue queue(producer, kDlq, "rows");
    DeadLetter letter;
    letter.offset = Offset(i);
    EXPECT_TRUE(queue.write(kTp, topic_ids[kTp.topic], {&letter, 1}, WallMillis{}).get());
  }
  void lose_letters() { log.at({kDlq, 0}) = {}; }
  /// Rows 2 and 3 lost, 5 doubled, 6 there three times.
  void injure() {
    lose_row(2);
    lose_row(3);
    for (const int64_t i : {5, 6, 6})
      table.rows.push_back({kTp, Offset(i), static_cast<uint64_t>(i)});
  }
  static std::string odd(const std::vector<testing::MemoryTable::Row>& rows) {
    std::map<int64_t, int> times;
    for (const auto& row : rows) ++times[row.offset.value()];
    std::string text;
    for (int64_t i = 0; i < kRecords; ++i) {
      if (times[i] != (i == 40 ? 0 : 1)) text += fmt::format("{}x{} ", i, times[i]);
    }
    return text;
  }
};

class RepairTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { configure_logging(LogLevel::kOff, LogFormat::kText); }

  static Result<RepairReport> mend(World& world, Incarnation& self, bool dry_run = false) {
    testing::MemoryConsumer consumer(world, self, kTp.topic);
    testing::MemoryProducer producer(world, self);
    testing::MemorySink sink(world, self);
    config::PipelineSettings settings;
    settings.name = "rows";
    settings.from = {kTp.topic};
    const ManualClock clock;
    return repair({.settings = settings,
                   .dead_letter_topic = kDlq,
                   .consumer = consumer,
                   .producer = producer,
                   .sink = sink},
                  dry_run, clock);
  }
  RepairReport mend(bool dry_run = false) {
    auto report = mend(world_, self_, dry_run);
    EXPECT_TRUE(report) << report.error().message();
    return std::move(*report);
  }

  World world_;
  Incarnation self_;
};

TEST_F(RepairTest, does_nothing_where_nothing_is_wrong) {
  const auto report = mend();
  EXPECT_TRUE(report.exact());
  EXPECT_TRUE(report.partitions.empty());
}

TEST_F(RepairTest, puts_back_what_is_lost_and_deletes_what_is_doubled) {
  world_.injure();
  const auto report = mend();
  EXPECT_TRUE(report.exact()) << to_json(report);
  EXPECT_EQ(report.before.missing, 2U);
  EXPECT_EQ(report.before.doubled, 2U);
  EXPECT_EQ(report.rows_deleted, 3U);
  EXPECT_EQ(World::odd(world_.table.rows), "");
}

TEST_F(RepairTest, a_dry_run_says_what_it_would_do_and_does_not) {
  world_.injure();
  const auto rows = world_.table.rows.size();
  const auto letters = world_.log.at({kDlq, 0}).end;
  const auto report = mend(/*dry_run=*/true);
  EXPECT_FALSE(report.exact());
  EXPECT_EQ(world_.table.rows.size(), rows);
  EXPECT_EQ(world_.log.at({kDlq, 0}).end, letters);
  const auto json = to_json(report);
  EXPECT_THAT(json, HasSubstr(R"("put_back":2,"put_back_ranges":[[2,3]])"));
  EXPECT_THAT(json, HasSubstr(R"("deleted":2,"deleted_ranges":[[5,6]])"));
  EXPECT_THAT(repair_text(report).front(), HasSubstr("would mend events-0: 2-3 (2 offsets)"));
}

TEST_F(RepairTest, a_lost_letter_is_written_again) {
  world_.lose_letters();
  const auto report = mend();
  EXPECT_TRUE(report.exact()) << to_json(report);
  EXPECT_EQ(report.letters_written, 1U);
  EXPECT_EQ(report.after->rejected, 1U);
}

TEST_F(RepairTest, a_row_with_a_letter_stands) {
  world_.add_letter(50);
  const auto report = mend();
  EXPECT_EQ(report.before.doubled, 1U);
  EXPECT_TRUE(report.exact()) << to_json(report);
  EXPECT_EQ(World::odd(world_.table.rows), "");
}

TEST_F(RepairTest, rows_that_the_table_refuses_become_letters) {
  world_.injure();
  world_.table.refused_ids = {3};
  const auto report = mend();
  EXPECT_TRUE(report.exact()) << to_json(report);
  EXPECT_EQ(report.letters_written, 1U);
  EXPECT_EQ(report.after->rejected, 2U);
}

TEST_F(RepairTest, rows_without_a_record_are_left_alone) {
  world_.table.rows.push_back({kTp, Offset(500), 500});
  const auto report = mend();
  EXPECT_FALSE(report.exact());
  ASSERT_EQ(report.partitions.size(), 1U);
  EXPECT_EQ(report.partitions[0].left.count, 1U);
  EXPECT_EQ(world_.table.rows.size(), 100U);
}

TEST_F(RepairTest, a_repair_that_dies_anywhere_is_completed_by_the_next) {
  for (const bool with_view : {false, true}) {
    int calls = 1;
    for (int at = 0; at <= calls; ++at) {
      for (const Fate fate : {Fate::kFailBefore, Fate::kFailAfter, Fate::kHalf, Fate::kCrashBefore,
                              Fate::kCrashAfter, Fate::kCrashHalf}) {
        World world(with_view);
        world.injure();
        Incarnation first;
        first.decide = [&](int call, std::string_view) { return call == at ? fate : Fate::kOk; };
        const auto begun = mend(world, first);
        if (at == 0) calls = first.calls;
        Incarnation second;
        const auto report = mend(world, second);
        ASSERT_TRUE(report) << report.error().message();
        const std::string where = fmt::format("view {} fate {} call {} of {}", with_view,
                                              static_cast<int>(fate), at, calls);
        EXPECT_TRUE(report->exact()) << where << to_json(*report);
        EXPECT_EQ(World::odd(world.table.rows), "") << where;
        if (with_view) EXPECT_EQ(World::odd(world.table.view_rows), "") << where;
      }
    }
    EXPECT_GE(calls, 4);
  }
}

}  // namespace
}  // namespace freshet::pipeline
