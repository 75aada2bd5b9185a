#include "pipeline/range_preparer.h"

#include <gtest/gtest.h>

#include "decode/json_plan.h"
#include "pipeline/column_plan.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_consumer.h"
#include "pipeline/testing/memory_sink.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline {
namespace {

const TopicPartition kTp{.topic = "events", .partition = 0};

/// `objects` empty objects: three bytes each, and many more in columns.
std::string record_of(int id, int objects) {
  std::string record = fmt::format(R"({{"id":{},"v":[)", id);
  for (int i = 0; i < objects; ++i) record += i == 0 ? "{}" : ",{}";
  return record + "]}";
}

TEST(RangePreparer, a_range_ends_early_when_its_rows_outgrow_its_records) {
  constexpr size_t kBytes = size_t{4} << 20;
  testing::MemoryWorld world;
  testing::Incarnation self;
  world.create_topic(kTp.topic, 1);
  int id = 0;
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<std::string> values;  // a little over a MiB
    for (int i = 0; i < 18; ++i) values.push_back(record_of(id++, 20'000));
    world.append(kTp, values);
  }
  testing::MemoryConsumer consumer(world, self, kTp.topic);
  const testing::MemorySink sink(world, self);
  auto plan = plan_columns(sink.columns(), {}, "table memory").value();
  plan.columns.push_back(
      {.field = {"v", parse_clickhouse_type("Array(Tuple(a Int256, b Int256, c Int256, d Int256))")
                          .value()},
       .path = {"v"}});
  const auto preparer =
      RangePreparer::create({.limits = {.rows = 1000, .bytes = kBytes, .after = Millis(100)},
                             .plan = std::move(plan),
                             .stop_on_reject = false},
                            consumer, sink)
          .value();
  Offset next(0);
  std::vector<int64_t> records;
  while (true) {
    const auto range = preparer->cut(kTp, next, {}).value();
    if (!range) break;
    EXPECT_EQ(range->range.first, next);
    EXPECT_TRUE(range->letters.empty());
    records.push_back(range->records);
    next = range->range.last + 1;
  }
  // 18 records make 46 MB of rows, more than four times what a range of records may have.
  EXPECT_EQ(records, (std::vector<int64_t>{18, 18, 18}));
}

}  // namespace
}  // namespace freshet::pipeline
