// JoinGroup (key 11): enters or re-enters a consumer group; the answer waits for the rebalance.
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

/// The first join has an empty `member_id`; from version 4 on it is answered with
/// MEMBER_ID_REQUIRED and the id to join with.
struct JoinGroupRequest {
  static constexpr ApiKey kApi = ApiKey::kJoinGroup;
  static constexpr std::string_view kName = "JoinGroupRequest";

  struct Protocol {
    std::string name;
    std::string metadata;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Protocol::name>("name"),
          wire::bytes<&Protocol::metadata>("metadata"),
      };
    }
    bool operator==(const Protocol&) const = default;
  };

  std::string group_id;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string protocol_type;
  std::vector<Protocol> protocols;
  std::optional<std::string> reason;

  static constexpr auto schema() {
    return std::array{
        wire::field<&JoinGroupRequest::group_id>("group_id"),
        wire::field<&JoinGroupRequest::session_timeout_ms>("session_timeout_ms"),
        wire::field<&JoinGroupRequest::rebalance_timeout_ms>("rebalance_timeout_ms",
                                                             wire::since(1)),
        wire::field<&JoinGroupRequest::member_id>("member_id"),
        wire::field<&JoinGroupRequest::group_instance_id>("group_instance_id", wire::since(5))
            .nullable(),
        wire::field<&JoinGroupRequest::protocol_type>("protocol_type"),
        wire::field<&JoinGroupRequest::protocols>("protocols"),
        wire::field<&JoinGroupRequest::reason>("reason", wire::since(8)).nullable(),
    };
  }
  bool operator==(const JoinGroupRequest&) const = default;
};

/// Only the leader gets `members`; it computes the assignment.
struct JoinGroupResponse {
  static constexpr ApiKey kApi = ApiKey::kJoinGroup;
  static constexpr std::string_view kName = "JoinGroupResponse";

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string metadata;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Member::member_id>("member_id"),
          wire::field<&Member::group_instance_id>("group_instance_id", wire::since(5)).nullable(),
          wire::bytes<&Member::metadata>("metadata"),
      };
    }
    bool operator==(const Member&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  int32_t generation_id = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  std::vector<Member> members;

  static constexpr auto schema() {
    return std::array{
        wire::field<&JoinGroupResponse::throttle_time_ms>("throttle_time_ms", wire::since(2)),
        wire::field<&JoinGroupResponse::error_code>("error_code"),
        wire::field<&JoinGroupResponse::generation_id>("generation_id"),
        wire::field<&JoinGroupResponse::protocol_type>("protocol_type", wire::since(7)).nullable(),
        wire::field<&JoinGroupResponse::protocol_name>("protocol_name").nullable(wire::since(7)),
        wire::field<&JoinGroupResponse::leader>("leader"),
        wire::field<&JoinGroupResponse::skip_assignment>("skip_assignment", wire::since(9)),
        wire::field<&JoinGroupResponse::member_id>("member_id"),
        wire::field<&JoinGroupResponse::members>("members"),
    };
  }
  bool operator==(const JoinGroupResponse&) const = default;
};

}  // namespace freshet::kafka
