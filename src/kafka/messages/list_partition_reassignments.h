// ListPartitionReassignments (key 46): partitions that are moving between brokers.
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

/// Null `topics` asks for everything.
struct ListPartitionReassignmentsRequest {
  static constexpr ApiKey kApi = ApiKey::kListPartitionReassignments;
  static constexpr std::string_view kName = "ListPartitionReassignmentsRequest";

  struct Topic {
    std::string name;
    std::vector<int32_t> partition_indexes;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partition_indexes>("partition_indexes"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t timeout_ms = 60000;
  std::optional<std::vector<Topic>> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListPartitionReassignmentsRequest::timeout_ms>("timeout_ms"),
        wire::field<&ListPartitionReassignmentsRequest::topics>("topics").nullable(),
    };
  }
  bool operator==(const ListPartitionReassignmentsRequest&) const = default;
};

struct ListPartitionReassignmentsResponse {
  static constexpr ApiKey kApi = ApiKey::kListPartitionReassignments;
  static constexpr std::string_view kName = "ListPartitionReassignmentsResponse";

  struct Partition {
    int32_t partition_index = 0;
    std::vector<int32_t> replicas;
    std::vector<int32_t> adding_replicas;
    std::vector<int32_t> removing_replicas;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::replicas>("replicas"),
          wire::field<&Partition::adding_replicas>("adding_replicas"),
          wire::field<&Partition::removing_replicas>("removing_replicas"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListPartitionReassignmentsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&ListPartitionReassignmentsResponse::error_code>("error_code"),
        wire::field<&ListPartitionReassignmentsResponse::error_message>("error_message").nullable(),
        wire::field<&ListPartitionReassignmentsResponse::topics>("topics"),
    };
  }
  bool operator==(const ListPartitionReassignmentsResponse&) const = default;
};

}  // namespace freshet::kafka
