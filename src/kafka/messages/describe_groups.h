// DescribeGroups (key 15): state and members of classic groups.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

struct DescribeGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeGroups;
  static constexpr std::string_view kName = "DescribeGroupsRequest";

  std::vector<std::string> groups;
  bool include_authorized_operations = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeGroupsRequest::groups>("groups"),
        wire::field<&DescribeGroupsRequest::include_authorized_operations>(
            "include_authorized_operations", wire::since(3)),
    };
  }
  bool operator==(const DescribeGroupsRequest&) const = default;
};

struct DescribeGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeGroups;
  static constexpr std::string_view kName = "DescribeGroupsResponse";

  struct Member {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    std::string member_metadata;
    std::string member_assignment;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Member::member_id>("member_id"),
          wire::field<&Member::group_instance_id>("group_instance_id", wire::since(4)).nullable(),
          wire::field<&Member::client_id>("client_id"),
          wire::field<&Member::client_host>("client_host"),
          wire::bytes<&Member::member_metadata>("member_metadata"),
          wire::bytes<&Member::member_assignment>("member_assignment"),
      };
    }
    bool operator==(const Member&) const = default;
  };

  struct Group {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    std::string group_id;
    std::string group_state;
    std::string protocol_type;
    std::string protocol_data;
    std::vector<Member> members;
    int32_t authorized_operations = std::numeric_limits<int32_t>::min();

    static constexpr auto schema() {
      return std::array{
          wire::field<&Group::error_code>("error_code"),
          wire::field<&Group::error_message>("error_message", wire::since(6)).nullable(),
          wire::field<&Group::group_id>("group_id"),
          wire::field<&Group::group_state>("group_state"),
          wire::field<&Group::protocol_type>("protocol_type"),
          wire::field<&Group::protocol_data>("protocol_data"),
          wire::field<&Group::members>("members"),
          wire::field<&Group::authorized_operations>("authorized_operations", wire::since(3)),
      };
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Group> groups;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeGroupsResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&DescribeGroupsResponse::groups>("groups"),
    };
  }
  bool operator==(const DescribeGroupsResponse&) const = default;
};

}  // namespace freshet::kafka
