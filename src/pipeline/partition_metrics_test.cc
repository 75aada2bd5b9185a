#include "pipeline/partition_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::pipeline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PartitionStatus partition(int32_t number) {
  PartitionStatus status;
  status.tp = {"events", number};
  status.records = 10;
  status.rows = 9;
  status.rejected = {{RejectReason::kWrongType, 1}};
  status.lag_records = 3;
  status.lag_seconds_min = 1.5;
  status.confirmed = Offset(17);
  return status;
}

TEST(PartitionMetrics, are_one_family_for_all_pipelines) {
  const std::vector<PipelinePartitions> pipelines = {
      {.platform = "p", .pipeline = "a", .partitions = {partition(0), partition(1)}},
      {.platform = "p", .pipeline = "b", .partitions = {partition(0)}}};
  MetricText out;
  write_partition_metrics(out, pipelines);
  const std::string text = out.take();
  const std::string of = R"({platform="p",pipeline="a",topic="events",partition="1"})";
  EXPECT_THAT(text, HasSubstr("\nfreshet_pipeline_partition_rows_total" + of + " 9\n"));
  EXPECT_THAT(text, HasSubstr(R"(_rejected_total{platform="p",pipeline="a",topic="events",)"
                              R"(partition="1",reason="wrong_type"} 1)"
                              "\n"));
  EXPECT_THAT(text, HasSubstr("\nfreshet_pipeline_partition_lag_seconds" + of + " 1.5\n"));
  EXPECT_THAT(text, HasSubstr("\nfreshet_pipeline_partition_confirmed_offset" + of + " 17\n"));
  EXPECT_THAT(text, HasSubstr("\nfreshet_pipeline_partitions{platform=\"p\",pipeline=\"b\"} 1\n"));
  const std::string type = "# TYPE freshet_pipeline_partition_rows_total counter\n";
  EXPECT_EQ(text.find(type), text.rfind(type));
}

TEST(PartitionMetrics, are_bounded) {
  PipelinePartitions many{.platform = "p", .pipeline = "a", .partitions = {}};
  for (int32_t i = 0; i < 1500; ++i) many.partitions.push_back(partition(i));
  MetricText out;
  write_partition_metrics(out, {&many, 1});
  const std::string text = out.take();
  EXPECT_THAT(text, HasSubstr("partition=\"999\"}"));
  EXPECT_THAT(text, Not(HasSubstr("partition=\"1000\"}")));
  EXPECT_THAT(text, HasSubstr("freshet_pipeline_partitions{platform=\"p\",pipeline=\"a\"} 1500\n"));
}

}  // namespace
}  // namespace freshet::pipeline
