// DescribeTopicPartitions (key 75): topics page by page.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"
#include "model/topic_id.h"

namespace freshet::kafka {

/// Where a page begins: in this topic, at this partition.
struct TopicPartitionsCursor {
  std::string topic_name;
  int32_t partition_index = 0;

  static constexpr auto schema() {
    return std::array{
        wire::field<&TopicPartitionsCursor::topic_name>("topic_name"),
        wire::field<&TopicPartitionsCursor::partition_index>("partition_index"),
    };
  }
  bool operator==(const TopicPartitionsCursor&) const = default;
};

/// Empty `topics` asks for all. A page begins at `cursor` and has at most
/// `response_partition_limit` partitions.
struct DescribeTopicPartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeTopicPartitions;
  static constexpr std::string_view kName = "DescribeTopicPartitionsRequest";

  struct Topic {
    std::string name;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  int32_t response_partition_limit = 2000;
  std::optional<TopicPartitionsCursor> cursor;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeTopicPartitionsRequest::topics>("topics"),
        wire::field<&DescribeTopicPartitionsRequest::response_partition_limit>(
            "response_partition_limit"),
        wire::field<&DescribeTopicPartitionsRequest::cursor>("cursor").nullable(),
    };
  }
  bool operator==(const DescribeTopicPartitionsRequest&) const = default;
};

/// `next_cursor` is where the next page begins, null after the last. Eligible leader replicas are
/// null where the broker does not keep them.
struct DescribeTopicPartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeTopicPartitions;
  static constexpr std::string_view kName = "DescribeTopicPartitionsResponse";

  struct Partition {
    ErrorCode error_code = ErrorCode::kNone;
    int32_t partition_index = 0;
    int32_t leader_id = 0;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes;
    std::vector<int32_t> isr_nodes;
    std::optional<std::vector<int32_t>> eligible_leader_replicas;
    std::optional<std::vector<int32_t>> last_known_elr;
    std::vector<int32_t> offline_replicas;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::leader_id>("leader_id"),
          wire::field<&Partition::leader_epoch>("leader_epoch"),
          wire::field<&Partition::replica_nodes>("replica_nodes"),
          wire::field<&Partition::isr_nodes>("isr_nodes"),
          wire::field<&Partition::eligible_leader_replicas>("eligible_leader_replicas").nullable(),
          wire::field<&Partition::last_known_elr>("last_known_elr").nullable(),
          wire::field<&Partition::offline_replicas>("offline_replicas"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> name;
    TopicId topic_id;
    bool is_internal = false;
    std::vector<Partition> partitions;
    int32_t topic_authorized_operations = std::numeric_limits<int32_t>::min();

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::error_code>("error_code"),
          wire::field<&Topic::name>("name").nullable(),
          wire::field<&Topic::topic_id>("topic_id"),
          wire::field<&Topic::is_internal>("is_internal"),
          wire::field<&Topic::partitions>("partitions"),
          wire::field<&Topic::topic_authorized_operations>("topic_authorized_operations"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  std::optional<TopicPartitionsCursor> next_cursor;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeTopicPartitionsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeTopicPartitionsResponse::topics>("topics"),
        wire::field<&DescribeTopicPartitionsResponse::next_cursor>("next_cursor").nullable(),
    };
  }
  bool operator==(const DescribeTopicPartitionsResponse&) const = default;
};

}  // namespace freshet::kafka
