// ElectLeaders (key 43): asks for another leader of partitions.
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

/// `election_type`: 0 the preferred replica, 1 whichever is alive. Null `topic_partitions` asks for
/// every partition.
struct ElectLeadersRequest {
  static constexpr ApiKey kApi = ApiKey::kElectLeaders;
  static constexpr std::string_view kName = "ElectLeadersRequest";

  struct Topic {
    std::string topic;
    std::vector<int32_t> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int8_t election_type = 0;
  std::optional<std::vector<Topic>> topic_partitions;
  int32_t timeout_ms = 60000;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ElectLeadersRequest::election_type>("election_type", wire::since(1)),
        wire::field<&ElectLeadersRequest::topic_partitions>("topic_partitions").nullable(),
        wire::field<&ElectLeadersRequest::timeout_ms>("timeout_ms"),
    };
  }
  bool operator==(const ElectLeadersRequest&) const = default;
};

/// `error_message` is null where there is nothing to add.
struct ElectLeadersResponse {
  static constexpr ApiKey kApi = ApiKey::kElectLeaders;
  static constexpr std::string_view kName = "ElectLeadersResponse";

  struct Partition {
    int32_t partition_id = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_id>("partition_id"),
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::error_message>("error_message").nullable(),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partition_result;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic"),
          wire::field<&Topic::partition_result>("partition_result"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<Topic> replica_election_results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ElectLeadersResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&ElectLeadersResponse::error_code>("error_code", wire::since(1)),
        wire::field<&ElectLeadersResponse::replica_election_results>("replica_election_results"),
    };
  }
  bool operator==(const ElectLeadersResponse&) const = default;
};

}  // namespace freshet::kafka
