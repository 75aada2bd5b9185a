// OffsetForLeaderEpoch (key 23): where a leader epoch ended, for consumers that look for
// truncation.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

/// `replica_id` is -1 for consumers, -2 for debugging ones.
struct OffsetForLeaderEpochRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetForLeaderEpoch;
  static constexpr std::string_view kName = "OffsetForLeaderEpochRequest";

  struct Partition {
    int32_t partition = 0;
    int32_t current_leader_epoch = -1;
    int32_t leader_epoch = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition>("partition"),
          wire::field<&Partition::current_leader_epoch>("current_leader_epoch"),
          wire::field<&Partition::leader_epoch>("leader_epoch"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t replica_id = -2;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetForLeaderEpochRequest::replica_id>("replica_id", wire::since(3)),
        wire::field<&OffsetForLeaderEpochRequest::topics>("topics"),
    };
  }
  bool operator==(const OffsetForLeaderEpochRequest&) const = default;
};

/// `leader_epoch` is the largest epoch not above the one asked for, `end_offset` where it ended;
/// both -1 where there is none.
struct OffsetForLeaderEpochResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetForLeaderEpoch;
  static constexpr std::string_view kName = "OffsetForLeaderEpochResponse";

  struct Partition {
    ErrorCode error_code = ErrorCode::kNone;
    int32_t partition = 0;
    int32_t leader_epoch = -1;
    int64_t end_offset = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::partition>("partition"),
          wire::field<&Partition::leader_epoch>("leader_epoch"),
          wire::field<&Partition::end_offset>("end_offset"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string topic;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetForLeaderEpochResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&OffsetForLeaderEpochResponse::topics>("topics"),
    };
  }
  bool operator==(const OffsetForLeaderEpochResponse&) const = default;
};

}  // namespace freshet::kafka
