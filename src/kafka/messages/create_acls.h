// CreateAcls (key 30): adds access rules.
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

struct CreateAclsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreateAcls;
  static constexpr std::string_view kName = "CreateAclsRequest";

  struct Creation {
    int8_t resource_type = 0;
    std::string resource_name;
    int8_t resource_pattern_type = 3;
    std::string principal;
    std::string host;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Creation::resource_type>("resource_type"),
          wire::field<&Creation::resource_name>("resource_name"),
          wire::field<&Creation::resource_pattern_type>("resource_pattern_type"),
          wire::field<&Creation::principal>("principal"),
          wire::field<&Creation::host>("host"),
          wire::field<&Creation::operation>("operation"),
          wire::field<&Creation::permission_type>("permission_type"),
      };
    }
    bool operator==(const Creation&) const = default;
  };

  std::vector<Creation> creations;

  static constexpr auto schema() {
    return std::array{
        wire::field<&CreateAclsRequest::creations>("creations"),
    };
  }
  bool operator==(const CreateAclsRequest&) const = default;
};

/// `results` are in the order of the creations.
struct CreateAclsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreateAcls;
  static constexpr std::string_view kName = "CreateAclsResponse";

  struct Result {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Result::error_code>("error_code"),
          wire::field<&Result::error_message>("error_message").nullable(),
      };
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&CreateAclsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&CreateAclsResponse::results>("results"),
    };
  }
  bool operator==(const CreateAclsResponse&) const = default;
};

}  // namespace freshet::kafka
