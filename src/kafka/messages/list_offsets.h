// ListOffsets (key 2): the offset of a timestamp, or of a special one: -1 latest, -2 earliest,
// -3 the record with the largest timestamp.
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

struct ListOffsetsRequest {
  static constexpr ApiKey kApi = ApiKey::kListOffsets;
  static constexpr std::string_view kName = "ListOffsetsRequest";

  struct Partition {
    int32_t partition_index = 0;
    int32_t current_leader_epoch = -1;
    int64_t timestamp = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::current_leader_epoch>("current_leader_epoch", wire::since(4)),
          wire::field<&Partition::timestamp>("timestamp"),
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

  int32_t replica_id = 0;
  int8_t isolation_level = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListOffsetsRequest::replica_id>("replica_id"),
        wire::field<&ListOffsetsRequest::isolation_level>("isolation_level", wire::since(2)),
        wire::field<&ListOffsetsRequest::topics>("topics"),
    };
  }
  bool operator==(const ListOffsetsRequest&) const = default;
};

/// `timestamp` and `offset` are -1 if no record is that late.
struct ListOffsetsResponse {
  static constexpr ApiKey kApi = ApiKey::kListOffsets;
  static constexpr std::string_view kName = "ListOffsetsResponse";

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    int64_t timestamp = -1;
    int64_t offset = -1;
    int32_t leader_epoch = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::timestamp>("timestamp"),
          wire::field<&Partition::offset>("offset"),
          wire::field<&Partition::leader_epoch>("leader_epoch", wire::since(4)),
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
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListOffsetsResponse::throttle_time_ms>("throttle_time_ms", wire::since(2)),
        wire::field<&ListOffsetsResponse::topics>("topics"),
    };
  }
  bool operator==(const ListOffsetsResponse&) const = default;
};

}  // namespace freshet::kafka
