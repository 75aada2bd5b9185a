#include "sink/clickhouse_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "sink/row_selection.h"
#include "sink/testing/clickhouse_of_tests.h"
#include "warehouse/ddl.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::sink {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TopicPartition kOrigin{.topic = "events", .partition = 3};

struct Rows {
  ColumnBatch batch;
  std::vector<Offset> offsets;
};

class SinkTest : public warehouse::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (engine_ == nullptr) return;
    clickhouse_ = engine_;
    if (!testing::clickhouse_maker()) return;
    auto made = testing::clickhouse_maker()(*engine_);
    ASSERT_TRUE(made) << made.error().message();
    made_ = std::move(*made);
    clickhouse_ = made_.clickhouse.get();
    if (made_.has_own_tables) run("CREATE DATABASE " + database_);
  }
  void TearDown() override {
    sink_.reset();
    if (made_.has_own_tables) run("DROP DATABASE IF EXISTS " + database_ + " SYNC");
    made_ = {};
    EngineTest::TearDown();
  }
  /// Asks the engine itself wherever that has the tables, and not the way that is tested.
  std::string run(const std::string& sql) {
    auto result = made_.has_own_tables ? clickhouse_->query(sql) : engine_->query(sql);
    EXPECT_TRUE(result) << sql << "\n" << result.error().message();
    return result ? result->bytes : std::string();
  }

  void declare(const std::vector<std::string>& statements,
               const warehouse::DdlOptions& options = {}) {
    const auto outcome = warehouse::apply_tables(*clickhouse_, statements, options);
    ASSERT_TRUE(outcome) << outcome.error().message();
  }
  void open(const std::string& table = "t", const ClickHouseSinkOptions& options = {}) {
    auto sink = ClickHouseSink::open(*clickhouse_, in_database(table), options);
    ASSERT_TRUE(sink) << sink.error().message();
    sink_ = std::move(*sink);
  }
  std::string refusal(const std::string& table = "t") {
    const auto sink = ClickHouseSink::open(*clickhouse_, in_database(table));
    EXPECT_FALSE(sink);
    return sink ? "it was accepted" : sink.error().message();
  }

  /// Rows (k = offset % 3, v = offset) for offsets first..last of a table (k UInt32, v UInt64).
  Rows rows(int64_t first, int64_t last) {
    Rows made{.batch = ColumnBatch(sink_->schema()), .offsets = {}};
    for (int64_t offset = first; offset <= last; ++offset) {
      made.batch.column(0).append_fixed(static_cast<uint32_t>(offset % 3));
      made.batch.column(1).append_fixed(static_cast<uint64_t>(offset));
      made.offsets.push_back(Offset(offset));
    }
    return made;
  }
  static RangeWrite range(int64_t first, int64_t last) {
    const OffsetRange offsets{.first = Offset(first), .last = Offset(last)};
    return {.tp = kOrigin,
            .topic_id = {},
            .range = offsets,
            .token = range_token("p", 1, {}, kOrigin.partition, offsets)};
  }
  void write(const RangeWrite& range, const Rows& rows) {
    const auto written = sink_->write(range, sink_->encode(kOrigin, rows.batch, rows.offsets));
    ASSERT_TRUE(written) << written.error().message();
  }
  ReplayOutcome replay(const RangeWrite& range, const Rows& rows) {
    const auto outcome = sink_->replay(range, rows.batch, rows.offsets);
    EXPECT_TRUE(outcome) << outcome.error().message();
    return outcome.value_or(ReplayOutcome{});
  }
  /// The rows whose k is in `ks`.
  static Rows only(const Rows& all, const std::vector<uint32_t>& ks) {
    std::vector<size_t> kept;
    for (size_t row = 0; row < all.offsets.size(); ++row) {
      const uint32_t k = all.batch.column(0).fixed<uint32_t>()[row];
      if (std::ranges::find(ks, k) != ks.end()) kept.push_back(row);
    }
    return {.batch = select_rows(all.batch, kept), .offsets = select_offsets(all.offsets, kept)};
  }
  std::string count_and_sum(const std::string& table = "t", const std::string& column = "v") {
    return run("SELECT count(), sum(" + column + ") FROM " + in_database(table));
  }

  testing::ClickHouseOfTests made_;
  warehouse::ClickHouse* clickhouse_ = nullptr;
  std::unique_ptr<ClickHouseSink> sink_;
};

TEST_F(SinkTest, plans_what_stands_in_for_a_missing_field) {
  declare({"CREATE TABLE " + in_database("t") + R"( (
      a UInt64, s String, n Nullable(Int32), l LowCardinality(String) DEFAULT 'mobile',
      d Decimal(9, 2) DEFAULT 1.5, day Date DEFAULT toDate('2025-09-18'), u UUID DEFAULT
      '61f0c404-5cb3-11e7-907b-a6006ad3dba0', q Nullable(String) DEFAULT 'q',
      inserted_at DateTime DEFAULT now(), precise DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
      id UUID DEFAULT generateUUIDv4(), upper_s String DEFAULT upper(s),
      m String MATERIALIZED lower(s), al String ALIAS s, tags Array(String) DEFAULT ['a'],
      any Dynamic DEFAULT 1
    ) ENGINE = MergeTree ORDER BY a)"});
  open();
  std::vector<std::string> planned;
  for (const SinkColumn& column : sink_->columns()) {
    const char* how = column.when_missing == WhenMissing::kConstant ? "constant"
                      : column.when_missing == WhenMissing::kNull   ? "null"
                                                                    : "record time";
    planned.push_back(column.field.name + " " + how + (column.has_default ? " default" : ""));
  }
  EXPECT_THAT(planned,
              ElementsAre("a constant", "s constant", "n null", "l constant default",
                          "d constant default", "day constant default", "u constant default",
                          "q constant default", "inserted_at record time default",
                          "precise record time default", "tags constant default"));
  const auto& columns = sink_->columns();
  EXPECT_EQ(columns[0].constant.fixed<uint64_t>()[0], 0U);
  EXPECT_EQ(columns[3].constant.string_at(0), "mobile");
  EXPECT_EQ(columns[4].constant.fixed<int32_t>()[0], 150);
  EXPECT_EQ(columns[5].constant.fixed<uint16_t>()[0], 20349);
  EXPECT_EQ(std::to_integer<int>(columns[6].constant.values()[0]), 0x61);
  EXPECT_EQ(columns[7].constant.string_at(0), "q");
  EXPECT_EQ(columns[10].constant.child().string_at(0), "a");
  EXPECT_TRUE(sink_->proof().by_provenance);
}

TEST_F(SinkTest, lists_every_problem_with_its_mend_in_one_message) {
  run("CREATE TABLE " + in_database("sums") +
      " (k UInt32, s UInt64) ENGINE = SummingMergeTree ORDER BY k");
  run("CREATE TABLE " + in_database("t") +
      " (k UInt32, v UInt64, any Dynamic, _topic String, _partition UInt32, _offset UInt64)"
      " ENGINE = MergeTree ORDER BY v SETTINGS async_insert = 1");
  run("CREATE MATERIALIZED VIEW " + in_database("v") + " TO " + in_database("sums") +
      " AS SELECT k, sum(v) AS s FROM " + in_database("t") + " GROUP BY k");
  const std::string message = refusal();
  EXPECT_THAT(
      message,
      AllOf(HasSubstr("4 problems"),
            HasSubstr("table " + in_database("t") +
                      " has no deduplication window and does not fsync what is inserted and forces "
                      "asynchronous inserts: ALTER TABLE `" +
                      database_ +
                      "`.`t` MODIFY SETTING non_replicated_deduplication_window = 10000, "
                      "fsync_after_insert = 1, fsync_part_directory = 1, async_insert = 0"),
            HasSubstr("the target of materialized view " + in_database("v")),
            HasSubstr("column any has type Dynamic"),
            HasSubstr("_topic must be a plain LowCardinality(String)")));
}

TEST_F(SinkTest, the_advised_statements_mend_the_table) {
  run("CREATE TABLE " + in_database("t") + " (k UInt32, v UInt64) ENGINE = MergeTree ORDER BY v");
  const std::string message = refusal();
  const size_t at = message.find("ALTER TABLE");
  ASSERT_NE(at, std::string::npos) << message;
  run(message.substr(at));
  open();
  EXPECT_FALSE(sink_->proof().by_provenance);
  EXPECT_THAT(sink_->proof().reason, HasSubstr("ADD COLUMN _topic"));
  run(sink_->proof().reason.substr(sink_->proof().reason.find("ALTER TABLE")));
  open();
  EXPECT_TRUE(sink_->proof().by_provenance);
}

TEST_F(SinkTest, refuses_tables_that_cannot_deduplicate) {
  EXPECT_THAT(refusal("absent"), HasSubstr("does not exist"));
  run("CREATE TABLE " + in_database("t") + " (a UInt64) ENGINE = Memory");
  EXPECT_THAT(refusal(), HasSubstr("engine Memory"));
}

TEST_F(SinkTest, a_table_that_merges_rows_away_says_it_cannot_be_verified) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = SummingMergeTree ORDER BY k"});
  open();
  EXPECT_FALSE(sink_->proof().by_provenance);
  EXPECT_THAT(sink_->proof().reason, HasSubstr("SummingMergeTree"));
}

TEST_F(SinkTest, writes_rows_with_their_origin_and_probes_them) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = MergeTree "
           "ORDER BY v"});
  open();
  write(range(10, 19), rows(10, 19));
  EXPECT_EQ(run("SELECT k, v, _topic, _partition, _offset FROM " + in_database("t") +
                " ORDER BY v LIMIT 1"),
            "1\t10\tevents\t3\t10\n");
  const auto presence = sink_->probe(kOrigin, {.first = Offset(15), .last = Offset(30)});
  ASSERT_TRUE(presence) << presence.error().message();
  EXPECT_EQ(presence->count(), 5U);
  EXPECT_TRUE(presence->contains(Offset(19)));
  EXPECT_FALSE(presence->contains(Offset(20)));
  EXPECT_EQ(sink_->probe({"other", 3}, {.first = Offset(0), .last = Offset(30)})->count(), 0U);
  const auto origins = sink_->origins();
  ASSERT_TRUE(origins) << origins.error().message();
  ASSERT_EQ(origins->size(), 1U);
  EXPECT_EQ((*origins)[0].tp, kOrigin);
  EXPECT_EQ((*origins)[0].rows, 10U);
  EXPECT_EQ((*origins)[0].last, Offset(19));
}

TEST_F(SinkTest, one_block_stays_one_part_whatever_its_size) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = MergeTree "
           "ORDER BY v"});
  open();
  run("SYSTEM STOP MERGES " + in_database("t"));
  write(range(0, 1'199'999), rows(0, 1'199'999));  // over the engine's own block size
  EXPECT_EQ(run("SELECT count(), sum(rows) FROM system.parts WHERE active AND database = '" +
                database_ + "'"),
            "1\t1200000\n");
}

TEST_F(SinkTest, rows_of_one_key_in_one_block_land_uncollapsed) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = ReplacingMergeTree ORDER BY k"});
  open();
  run("SYSTEM STOP MERGES " + in_database("t"));
  write(range(0, 8), rows(0, 8));
  EXPECT_EQ(count_and_sum(), "9\t36\n");
}

TEST_F(SinkTest, a_table_that_was_created_again_is_not_written) {
  const std::string ddl =
      "CREATE TABLE " + in_database("t") + " (k UInt32, v UInt64) ENGINE = MergeTree ORDER BY k";
  declare({ddl});
  open("t", {.look_every = std::chrono::milliseconds(0)});
  EXPECT_EQ(sink_->is_empty().value(), true);
  write(range(0, 9), rows(0, 9));
  write(range(10, 19), rows(10, 19));
  EXPECT_EQ(sink_->is_empty().value(), false);
  EXPECT_EQ(sink_->parts().made, 1U) << "before the last write";
  EXPECT_EQ(sink_->parts().active, 1U);
  run("DROP TABLE " + in_database("t") + " SYNC");
  declare({ddl});
  for (int again = 0; again < 2; ++again) {
    const Rows more = rows(20, 29);
    const auto written =
        sink_->write(range(20, 29), sink_->encode(kOrigin, more.batch, more.offsets));
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), Errc::kRefused);
    EXPECT_THAT(written.error().message(), HasSubstr("was dropped and created again"));
  }
  EXPECT_EQ(sink_->is_empty().value(), true);
}

TEST_F(SinkTest, the_same_write_twice_lands_once) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = MergeTree "
           "PARTITION BY k ORDER BY v"});
  open();
  for (int i = 0; i < 3; ++i) write(range(0, 29), rows(0, 29));
  EXPECT_EQ(count_and_sum(), "30\t435\n");
}

// ---- replay: half-landed states on the real engine --------------------------------------------

struct Shape {
  const char* name;
  const char* partition_by;
  int views;
};

class Replay : public SinkTest, public ::testing::WithParamInterface<Shape> {
 protected:
  void SetUp() override {
    SinkTest::SetUp();
    if (engine_ == nullptr) return;
    std::vector<std::string> statements = {"CREATE TABLE " + in_database("t") +
                                           " (k UInt32, v UInt64) ENGINE = MergeTree " +
                                           GetParam().partition_by + " ORDER BY v"};
    if (GetParam().views > 0) {
      statements.push_back("CREATE TABLE " + in_database("sums") +
                           " (one UInt8, s UInt64) ENGINE = SummingMergeTree ORDER BY one");
      statements.push_back("CREATE TABLE " + in_database("byk") +
                           " (k UInt32, v UInt64) ENGINE = MergeTree PARTITION BY k ORDER BY v");
      statements.push_back(view_sums());
      statements.push_back(view_byk());
    }
    declare(statements);
    open();
    all_ = std::make_unique<Rows>(rows(100, 129));
    write(range(0, 99), rows(0, 99));  // something that was there before
  }
  std::string view_sums() const {
    return "CREATE MATERIALIZED VIEW " + in_database("v1") + " TO " + in_database("sums") +
           " AS SELECT 1 AS one, sum(v) AS s FROM " + in_database("t");
  }
  std::string view_byk() const {
    return "CREATE MATERIALIZED VIEW " + in_database("v2") + " TO " + in_database("byk") +
           " AS SELECT k, v FROM " + in_database("t");
  }
  void detach_views(const std::vector<std::string>& views) {
    for (const std::string& view : views) run("DETACH TABLE " + in_database(view));
  }
  void attach_views(const std::vector<std::string>& views) {
    for (const std::string& view : views) run("ATTACH TABLE " + in_database(view));
  }
  /// Rows 0..129, once each, in the table and in every view's target.
  void expect_exactly_once() {
    EXPECT_EQ(count_and_sum(), "130\t8385\n");
    const auto presence = sink_->probe(kOrigin, {.first = Offset(0), .last = Offset(200)});
    ASSERT_TRUE(presence) << presence.error().message();
    EXPECT_EQ(presence->count(), 130U);
    EXPECT_THAT(presence->doubled(), IsEmpty());
    if (GetParam().views > 0) {
      EXPECT_EQ(run("SELECT sum(s) FROM " + in_database("sums")), "8385\n");
      EXPECT_EQ(count_and_sum("byk"), "130\t8385\n");
    }
  }
  void replay_and_expect(size_t present, size_t inserted) {
    const ReplayOutcome outcome = replay(range(100, 129), *all_);
    EXPECT_EQ(outcome.rows, 30U);
    EXPECT_EQ(outcome.present, present);
    EXPECT_EQ(outcome.inserted, inserted);
    expect_exactly_once();
    replay(range(100, 129), *all_);  // and again, as after a crash in the middle of it
    expect_exactly_once();
  }
  [[nodiscard]] bool has_views() const { return GetParam().views > 0; }

  std::unique_ptr<Rows> all_;
};

TEST_P(Replay, of_a_range_that_never_landed) { replay_and_expect(0, 30); }

TEST_P(Replay, of_a_range_that_landed_whole) {
  write(range(100, 129), *all_);
  replay_and_expect(30, 0);
}

TEST_P(Replay, of_some_partitions_only) {
  if (std::string(GetParam().partition_by).empty()) GTEST_SKIP() << "one part lands whole";
  if (has_views()) detach_views({"v1", "v2"});
  // What a crash between two parts leaves: parts of one partition, under the range's own token.
  write(range(100, 129), only(*all_, {0}));
  if (has_views()) attach_views({"v1", "v2"});
  replay_and_expect(10, 20);
}

TEST_P(Replay, of_a_range_that_reached_the_table_but_no_view) {
  if (!has_views()) GTEST_SKIP() << "no views";
  detach_views({"v1", "v2"});
  write(range(100, 129), *all_);
  attach_views({"v1", "v2"});
  replay_and_expect(30, 0);
}

TEST_P(Replay, of_a_range_that_reached_the_table_and_one_view) {
  if (!has_views()) GTEST_SKIP() << "no views";
  detach_views({"v2"});
  write(range(100, 129), *all_);
  attach_views({"v2"});
  replay_and_expect(30, 0);
}

TEST_P(Replay, of_a_range_that_reached_the_views_but_not_the_table) {
  if (!has_views()) GTEST_SKIP() << "no views";
  write(range(100, 129), *all_);
  run("ALTER TABLE " + in_database("t") + " DROP PARTITION ALL");
  write(range(0, 99), rows(0, 99));  // back; recognised by the views
  replay_and_expect(0, 30);
}

TEST_P(Replay, of_a_view_that_landed_in_some_of_its_partitions) {
  if (!has_views()) GTEST_SKIP() << "no views";
  write(range(100, 129), *all_);
  // The rows of the range in partition 1 of the target vanish with their token.
  run("ALTER TABLE " + in_database("byk") + " DROP PARTITION 1");
  detach_views({"v1"});
  write(range(0, 99), rows(0, 99));
  attach_views({"v1"});
  replay_and_expect(30, 0);
}

TEST_P(Replay, after_the_token_left_the_window) {
  RangeWrite in_doubt = range(100, 129);
  in_doubt.intent_time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count();
  write(range(100, 129), *all_);
  for (const char* table : {"t", "sums", "byk"}) {
    if (!has_views() && std::string(table) != "t") continue;
    run("ALTER TABLE " + in_database(table) +
        " MODIFY SETTING non_replicated_deduplication_window = 1");
  }
  const Rows more = rows(1000, 1002);
  write(range(1000, 1002), more);
  open();  // as a new process would, which sees the small window
  const auto outcome = sink_->replay(in_doubt, all_->batch, all_->offsets);
  if (has_views()) {
    ASSERT_FALSE(outcome) << "nothing says whether the views have it";
    EXPECT_EQ(outcome.error().code(), Errc::kRefused);
    EXPECT_THAT(outcome.error().message(), HasSubstr("window"));
  } else {
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(outcome->present, 30U);
  }
  EXPECT_EQ(count_and_sum(), "133\t11388\n");  // 8385 + 1000 + 1001 + 1002
}

TEST_P(Replay, a_window_that_other_blocks_filled_before_the_intent_still_holds_the_token) {
  if (!has_views()) GTEST_SKIP() << "the probe decides, not the window";
  for (const char* table : {"t", "sums", "byk"}) {
    run("ALTER TABLE " + in_database(table) +
        " MODIFY SETTING non_replicated_deduplication_window = 4");
  }
  for (uint64_t first = 1000; first < 1030; first += 3) {
    write(range(first, first + 2), rows(first, first + 2));
  }
  open();
  // Put into the future instead of waiting: all those blocks are older than the intent.
  RangeWrite in_doubt = range(100, 129);
  in_doubt.intent_time_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(
          (std::chrono::system_clock::now() + std::chrono::seconds(3)).time_since_epoch())
          .count();
  const auto outcome = sink_->replay(in_doubt, all_->batch, all_->offsets);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(outcome->inserted, 30U);
}

TEST_P(Replay, of_rows_that_were_deleted_although_their_token_is_remembered) {
  if (has_views()) GTEST_SKIP() << "refused, see the next case";
  write(range(100, 129), *all_);
  run("ALTER TABLE " + in_database("t") + " DELETE WHERE v >= 110 SETTINGS mutations_sync = 2");
  replay_and_expect(10, 20);
}

INSTANTIATE_TEST_SUITE_P(, Replay,
                         ::testing::Values(Shape{"plain", "", 0},
                                           Shape{"partitioned", "PARTITION BY k", 0},
                                           Shape{"plain_views", "", 2},
                                           Shape{"partitioned_views", "PARTITION BY k", 2}),
                         [](const auto& info) { return info.param.name; });

TEST_F(SinkTest, the_guards_are_needed_the_same_block_under_another_token_doubles) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = MergeTree "
           "PARTITION BY k ORDER BY v"});
  open();
  const Rows all = rows(0, 29);
  write(range(0, 29), all);
  RangeWrite other = range(0, 29);
  other.token += ":other";
  write(other, all);
  const auto presence = sink_->probe(kOrigin, {.first = Offset(0), .last = Offset(29)});
  ASSERT_TRUE(presence);
  EXPECT_EQ(presence->doubled_count(), 30U);
}

// ---- ReplacingMergeTree: rows collapsed by the table's own key ---------------------------------

class Collapsed : public SinkTest {
 protected:
  void make(const std::string& engine, const std::string& rest = "ORDER BY k") {
    declare({"CREATE TABLE " + in_database("t") + " (k UInt32, v UInt64) ENGINE = " + engine + " " +
             rest});
    open();
  }
  void merge() { run("OPTIMIZE TABLE " + in_database("t") + " FINAL"); }
  std::vector<RowVerdict> account(const Rows& rows) {
    const auto verdicts = sink_->account(kOrigin, rows.batch, rows.offsets);
    EXPECT_TRUE(verdicts) << verdicts.error().message();
    return verdicts.value_or(std::vector<RowVerdict>{});
  }
};

TEST_F(Collapsed, rows_count_as_replaced_only_while_their_survivor_is_there) {
  make("ReplacingMergeTree");
  write(range(0, 8), rows(0, 8));  // three rows for each k
  merge();
  EXPECT_EQ(count_and_sum(), "3\t21\n");  // 6 + 7 + 8
  using enum RowVerdict;
  EXPECT_THAT(account(rows(0, 8)), ElementsAre(kReplaced, kReplaced, kReplaced, kReplaced,
                                               kReplaced, kReplaced, kPresent, kPresent, kPresent));
  run("ALTER TABLE " + in_database("t") + " DELETE WHERE k = 1 SETTINGS mutations_sync = 2");
  EXPECT_THAT(account(rows(0, 8)), ElementsAre(kReplaced, kMissing, kReplaced, kReplaced, kMissing,
                                               kReplaced, kPresent, kMissing, kPresent));
}

TEST_F(Collapsed, an_older_row_of_the_same_origin_replaces_nothing) {
  make("ReplacingMergeTree");
  write(range(0, 2), rows(0, 2));
  using enum RowVerdict;
  EXPECT_THAT(account(rows(3, 5)), ElementsAre(kMissing, kMissing, kMissing));
}

TEST_F(Collapsed, a_row_survives_only_within_its_own_partition_of_the_table) {
  make("ReplacingMergeTree", "PARTITION BY intDiv(v, 10) ORDER BY k");
  write(range(10, 12), rows(10, 12));
  using enum RowVerdict;
  EXPECT_THAT(account(rows(7, 9)), ElementsAre(kMissing, kMissing, kMissing));
}

TEST_F(Collapsed, a_version_decides_if_the_table_has_one) {
  make("ReplacingMergeTree(v)");
  // Higher offsets, lower versions: v counts down.
  Rows falling{.batch = ColumnBatch(sink_->schema()), .offsets = {}};
  for (int64_t i = 0; i < 3; ++i) {
    falling.batch.column(0).append_fixed(uint32_t{1});
    falling.batch.column(1).append_fixed(static_cast<uint64_t>(9 - i));
    falling.offsets.push_back(Offset(i));
  }
  write(range(0, 2), falling);
  merge();
  EXPECT_EQ(count_and_sum(), "1\t9\n");
  using enum RowVerdict;
  EXPECT_THAT(account(falling), ElementsAre(kPresent, kReplaced, kReplaced));
}

TEST_F(Collapsed, a_replay_never_writes_an_older_row_over_a_newer_one) {
  make("ReplacingMergeTree");
  write(range(0, 2), rows(0, 2));
  write(range(3, 5), rows(3, 5));
  merge();
  const ReplayOutcome outcome = replay(range(0, 2), rows(0, 2));
  EXPECT_EQ(outcome.replaced, 3U);
  EXPECT_EQ(outcome.inserted, 0U);
  merge();
  EXPECT_EQ(count_and_sum(), "3\t12\n");  // 3 + 4 + 5
}

TEST_F(Collapsed, a_half_landed_block_is_completed_after_a_merge) {
  make("ReplacingMergeTree", "PARTITION BY k ORDER BY k");
  const Rows all = rows(0, 8);
  write(range(0, 8), only(all, {0}));
  merge();
  const ReplayOutcome outcome = replay(range(0, 8), all);
  EXPECT_EQ(outcome.present, 1U);
  EXPECT_EQ(outcome.replaced, 2U);
  EXPECT_EQ(outcome.inserted, 6U);
  merge();
  EXPECT_EQ(count_and_sum(), "3\t21\n");
}

TEST_F(Collapsed, keys_may_be_expressions_over_computed_columns) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64, bucket UInt64 MATERIALIZED v % 2) ENGINE = ReplacingMergeTree "
           "PARTITION BY toYYYYMM(toDate(k)) ORDER BY (bucket, k + 1)"});
  open();
  write(range(0, 11), rows(0, 11));
  merge();
  EXPECT_EQ(count_and_sum(), "6\t51\n");  // offsets 6..11
  const auto verdicts = account(rows(0, 11));
  EXPECT_EQ(std::ranges::count(verdicts, RowVerdict::kReplaced), 6);
  EXPECT_EQ(std::ranges::count(verdicts, RowVerdict::kPresent), 6);
}

TEST_F(SinkTest, without_provenance_the_token_alone_carries_the_replay) {
  declare({"CREATE TABLE " + in_database("t") +
           " (k UInt32, v UInt64) ENGINE = MergeTree "
           "PARTITION BY k ORDER BY v"},
          {.provenance = false});
  open();
  const Rows all = rows(0, 29);
  write(range(0, 29), only(all, {1}));
  replay(range(0, 29), all);
  replay(range(0, 29), all);
  EXPECT_EQ(count_and_sum(), "30\t435\n");
  EXPECT_EQ(sink_->probe(kOrigin, {.first = Offset(0), .last = Offset(9)}).error().code(),
            Errc::kUnsupported);
}

TEST(RangeToken, is_derived_from_the_range_alone) {
  EXPECT_EQ(range_token("shop.rows", 2, TopicId{}, 5, {.first = Offset(10), .last = Offset(19)}),
            "v1:shop.rows:2:AAAAAAAAAAAAAAAAAAAAAA:5:10-19");
}

}  // namespace
}  // namespace freshet::sink
