// SyncGroup (key 14): the leader hands in the assignment, everyone gets their part.
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

struct SyncGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kSyncGroup;
  static constexpr std::string_view kName = "SyncGroupRequest";

  struct Assignment {
    std::string member_id;
    std::string assignment;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Assignment::member_id>("member_id"),
          wire::bytes<&Assignment::assignment>("assignment"),
      };
    }
    bool operator==(const Assignment&) const = default;
  };

  std::string group_id;
  int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::vector<Assignment> assignments;

  static constexpr auto schema() {
    return std::array{
        wire::field<&SyncGroupRequest::group_id>("group_id"),
        wire::field<&SyncGroupRequest::generation_id>("generation_id"),
        wire::field<&SyncGroupRequest::member_id>("member_id"),
        wire::field<&SyncGroupRequest::group_instance_id>("group_instance_id", wire::since(3))
            .nullable(),
        wire::field<&SyncGroupRequest::protocol_type>("protocol_type", wire::since(5)).nullable(),
        wire::field<&SyncGroupRequest::protocol_name>("protocol_name", wire::since(5)).nullable(),
        wire::field<&SyncGroupRequest::assignments>("assignments"),
    };
  }
  bool operator==(const SyncGroupRequest&) const = default;
};

struct SyncGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kSyncGroup;
  static constexpr std::string_view kName = "SyncGroupResponse";

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::string assignment;

  static constexpr auto schema() {
    return std::array{
        wire::field<&SyncGroupResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&SyncGroupResponse::error_code>("error_code"),
        wire::field<&SyncGroupResponse::protocol_type>("protocol_type", wire::since(5)).nullable(),
        wire::field<&SyncGroupResponse::protocol_name>("protocol_name", wire::since(5)).nullable(),
        wire::bytes<&SyncGroupResponse::assignment>("assignment"),
    };
  }
  bool operator==(const SyncGroupResponse&) const = default;
};

}  // namespace freshet::kafka
