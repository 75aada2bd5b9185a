// LeaveGroup (key 13): one member up to version 2, a list from 3 on.
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

struct LeaveGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kLeaveGroup;
  static constexpr std::string_view kName = "LeaveGroupRequest";

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::optional<std::string> reason;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Member::member_id>("member_id"),
          wire::field<&Member::group_instance_id>("group_instance_id").nullable(),
          wire::field<&Member::reason>("reason", wire::since(5)).nullable(),
      };
    }
    bool operator==(const Member&) const = default;
  };

  std::string group_id;
  std::string member_id;
  std::vector<Member> members;

  static constexpr auto schema() {
    return std::array{
        wire::field<&LeaveGroupRequest::group_id>("group_id"),
        wire::field<&LeaveGroupRequest::member_id>("member_id", wire::between(0, 2)),
        wire::field<&LeaveGroupRequest::members>("members", wire::since(3)),
    };
  }
  bool operator==(const LeaveGroupRequest&) const = default;
};

struct LeaveGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kLeaveGroup;
  static constexpr std::string_view kName = "LeaveGroupResponse";

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Member::member_id>("member_id"),
          wire::field<&Member::group_instance_id>("group_instance_id").nullable(),
          wire::field<&Member::error_code>("error_code"),
      };
    }
    bool operator==(const Member&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<Member> members;

  static constexpr auto schema() {
    return std::array{
        wire::field<&LeaveGroupResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&LeaveGroupResponse::error_code>("error_code"),
        wire::field<&LeaveGroupResponse::members>("members", wire::since(3)),
    };
  }
  bool operator==(const LeaveGroupResponse&) const = default;
};

}  // namespace freshet::kafka
