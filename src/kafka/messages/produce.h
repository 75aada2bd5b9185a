// Produce (key 0): appends record batches. From version 3 on each partition carries exactly one
// batch of format 2; versions 0 to 2 carry older formats and are parsed only to be refused
// politely.
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

namespace freshet::kafka {

/// `acks` 0: no response frame may be sent; 1 and -1 (all) are the same on one node.
struct ProduceRequest {
  static constexpr ApiKey kApi = ApiKey::kProduce;
  static constexpr std::string_view kName = "ProduceRequest";

  struct Partition {
    int32_t index = 0;
    std::optional<std::string_view> records;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::index>("index"),
          wire::field<&Partition::records>("records").nullable(),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partition_data;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partition_data>("partition_data"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::string> transactional_id;
  int16_t acks = 0;
  int32_t timeout_ms = 0;
  std::vector<Topic> topic_data;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ProduceRequest::transactional_id>("transactional_id", wire::since(3))
            .nullable(),
        wire::field<&ProduceRequest::acks>("acks"),
        wire::field<&ProduceRequest::timeout_ms>("timeout_ms"),
        wire::field<&ProduceRequest::topic_data>("topic_data"),
    };
  }
  bool operator==(const ProduceRequest&) const = default;
};

/// `base_offset` is that of the first record, -1 on error.
struct ProduceResponse {
  static constexpr ApiKey kApi = ApiKey::kProduce;
  static constexpr std::string_view kName = "ProduceResponse";

  struct RecordError {
    int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&RecordError::batch_index>("batch_index"),
          wire::field<&RecordError::batch_index_error_message>("batch_index_error_message")
              .nullable(),
      };
    }
    bool operator==(const RecordError&) const = default;
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

  struct Partition {
    int32_t index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    int64_t base_offset = 0;
    int64_t log_append_time_ms = -1;
    int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors;
    std::optional<std::string> error_message;
    LeaderIdAndEpoch current_leader;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::index>("index"),
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::base_offset>("base_offset"),
          wire::field<&Partition::log_append_time_ms>("log_append_time_ms", wire::since(2)),
          wire::field<&Partition::log_start_offset>("log_start_offset", wire::since(5)),
          wire::field<&Partition::record_errors>("record_errors", wire::since(8)),
          wire::field<&Partition::error_message>("error_message", wire::since(8)).nullable(),
          wire::field<&Partition::current_leader>("current_leader", wire::since(10)).tagged(0),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partition_responses;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partition_responses>("partition_responses"),
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

  std::vector<Topic> responses;
  int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ProduceResponse::responses>("responses"),
        wire::field<&ProduceResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&ProduceResponse::node_endpoints>("node_endpoints", wire::since(10)).tagged(0),
    };
  }
  bool operator==(const ProduceResponse&) const = default;
};

}  // namespace freshet::kafka
