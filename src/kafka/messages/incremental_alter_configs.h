// IncrementalAlterConfigs (key 44): changes single settings of topics (resource type 2) and brokers
// (4).
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

/// `config_operation`: 0 sets, 1 deletes, 2 appends to a list, 3 takes from a list.
struct IncrementalAlterConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kIncrementalAlterConfigs;
  static constexpr std::string_view kName = "IncrementalAlterConfigsRequest";

  struct Config {
    std::string name;
    int8_t config_operation = 0;
    std::optional<std::string> value;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Config::name>("name"),
          wire::field<&Config::config_operation>("config_operation"),
          wire::field<&Config::value>("value").nullable(),
      };
    }
    bool operator==(const Config&) const = default;
  };

  struct Resource {
    int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Resource::resource_type>("resource_type"),
          wire::field<&Resource::resource_name>("resource_name"),
          wire::field<&Resource::configs>("configs"),
      };
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources;
  bool validate_only = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&IncrementalAlterConfigsRequest::resources>("resources"),
        wire::field<&IncrementalAlterConfigsRequest::validate_only>("validate_only"),
    };
  }
  bool operator==(const IncrementalAlterConfigsRequest&) const = default;
};

struct IncrementalAlterConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kIncrementalAlterConfigs;
  static constexpr std::string_view kName = "IncrementalAlterConfigsResponse";

  struct Resource {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    int8_t resource_type = 0;
    std::string resource_name;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Resource::error_code>("error_code"),
          wire::field<&Resource::error_message>("error_message").nullable(),
          wire::field<&Resource::resource_type>("resource_type"),
          wire::field<&Resource::resource_name>("resource_name"),
      };
    }
    bool operator==(const Resource&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> responses;

  static constexpr auto schema() {
    return std::array{
        wire::field<&IncrementalAlterConfigsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&IncrementalAlterConfigsResponse::responses>("responses"),
    };
  }
  bool operator==(const IncrementalAlterConfigsResponse&) const = default;
};

}  // namespace freshet::kafka
