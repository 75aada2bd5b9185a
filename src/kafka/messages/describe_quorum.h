// DescribeQuorum (key 55): who keeps the metadata of the cluster.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"
#include "model/topic_id.h"

namespace freshet::kafka {

/// Kafka has one such partition: __cluster_metadata, number 0.
struct DescribeQuorumRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeQuorum;
  static constexpr std::string_view kName = "DescribeQuorumRequest";

  struct Partition {
    int32_t partition_index = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic_name>("topic_name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeQuorumRequest::topics>("topics"),
    };
  }
  bool operator==(const DescribeQuorumRequest&) const = default;
};

/// `nodes` are the controllers and where they listen. Times are in ms since 1970, -1 where unknown.
struct DescribeQuorumResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeQuorum;
  static constexpr std::string_view kName = "DescribeQuorumResponse";

  struct ReplicaState {
    int32_t replica_id = 0;
    TopicId replica_directory_id;
    int64_t log_end_offset = 0;
    int64_t last_fetch_timestamp = -1;
    int64_t last_caught_up_timestamp = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&ReplicaState::replica_id>("replica_id"),
          wire::field<&ReplicaState::replica_directory_id>("replica_directory_id", wire::since(2)),
          wire::field<&ReplicaState::log_end_offset>("log_end_offset"),
          wire::field<&ReplicaState::last_fetch_timestamp>("last_fetch_timestamp", wire::since(1)),
          wire::field<&ReplicaState::last_caught_up_timestamp>("last_caught_up_timestamp",
                                                               wire::since(1)),
      };
    }
    bool operator==(const ReplicaState&) const = default;
  };

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    int32_t leader_id = 0;
    int32_t leader_epoch = 0;
    int64_t high_watermark = 0;
    std::vector<ReplicaState> current_voters;
    std::vector<ReplicaState> observers;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::error_message>("error_message", wire::since(2)).nullable(),
          wire::field<&Partition::leader_id>("leader_id"),
          wire::field<&Partition::leader_epoch>("leader_epoch"),
          wire::field<&Partition::high_watermark>("high_watermark"),
          wire::field<&Partition::current_voters>("current_voters"),
          wire::field<&Partition::observers>("observers"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic_name;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic_name>("topic_name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  struct Listener {
    std::string name;
    std::string host;
    uint16_t port = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Listener::name>("name"),
          wire::field<&Listener::host>("host"),
          wire::field<&Listener::port>("port"),
      };
    }
    bool operator==(const Listener&) const = default;
  };

  struct Node {
    int32_t node_id = 0;
    std::vector<Listener> listeners;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Node::node_id>("node_id"),
          wire::field<&Node::listeners>("listeners"),
      };
    }
    bool operator==(const Node&) const = default;
  };

  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  std::vector<Topic> topics;
  std::vector<Node> nodes;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeQuorumResponse::error_code>("error_code"),
        wire::field<&DescribeQuorumResponse::error_message>("error_message", wire::since(2))
            .nullable(),
        wire::field<&DescribeQuorumResponse::topics>("topics"),
        wire::field<&DescribeQuorumResponse::nodes>("nodes", wire::since(2)),
    };
  }
  bool operator==(const DescribeQuorumResponse&) const = default;
};

}  // namespace freshet::kafka
