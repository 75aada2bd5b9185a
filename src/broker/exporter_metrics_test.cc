#include "broker/exporter_metrics.h"

#include <gmock/gmock.h>

#include "broker/node_harness.h"
#include "kafka/messages/offset_commit.h"

namespace freshet::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

class ExporterMetrics : public NodeHarness {
 protected:
  void commit(const std::string& group, const std::string& topic, int32_t partition,
              int64_t offset) {
    kafka::OffsetCommitRequest request;
    request.group_id = group;
    request.topics.emplace_back().name = topic;
    auto& committed = request.topics.back().partitions.emplace_back();
    committed.partition_index = partition;
    committed.committed_offset = offset;
    const auto response = ask<kafka::OffsetCommitResponse>(request, 7);
    EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, kafka::ErrorCode::kNone);
  }
  std::string written() {
    MetricText text;
    write_exporter_metrics(node_->services(), text);
    return text.take();
  }
};

TEST_F(ExporterMetrics, lag_is_what_the_log_has_and_the_group_has_not_committed) {
  create("events", 2);
  produce("events", batch({{1, "a"}, {2, "b"}, {3, "c"}}));
  commit("g", "events", 0, 1);
  const std::string text = written();
  for (const char* line :
       {"# HELP kafka_consumergroup_lag Current Approximate Lag of a ConsumerGroup at "
        "Topic/Partition\n# TYPE kafka_consumergroup_lag gauge\n",
        "kafka_brokers 1\n", "kafka_topic_partitions{topic=\"events\"} 2\n",
        "kafka_topic_partition_current_offset{partition=\"0\",topic=\"events\"} 3\n",
        "kafka_topic_partition_oldest_offset{partition=\"0\",topic=\"events\"} 0\n",
        "kafka_topic_partition_current_offset{partition=\"1\",topic=\"events\"} 0\n",
        "kafka_consumergroup_members{consumergroup=\"g\"} 0\n",
        "kafka_consumergroup_current_offset{consumergroup=\"g\",partition=\"0\",topic=\"events\"} "
        "1\n",
        "kafka_consumergroup_lag{consumergroup=\"g\",partition=\"0\",topic=\"events\"} 2\n",
        "kafka_consumergroup_current_offset{consumergroup=\"g\",partition=\"1\",topic=\"events\"} "
        "-1\n",
        "kafka_consumergroup_lag{consumergroup=\"g\",partition=\"1\",topic=\"events\"} -1\n",
        "kafka_consumergroup_lag_sum{consumergroup=\"g\",topic=\"events\"} 2\n",
        "kafka_consumergroup_current_offset_sum{consumergroup=\"g\",topic=\"events\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("freshet_broker_partition_bytes{partition=\"0\",topic=\"events\"}"
                                  " 0\n")));
}

TEST_F(ExporterMetrics, a_topic_that_the_group_never_read_has_no_lag) {
  create("events");
  create("other");
  commit("g", "events", 0, 0);
  EXPECT_THAT(written(), Not(HasSubstr("consumergroup=\"g\",partition=\"0\",topic=\"other\"")));
}

}  // namespace
}  // namespace freshet::broker
