// Metadata (key 3): brokers, topics, partitions and who leads them.
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

namespace freshet::kafka {

/// All topics: `topics` null from version 1 on, empty in version 0.
struct MetadataRequest {
  static constexpr ApiKey kApi = ApiKey::kMetadata;
  static constexpr std::string_view kName = "MetadataRequest";

  struct Topic {
    TopicId topic_id;
    std::optional<std::string> name;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic_id>("topic_id", wire::since(10)),
          wire::field<&Topic::name>("name").nullable(wire::since(10)),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::vector<Topic>> topics;
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&MetadataRequest::topics>("topics").nullable(wire::since(1)),
        wire::field<&MetadataRequest::allow_auto_topic_creation>("allow_auto_topic_creation",
                                                                 wire::since(4)),
        wire::field<&MetadataRequest::include_cluster_authorized_operations>(
            "include_cluster_authorized_operations", wire::between(8, 10)),
        wire::field<&MetadataRequest::include_topic_authorized_operations>(
            "include_topic_authorized_operations", wire::since(8)),
    };
  }
  bool operator==(const MetadataRequest&) const = default;
};

struct MetadataResponse {
  static constexpr ApiKey kApi = ApiKey::kMetadata;
  static constexpr std::string_view kName = "MetadataResponse";

  struct Broker {
    int32_t node_id = 0;
    std::string host;
    int32_t port = 0;
    std::optional<std::string> rack;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Broker::node_id>("node_id"),
          wire::field<&Broker::host>("host"),
          wire::field<&Broker::port>("port"),
          wire::field<&Broker::rack>("rack", wire::since(1)).nullable(),
      };
    }
    bool operator==(const Broker&) const = default;
  };

  struct Partition {
    ErrorCode error_code = ErrorCode::kNone;
    int32_t partition_index = 0;
    int32_t leader_id = 0;
    int32_t leader_epoch = -1;
    std::vector<int32_t> replica_nodes;
    std::vector<int32_t> isr_nodes;
    std::vector<int32_t> offline_replicas;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::leader_id>("leader_id"),
          wire::field<&Partition::leader_epoch>("leader_epoch", wire::since(7)),
          wire::field<&Partition::replica_nodes>("replica_nodes"),
          wire::field<&Partition::isr_nodes>("isr_nodes"),
          wire::field<&Partition::offline_replicas>("offline_replicas", wire::since(5)),
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
          wire::field<&Topic::name>("name").nullable(wire::since(12)),
          wire::field<&Topic::topic_id>("topic_id", wire::since(10)),
          wire::field<&Topic::is_internal>("is_internal", wire::since(1)),
          wire::field<&Topic::partitions>("partitions"),
          wire::field<&Topic::topic_authorized_operations>("topic_authorized_operations",
                                                           wire::since(8)),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Broker> brokers;
  std::optional<std::string> cluster_id;
  int32_t controller_id = -1;
  std::vector<Topic> topics;
  int32_t cluster_authorized_operations = std::numeric_limits<int32_t>::min();

  static constexpr auto schema() {
    return std::array{
        wire::field<&MetadataResponse::throttle_time_ms>("throttle_time_ms", wire::since(3)),
        wire::field<&MetadataResponse::brokers>("brokers"),
        wire::field<&MetadataResponse::cluster_id>("cluster_id", wire::since(2)).nullable(),
        wire::field<&MetadataResponse::controller_id>("controller_id", wire::since(1)),
        wire::field<&MetadataResponse::topics>("topics"),
        wire::field<&MetadataResponse::cluster_authorized_operations>(
            "cluster_authorized_operations", wire::between(8, 10)),
    };
  }
  bool operator==(const MetadataResponse&) const = default;
};

}  // namespace freshet::kafka
