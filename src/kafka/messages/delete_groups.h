// DeleteGroups (key 42): deletes empty groups with what they committed.
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

struct DeleteGroupsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteGroups;
  static constexpr std::string_view kName = "DeleteGroupsRequest";

  std::vector<std::string> groups_names;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteGroupsRequest::groups_names>("groups_names"),
    };
  }
  bool operator==(const DeleteGroupsRequest&) const = default;
};

struct DeleteGroupsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteGroups;
  static constexpr std::string_view kName = "DeleteGroupsResponse";

  struct Result {
    std::string group_id;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Result::group_id>("group_id"),
          wire::field<&Result::error_code>("error_code"),
      };
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteGroupsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DeleteGroupsResponse::results>("results"),
    };
  }
  bool operator==(const DeleteGroupsResponse&) const = default;
};

}  // namespace freshet::kafka
