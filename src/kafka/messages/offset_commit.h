// OffsetCommit (key 8): positions of a consumer group; fenced by generation and member.
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

struct OffsetCommitRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetCommit;
  static constexpr std::string_view kName = "OffsetCommitRequest";

  struct Partition {
    int32_t partition_index = 0;
    int64_t committed_offset = 0;
    int32_t committed_leader_epoch = -1;
    std::optional<std::string> committed_metadata;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::committed_offset>("committed_offset"),
          wire::field<&Partition::committed_leader_epoch>("committed_leader_epoch", wire::since(6)),
          wire::field<&Partition::committed_metadata>("committed_metadata").nullable(),
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

  std::string group_id;
  int32_t generation_id_or_member_epoch = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  int64_t retention_time_ms = -1;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetCommitRequest::group_id>("group_id"),
        wire::field<&OffsetCommitRequest::generation_id_or_member_epoch>(
            "generation_id_or_member_epoch"),
        wire::field<&OffsetCommitRequest::member_id>("member_id"),
        wire::field<&OffsetCommitRequest::group_instance_id>("group_instance_id", wire::since(7))
            .nullable(),
        wire::field<&OffsetCommitRequest::retention_time_ms>("retention_time_ms",
                                                             wire::between(2, 4)),
        wire::field<&OffsetCommitRequest::topics>("topics"),
    };
  }
  bool operator==(const OffsetCommitRequest&) const = default;
};

struct OffsetCommitResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetCommit;
  static constexpr std::string_view kName = "OffsetCommitResponse";

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::error_code>("error_code"),
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
        wire::field<&OffsetCommitResponse::throttle_time_ms>("throttle_time_ms", wire::since(3)),
        wire::field<&OffsetCommitResponse::topics>("topics"),
    };
  }
  bool operator==(const OffsetCommitResponse&) const = default;
};

}  // namespace freshet::kafka
