#include "broker/exporter_metrics.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

namespace freshet::broker {

namespace {

struct PartitionFamily {
  std::string_view name;
  std::string_view help;
  int64_t (*value)(const PartitionLog&);
};

// On one node every partition has one replica, which leads and is in sync.
constexpr PartitionFamily kPartitionFamilies[] = {
    {"kafka_topic_partition_current_offset", "Current Offset of a Broker at Topic/Partition",
     [](const PartitionLog& log) { return log.high_watermark().value(); }},
    {"kafka_topic_partition_oldest_offset", "Oldest Offset of a Broker at Topic/Partition",
     [](const PartitionLog& log) { return log.log_start().value(); }},
    {"kafka_topic_partition_leader", "Leader Broker ID of this Topic/Partition",
     [](const PartitionLog&) -> int64_t { return kNodeId; }},
    {"kafka_topic_partition_replicas", "Number of Replicas for this Topic/Partition",
     [](const PartitionLog&) -> int64_t { return 1; }},
    {"kafka_topic_partition_in_sync_replica", "Number of In-Sync Replicas for this Topic/Partition",
     [](const PartitionLog&) -> int64_t { return 1; }},
    {"kafka_topic_partition_leader_is_preferred",
     "1 if Topic/Partition is using the Preferred Broker",
     [](const PartitionLog&) -> int64_t { return 1; }},
    {"kafka_topic_partition_under_replicated_partition", "1 if Topic/Partition is under Replicated",
     [](const PartitionLog&) -> int64_t { return 0; }},
    {"freshet_broker_partition_bytes", "Bytes of a partition's segments; a rise is data kept.",
     [](const PartitionLog& log) { return static_cast<int64_t>(log.size_bytes()); }},
};

void write_topics(const std::vector<TopicPtr>& topics, MetricText& text) {
  text.family("kafka_topic_partitions", "Number of partitions for this Topic", MetricKind::kGauge);
  for (const TopicPtr& topic : topics) {
    text.sample({{"topic", topic->name}}, static_cast<int64_t>(topic->partitions.size()));
  }
  for (const PartitionFamily& family : kPartitionFamilies) {
    text.family(family.name, family.help, MetricKind::kGauge);
    for (const TopicPtr& topic : topics) {
      for (size_t i = 0; i < topic->partitions.size(); ++i) {
        text.sample({{"partition", std::to_string(i)}, {"topic", topic->name}},
                    family.value(*topic->partitions[i]));
      }
    }
  }
}

/// What one group has read of one topic.
struct TopicLag {
  std::string group;
  std::string topic;
  struct Partition {
    int64_t offset = -1;
    int64_t lag = -1;
  };
  std::vector<Partition> partitions;
  int64_t offset_sum = 0;
  int64_t lag_sum = 0;
};

std::vector<TopicLag> lags_of(const Services& services, const std::string& group) {
  std::map<std::string, std::map<int32_t, int64_t>> committed;
  for (const FetchedOffset& offset : services.groups.durable_offsets(group)) {
    committed[offset.tp.topic][offset.tp.partition] = offset.committed.offset.value();
  }
  std::vector<TopicLag> lags;
  for (const auto& [name, offsets] : committed) {
    const TopicPtr topic = services.topics.find(name);
    if (!topic) continue;
    TopicLag& lag = lags.emplace_back();
    lag.group = group;
    lag.topic = name;
    for (size_t i = 0; i < topic->partitions.size(); ++i) {
      TopicLag::Partition partition;
      if (const auto it = offsets.find(static_cast<int32_t>(i)); it != offsets.end()) {
        partition.offset = it->second;
        partition.lag = topic->partitions[i]->high_watermark().value() - it->second;
        lag.lag_sum += partition.lag;
      }
      lag.offset_sum += partition.offset;
      lag.partitions.push_back(partition);
    }
  }
  return lags;
}

void write_group_partitions(const std::vector<TopicLag>& lags, std::string_view name,
                            std::string_view help, int64_t TopicLag::Partition::* value,
                            MetricText& text) {
  text.family(name, help, MetricKind::kGauge);
  for (const TopicLag& lag : lags) {
    for (size_t i = 0; i < lag.partitions.size(); ++i) {
      text.sample(
          {{"consumergroup", lag.group}, {"partition", std::to_string(i)}, {"topic", lag.topic}},
          lag.partitions[i].*value);
    }
  }
}

void write_group_topics(const std::vector<TopicLag>& lags, std::string_view name,
                        std::string_view help, int64_t TopicLag::* value, MetricText& text) {
  text.family(name, help, MetricKind::kGauge);
  for (const TopicLag& lag : lags) {
    text.sample({{"consumergroup", lag.group}, {"topic", lag.topic}}, lag.*value);
  }
}

void write_groups(const Services& services, MetricText& text) {
  const std::vector<GroupSnapshot> groups = services.groups.list();
  text.family("kafka_consumergroup_members", "Amount of members in a consumer group",
              MetricKind::kGauge);
  std::vector<TopicLag> lags;
  for (const GroupSnapshot& group : groups) {
    text.sample({{"consumergroup", group.group}}, static_cast<int64_t>(group.members.size()));
    for (TopicLag& lag : lags_of(services, group.group)) lags.push_back(std::move(lag));
  }
  write_group_partitions(lags, "kafka_consumergroup_current_offset",
                         "Current Offset of a ConsumerGroup at Topic/Partition",
                         &TopicLag::Partition::offset, text);
  write_group_partitions(lags, "kafka_consumergroup_lag",
                         "Current Approximate Lag of a ConsumerGroup at Topic/Partition",
                         &TopicLag::Partition::lag, text);
  write_group_topics(lags, "kafka_consumergroup_current_offset_sum",
                     "Current Offset of a ConsumerGroup at Topic for all partitions",
                     &TopicLag::offset_sum, text);
  write_group_topics(lags, "kafka_consumergroup_lag_sum",
                     "Current Approximate Lag of a ConsumerGroup at Topic for all partitions",
                     &TopicLag::lag_sum, text);
}

}  // namespace

void write_exporter_metrics(const Services& services, MetricText& text) {
  text.family("kafka_brokers", "Number of Brokers in the Kafka Cluster.", MetricKind::kGauge);
  text.sample({}, 1);
  text.family("kafka_broker_info", "Information about the Kafka Broker.", MetricKind::kGauge);
  const std::string address =
      fmt::format("{}:{}", services.advertised_host, services.advertised_port.load());
  text.sample({{"address", address}, {"id", std::to_string(kNodeId)}}, 1);
  write_topics(services.topics.list(), text);
  write_groups(services, text);
}

}  // namespace freshet::broker
