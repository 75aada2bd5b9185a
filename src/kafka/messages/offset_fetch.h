// OffsetFetch (key 9): committed positions; one group up to version 7, several from 8 on.
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

/// Null `topics` asks for everything the group has committed.
struct OffsetFetchRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetFetch;
  static constexpr std::string_view kName = "OffsetFetchRequest";

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

  struct Group {
    std::string group_id;
    std::optional<std::string> member_id;
    int32_t member_epoch = -1;
    std::optional<std::vector<Topic>> topics;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Group::group_id>("group_id"),
          wire::field<&Group::member_id>("member_id", wire::since(9)).nullable(),
          wire::field<&Group::member_epoch>("member_epoch", wire::since(9)),
          wire::field<&Group::topics>("topics").nullable(),
      };
    }
    bool operator==(const Group&) const = default;
  };

  std::string group_id;
  std::optional<std::vector<Topic>> topics;
  std::vector<Group> groups;
  bool require_stable = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetFetchRequest::group_id>("group_id", wire::between(0, 7)),
        wire::field<&OffsetFetchRequest::topics>("topics", wire::between(0, 7))
            .nullable(wire::between(2, 7)),
        wire::field<&OffsetFetchRequest::groups>("groups", wire::since(8)),
        wire::field<&OffsetFetchRequest::require_stable>("require_stable", wire::since(7)),
    };
  }
  bool operator==(const OffsetFetchRequest&) const = default;
};

/// `committed_offset` is -1 without an error where nothing was committed.
struct OffsetFetchResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetFetch;
  static constexpr std::string_view kName = "OffsetFetchResponse";

  struct Partition {
    int32_t partition_index = 0;
    int64_t committed_offset = 0;
    int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::committed_offset>("committed_offset"),
          wire::field<&Partition::committed_leader_epoch>("committed_leader_epoch", wire::since(5)),
          wire::field<&Partition::metadata>("metadata").nullable(),
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

  struct Group {
    std::string group_id;
    std::vector<Topic> topics;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Group::group_id>("group_id"),
          wire::field<&Group::topics>("topics"),
          wire::field<&Group::error_code>("error_code"),
      };
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<Group> groups;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetFetchResponse::throttle_time_ms>("throttle_time_ms", wire::since(3)),
        wire::field<&OffsetFetchResponse::topics>("topics", wire::between(0, 7)),
        wire::field<&OffsetFetchResponse::error_code>("error_code", wire::between(2, 7)),
        wire::field<&OffsetFetchResponse::groups>("groups", wire::since(8)),
    };
  }
  bool operator==(const OffsetFetchResponse&) const = default;
};

}  // namespace freshet::kafka
