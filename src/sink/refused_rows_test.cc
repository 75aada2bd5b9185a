// What a refused insert leaves behind on the real engine: nothing, wherever the refusal comes from.
// The division of a refused range (pipeline/partition_worker.h) rests on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink/clickhouse_sink.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/ddl.h"
#include "warehouse/testing/engine_fixture.h"

namespace freshet::sink {
namespace {

const TopicPartition kOrigin{.topic = "events", .partition = 3};

struct Refusal {
  const char* name;
  const char* partition_by;
  const char* constraint;  // of the table
  const char* first;       // expressions of the views, in this order
  const char* second;
  const char* target_constraint;  // of the second view's target
};

class RefusedRows : public warehouse::testing::EngineTest,
                    public ::testing::WithParamInterface<Refusal> {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (engine_ == nullptr) return;
    const auto& shape = GetParam();
    const std::string columns = "(k UInt32, v UInt64";
    const std::vector<std::string> statements = {
        "CREATE TABLE " + in_database("t") + " " + columns + shape.constraint +
            ") ENGINE = MergeTree " + shape.partition_by + " ORDER BY v",
        "CREATE TABLE " + in_database("one") + " (k UInt32, v UInt64) ENGINE = MergeTree " +
            shape.partition_by + " ORDER BY v",
        "CREATE TABLE " + in_database("two") + " (k UInt32, v UInt64" + shape.target_constraint +
            ") ENGINE = MergeTree " + shape.partition_by + " ORDER BY v",
        "CREATE MATERIALIZED VIEW " + in_database("v1") + " TO " + in_database("one") +
            " AS SELECT k, " + shape.first + " AS v FROM " + in_database("t"),
        "CREATE MATERIALIZED VIEW " + in_database("v2") + " TO " + in_database("two") +
            " AS SELECT k, " + shape.second + " AS v FROM " + in_database("t")};
    const auto outcome = warehouse::apply_tables(*engine_, statements, {});
    ASSERT_TRUE(outcome) << outcome.error().message();
    auto sink = ClickHouseSink::open(*engine_, in_database("t"));
    ASSERT_TRUE(sink) << sink.error().message();
    sink_ = std::move(*sink);
  }
  /// Rows with v = offset, of three partitions of the table.
  Result<void> write(int64_t first, int64_t last) {
    ColumnBatch batch(sink_->schema());
    std::vector<Offset> offsets;
    for (int64_t offset = first; offset <= last; ++offset) {
      batch.column(0).append_fixed(static_cast<uint32_t>(offset % 3));
      batch.column(1).append_fixed(static_cast<uint64_t>(offset));
      offsets.push_back(Offset(offset));
    }
    const OffsetRange range{.first = Offset(first), .last = Offset(last)};
    return sink_->write({.tp = kOrigin,
                         .topic_id = {},
                         .range = range,
                         .token = range_token("p", 1, {}, kOrigin.partition, range)},
                        sink_->encode(kOrigin, batch, offsets));
  }
  std::string counts() {
    return run("SELECT (SELECT count() FROM " + in_database("t") + "), (SELECT count() FROM " +
               in_database("one") + "), (SELECT count() FROM " + in_database("two") + ")");
  }
  std::unique_ptr<ClickHouseSink> sink_;
};

TEST_P(RefusedRows, leave_nothing_behind_and_the_others_land_in_parts) {
  const auto refused = write(0, 29);
  ASSERT_FALSE(refused);
  const auto code = warehouse::clickhouse_code(refused.error());
  ASSERT_TRUE(code.has_value()) << refused.error().message();
  EXPECT_TRUE(warehouse::is_row_error(*code)) << refused.error().message();
  EXPECT_EQ(counts(), "0\t0\t0\n") << refused.error().message();
  EXPECT_TRUE(write(0, 6));
  EXPECT_FALSE(write(7, 7));
  EXPECT_TRUE(write(8, 29));
  EXPECT_EQ(counts(), "29\t29\t29\n");
  EXPECT_FALSE(write(0, 29)) << "and the whole is refused again";
  EXPECT_EQ(counts(), "29\t29\t29\n");
}

constexpr const char* kThrows = "v + throwIf(v = 7)";
constexpr const char* kDivides = "intDiv(v, v - 7) * 0 + v";
constexpr const char* kParses = "toUInt64(if(v = 7, 'x', toString(v)))";

INSTANTIATE_TEST_SUITE_P(
    , RefusedRows,
    ::testing::Values(
        Refusal{"by_the_table", "", ", CONSTRAINT c CHECK v != 7", "v", "v", ""},
        Refusal{"by_the_partitioned_table", "PARTITION BY k", ", CONSTRAINT c CHECK v != 7", "v",
                "v", ""},
        Refusal{"by_the_first_view", "", "", kThrows, "v", ""},
        Refusal{"by_the_second_view", "", "", "v", kThrows, ""},
        Refusal{"by_the_first_view_partitioned", "PARTITION BY k", "", kDivides, "v", ""},
        Refusal{"by_the_second_view_partitioned", "PARTITION BY k", "", "v", kParses, ""},
        Refusal{"by_a_target", "", "", "v", "v", ", CONSTRAINT c CHECK v != 7"},
        Refusal{"by_a_target_partitioned", "PARTITION BY k", "", "v", "v",
                ", CONSTRAINT c CHECK v != 7"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace freshet::sink
