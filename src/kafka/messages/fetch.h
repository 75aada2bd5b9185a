// Fetch (key 1): record batches from an offset on, with long polling. Topics go by name up to
// version 12 and by id from 13 on.
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

/// Fetch sessions (KIP-227) may be declined: answer session_id 0 and every fetch is a full one.
struct FetchRequest {
  static constexpr ApiKey kApi = ApiKey::kFetch;
  static constexpr std::string_view kName = "FetchRequest";

  struct ReplicaState {
    int32_t replica_id = -1;
    int64_t replica_epoch = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&ReplicaState::replica_id>("replica_id"),
          wire::field<&ReplicaState::replica_epoch>("replica_epoch"),
      };
    }
    bool operator==(const ReplicaState&) const = default;
  };

  struct Partition {
    int32_t partition = 0;
    int32_t current_leader_epoch = -1;
    int64_t fetch_offset = 0;
    int32_t last_fetched_epoch = -1;
    int64_t log_start_offset = -1;
    int32_t partition_max_bytes = 0;
    TopicId replica_directory_id;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition>("partition"),
          wire::field<&Partition::current_leader_epoch>("current_leader_epoch", wire::since(9)),
          wire::field<&Partition::fetch_offset>("fetch_offset"),
          wire::field<&Partition::last_fetched_epoch>("last_fetched_epoch", wire::since(12)),
          wire::field<&Partition::log_start_offset>("log_start_offset", wire::since(5)),
          wire::field<&Partition::partition_max_bytes>("partition_max_bytes"),
          wire::field<&Partition::replica_directory_id>("replica_directory_id", wire::since(17))
              .tagged(0),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic", wire::between(0, 12)),
          wire::field<&Topic::topic_id>("topic_id", wire::since(13)),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  struct ForgottenTopic {
    std::string topic;
    TopicId topic_id;
    std::vector<int32_t> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&ForgottenTopic::topic>("topic", wire::between(7, 12)),
          wire::field<&ForgottenTopic::topic_id>("topic_id", wire::since(13)),
          wire::field<&ForgottenTopic::partitions>("partitions"),
      };
    }
    bool operator==(const ForgottenTopic&) const = default;
  };

  std::optional<std::string> cluster_id;
  int32_t replica_id = -1;
  ReplicaState replica_state;
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 0;
  int32_t max_bytes = std::numeric_limits<int32_t>::max();
  int8_t isolation_level = 0;
  int32_t session_id = 0;
  int32_t session_epoch = -1;
  std::vector<Topic> topics;
  std::vector<ForgottenTopic> forgotten_topics_data;
  std::string rack_id;

  static constexpr auto schema() {
    return std::array{
        wire::field<&FetchRequest::cluster_id>("cluster_id", wire::since(12)).nullable().tagged(0),
        wire::field<&FetchRequest::replica_id>("replica_id", wire::between(0, 14)),
        wire::field<&FetchRequest::replica_state>("replica_state", wire::since(15)).tagged(1),
        wire::field<&FetchRequest::max_wait_ms>("max_wait_ms"),
        wire::field<&FetchRequest::min_bytes>("min_bytes"),
        wire::field<&FetchRequest::max_bytes>("max_bytes"),
        wire::field<&FetchRequest::isolation_level>("isolation_level"),
        wire::field<&FetchRequest::session_id>("session_id", wire::since(7)),
        wire::field<&FetchRequest::session_epoch>("session_epoch", wire::since(7)),
        wire::field<&FetchRequest::topics>("topics"),
        wire::field<&FetchRequest::forgotten_topics_data>("forgotten_topics_data", wire::since(7)),
        wire::field<&FetchRequest::rack_id>("rack_id", wire::since(11)),
    };
  }
  bool operator==(const FetchRequest&) const = default;
};

/// `preferred_read_replica` must stay -1: any other value sends the consumer to that broker.
struct FetchResponse {
  static constexpr ApiKey kApi = ApiKey::kFetch;
  static constexpr std::string_view kName = "FetchResponse";

  struct EpochEndOffset {
    int32_t epoch = -1;
    int64_t end_offset = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&EpochEndOffset::epoch>("epoch"),
          wire::field<&EpochEndOffset::end_offset>("end_offset"),
      };
    }
    bool operator==(const EpochEndOffset&) const = default;
  };

  struct LeaderIdAndEpoch {
    int32_t leader_id = -1;
    int32_t leader_epoch = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&LeaderIdAndEpoch::leader_id>("leader_id"),
          wire::field<&LeaderIdAndEpoch::leader_epoch>("leader_epoch"),
      };
    }
    bool operator==(const LeaderIdAndEpoch&) const = default;
  };

  struct SnapshotId {
    int64_t end_offset = -1;
    int32_t epoch = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&SnapshotId::end_offset>("end_offset"),
          wire::field<&SnapshotId::epoch>("epoch"),
      };
    }
    bool operator==(const SnapshotId&) const = default;
  };

  struct AbortedTransaction {
    int64_t producer_id = 0;
    int64_t first_offset = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&AbortedTransaction::producer_id>("producer_id"),
          wire::field<&AbortedTransaction::first_offset>("first_offset"),
      };
    }
    bool operator==(const AbortedTransaction&) const = default;
  };

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    int64_t high_watermark = 0;
    int64_t last_stable_offset = -1;
    int64_t log_start_offset = -1;
    EpochEndOffset diverging_epoch;
    LeaderIdAndEpoch current_leader;
    SnapshotId snapshot_id;
    std::optional<std::vector<AbortedTransaction>> aborted_transactions;
    int32_t preferred_read_replica = -1;
    std::vector<LogSlice> records;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::high_watermark>("high_watermark"),
          wire::field<&Partition::last_stable_offset>("last_stable_offset"),
          wire::field<&Partition::log_start_offset>("log_start_offset", wire::since(5)),
          wire::field<&Partition::diverging_epoch>("diverging_epoch", wire::since(12)).tagged(0),
          wire::field<&Partition::current_leader>("current_leader", wire::since(12)).tagged(1),
          wire::field<&Partition::snapshot_id>("snapshot_id", wire::since(12)).tagged(2),
          wire::field<&Partition::aborted_transactions>("aborted_transactions").nullable(),
          wire::field<&Partition::preferred_read_replica>("preferred_read_replica",
                                                          wire::since(11)),
          wire::field<&Partition::records>("records").nullable(),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    TopicId topic_id;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic", wire::between(0, 12)),
          wire::field<&Topic::topic_id>("topic_id", wire::since(13)),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  struct NodeEndpoint {
    int32_t node_id = 0;
    std::string host;
    int32_t port = 0;
    std::optional<std::string> rack;

    static constexpr auto schema() {
      return std::array{
          wire::field<&NodeEndpoint::node_id>("node_id"),
          wire::field<&NodeEndpoint::host>("host"),
          wire::field<&NodeEndpoint::port>("port"),
          wire::field<&NodeEndpoint::rack>("rack").nullable(),
      };
    }
    bool operator==(const NodeEndpoint&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  int32_t session_id = 0;
  std::vector<Topic> responses;
  std::vector<NodeEndpoint> node_endpoints;

  static constexpr auto schema() {
    return std::array{
        wire::field<&FetchResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&FetchResponse::error_code>("error_code", wire::since(7)),
        wire::field<&FetchResponse::session_id>("session_id", wire::since(7)),
        wire::field<&FetchResponse::responses>("responses"),
        wire::field<&FetchResponse::node_endpoints>("node_endpoints", wire::since(16)).tagged(0),
    };
  }
  bool operator==(const FetchResponse&) const = default;
};

}  // namespace freshet::kafka
