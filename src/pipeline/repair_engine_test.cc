// Losses and doubles made by hand in real tables: verify names exactly those offsets, repair mends
// them. FRESHET_TEST_INJURIES (default 4) tables are injured, one after the other.
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>

#include "observe/log.h"
#include "pipeline/column_plan.h"
#include "pipeline/commit_metadata.h"
#include "pipeline/dead_letters.h"
#include "pipeline/repair.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_producer.h"
#include "pipeline/testing/memory_world.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::pipeline {
namespace {

using ::testing::ElementsAreArray;
using testing::Incarnation;
using testing::MemoryWorld;

const std::string kTopic = "events";
const std::string kDlq = "p.rows.dlq";
constexpr int64_t kRecords = 400;  // of each of the two partitions

int injuries() {
  const char* text = std::getenv("FRESHET_TEST_INJURIES");
  return text == nullptr ? 4 : std::atoi(text);
}

class RepairEngineTest : public warehouse::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    configure_logging(LogLevel::kOff, LogFormat::kText);
    if (engine_ == nullptr) return;
    world_.create_topic(kTopic, 2);
    world_.create_topic(kDlq, 1);
    settings_.name = "rows";
    settings_.from = {kTopic};
  }
  void create(const std::string& engine, bool with_view) {
    run("CREATE TABLE " + in_database("events") +
        " (id UInt64, text String, _topic LowCardinality(String), _partition UInt32, _offset "
        "UInt64)"
        " ENGINE = " +
        engine +
        " SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1,"
        " fsync_part_directory = 1");
    if (!with_view) return;
    run("CREATE TABLE " + in_database("copy") +
        " (id UInt64, p UInt32) ENGINE = MergeTree ORDER BY id"
        " SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1,"
        " fsync_part_directory = 1");
    run("CREATE MATERIALIZED VIEW " + in_database("v") + " TO " + in_database("copy") +
        " AS SELECT id, _partition AS p FROM " + in_database("events"));
  }
  /// Log and table of the same records, confirmed.
  void fill() {
    for (int32_t p = 0; p < 2; ++p) {
      std::vector<std::string> values;
      for (int64_t i = 0; i < kRecords; ++i) {
        values.push_back(fmt::format(R"({{"id":{},"text":"{}"}})", i * 2 + p, i));
      }
      world_.append({kTopic, p}, values);
      const CommitMetadata metadata{.topic_id = world_.topic_ids[kTopic], .start = Offset(0)};
      world_.committed[{kTopic, p}] = {Offset(kRecords), encode_commit_metadata(metadata).value()};
      run(
          fmt::format("INSERT INTO {} SELECT number * 2 + {}, toString(number), '{}', {}, number "
                      "FROM numbers({})",
                      in_database("events"), p, kTopic, p, kRecords));
    }
    auto table = sink::ClickHouseSink::open(*engine_, in_database("events"));
    ASSERT_TRUE(table) << table.error().message();
    sink_ = std::make_unique<ClickHouseRangeSink>(std::move(*table));
  }
  void lose(int32_t p, const std::set<int64_t>& offsets) {
    if (offsets.empty()) return;
    run(
        fmt::format("ALTER TABLE {} DELETE WHERE _partition = {} AND _offset IN ({}) SETTINGS "
                    "mutations_sync = 2",
                    in_database("events"), p, fmt::join(offsets, ",")));
  }
  void twice(int32_t p, const std::set<int64_t>& offsets, int times) {
    for (int i = 0; i < times && !offsets.empty(); ++i) {
      run(fmt::format(
          "INSERT INTO {0} SELECT DISTINCT * FROM {0} WHERE _partition = {1} AND "
          "_offset IN ({2}) SETTINGS insert_deduplicate = 0, deduplicate_insert = 'disable'",
          in_database("events"), p, fmt::join(offsets, ",")));
    }
  }
  VerifyInput input() {
    return {.settings = settings_,
            .dead_letter_topic = kDlq,
            .consumer = consumer_,
            .producer = producer_,
            .sink = *sink_};
  }
  std::string counts() {
    return run("SELECT count(), uniqExact(_partition, _offset), sum(id) FROM " +
               in_database("events"));
  }
  static constexpr const char* kWhole = "800\t800\t319600\n";

  MemoryWorld world_;
  Incarnation self_;
  testing::MemoryConsumer consumer_{world_, self_, kTopic};
  testing::MemoryProducer producer_{world_, self_};
  std::unique_ptr<ClickHouseRangeSink> sink_;
  config::PipelineSettings settings_;
  ManualClock clock_{SystemClock::instance().wall()};
};

std::set<int64_t> some(std::minstd_rand& random, size_t most) {
  std::set<int64_t> chosen;
  const size_t count = random() % (most + 1);
  while (chosen.size() < count) chosen.insert(static_cast<int64_t>(random() % kRecords));
  return chosen;
}

TEST_F(RepairEngineTest, finds_exactly_what_was_injured_and_mends_it) {
  create("MergeTree PARTITION BY id % 3 ORDER BY id", /*with_view=*/false);
  fill();
  for (int round = 0; round < injuries(); ++round) {
    SCOPED_TRACE(round);
    std::minstd_rand random(static_cast<unsigned>(round) + 1);
    std::map<int32_t, std::set<int64_t>> lost;
    std::map<int32_t, std::set<int64_t>> doubled;
    for (int32_t p = 0; p < 2; ++p) {
      lost[p] = some(random, 20);
      doubled[p] = some(random, 20);
      std::erase_if(doubled[p], [&](int64_t offset) { return lost[p].contains(offset); });
      if (round == 0) lost[p].insert(399 - p);  // never nothing
      lose(p, lost[p]);
      twice(p, doubled[p], 1 + static_cast<int>(random() % 2));
    }
    if (random() % 3 == 0) run("OPTIMIZE TABLE " + in_database("events"));
    std::map<int32_t, std::set<int64_t>> found_lost;
    std::map<int32_t, std::set<int64_t>> found_doubled;
    auto looking = input();
    looking.on_finding = [&](Finding finding, const TopicPartition& tp, Offset offset) {
      auto& found = finding == Finding::kMissing ? found_lost : found_doubled;
      found[tp.partition].insert(offset.value());
    };
    const auto before = verify(looking);
    ASSERT_TRUE(before) << before.error().message();
    for (int32_t p = 0; p < 2; ++p) {
      EXPECT_THAT(found_lost[p], ElementsAreArray(lost[p]));
      EXPECT_THAT(found_doubled[p], ElementsAreArray(doubled[p]));
    }
    const auto dry = repair(input(), /*dry_run=*/true, clock_);
    ASSERT_TRUE(dry) << dry.error().message();
    EXPECT_EQ(dry->before.missing, lost[0].size() + lost[1].size());
    const auto report = repair(input(), /*dry_run=*/false, clock_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(report->exact()) << to_json(*report);
    EXPECT_EQ(counts(), kWhole);
    if (HasFailure()) return;
  }
}

TEST_F(RepairEngineTest, a_lost_row_goes_through_the_views_again_and_a_doubled_one_does_not) {
  create("MergeTree ORDER BY id", /*with_view=*/true);
  fill();
  // Lost before it reached anything; doubled in the table alone.
  lose(0, {3, 4});
  run("ALTER TABLE " + in_database("copy") +
      " DELETE WHERE p = 0 AND id IN (6, 8) SETTINGS "
      "mutations_sync = 2");
  run("DETACH TABLE " + in_database("v"));
  twice(1, {10}, 1);
  run("ATTACH TABLE " + in_database("v"));
  const auto report = repair(input(), /*dry_run=*/false, clock_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->exact()) << to_json(*report);
  EXPECT_EQ(counts(), kWhole);
  EXPECT_EQ(run("SELECT count(), uniqExact(p, id) FROM " + in_database("copy")), "800\t800\n");
  EXPECT_THAT(repair_text(*report).back(), ::testing::HasSubstr("materialized views"));
}

TEST_F(RepairEngineTest, rows_that_a_replacing_table_collapsed_are_not_lost) {
  create("ReplacingMergeTree ORDER BY text", /*with_view=*/false);
  fill();  // both partitions have the same texts
  run("OPTIMIZE TABLE " + in_database("events") + " FINAL");
  lose(0, {7});
  lose(1, {7});
  const auto report = repair(input(), /*dry_run=*/false, clock_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_GE(report->before.missing, 2U);
  EXPECT_TRUE(report->exact()) << to_json(*report);
}

}  // namespace
}  // namespace freshet::pipeline
