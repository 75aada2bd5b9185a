// ListGroups (key 16): all groups of the broker, optionally by state and type.
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

struct ListGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kListGroups;
  static constexpr std::string_view kName = "ListGroupsRequest";

  std::vector<std::string> states_filter;
  std::vector<std::string> types_filter;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListGroupsRequest::states_filter>("states_filter", wire::since(4)),
        wire::field<&ListGroupsRequest::types_filter>("types_filter", wire::since(5)),
    };
  }
  bool operator==(const ListGroupsRequest&) const = default;
};

struct ListGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kListGroups;
  static constexpr std::string_view kName = "ListGroupsResponse";

  struct Group {
    std::string group_id;
    std::string protocol_type;
    std::string group_state;
    std::string group_type;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Group::group_id>("group_id"),
          wire::field<&Group::protocol_type>("protocol_type"),
          wire::field<&Group::group_state>("group_state", wire::since(4)),
          wire::field<&Group::group_type>("group_type", wire::since(5)),
      };
    }
    bool operator==(const Group&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<Group> groups;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListGroupsResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&ListGroupsResponse::error_code>("error_code"),
        wire::field<&ListGroupsResponse::groups>("groups"),
    };
  }
  bool operator==(const ListGroupsResponse&) const = default;
};

}  // namespace freshet::kafka
