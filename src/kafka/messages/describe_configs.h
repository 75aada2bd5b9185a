// DescribeConfigs (key 32): settings of topics (resource type 2) and brokers (4).
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

struct DescribeConfigsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeConfigs;
  static constexpr std::string_view kName = "DescribeConfigsRequest";

  struct Resource {
    int8_t resource_type = 0;
    std::string resource_name;
    std::optional<std::vector<std::string>> configuration_keys;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Resource::resource_type>("resource_type"),
          wire::field<&Resource::resource_name>("resource_name"),
          wire::field<&Resource::configuration_keys>("configuration_keys").nullable(),
      };
    }
    bool operator==(const Resource&) const = default;
  };

  std::vector<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeConfigsRequest::resources>("resources"),
        wire::field<&DescribeConfigsRequest::include_synonyms>("include_synonyms"),
        wire::field<&DescribeConfigsRequest::include_documentation>("include_documentation",
                                                                    wire::since(3)),
    };
  }
  bool operator==(const DescribeConfigsRequest&) const = default;
};

struct DescribeConfigsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeConfigs;
  static constexpr std::string_view kName = "DescribeConfigsResponse";

  struct Synonym {
    std::string name;
    std::optional<std::string> value;
    int8_t source = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Synonym::name>("name"),
          wire::field<&Synonym::value>("value").nullable(),
          wire::field<&Synonym::source>("source"),
      };
    }
    bool operator==(const Synonym&) const = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value;
    bool read_only = false;
    int8_t config_source = -1;
    bool is_sensitive = false;
    std::vector<Synonym> synonyms;
    int8_t config_type = 0;
    std::optional<std::string> documentation;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Config::name>("name"),
          wire::field<&Config::value>("value").nullable(),
          wire::field<&Config::read_only>("read_only"),
          wire::field<&Config::config_source>("config_source"),
          wire::field<&Config::is_sensitive>("is_sensitive"),
          wire::field<&Config::synonyms>("synonyms"),
          wire::field<&Config::config_type>("config_type", wire::since(3)),
          wire::field<&Config::documentation>("documentation", wire::since(3)).nullable(),
      };
    }
    bool operator==(const Config&) const = default;
  };

  struct Resource {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    int8_t resource_type = 0;
    std::string resource_name;
    std::vector<Config> configs;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Resource::error_code>("error_code"),
          wire::field<&Resource::error_message>("error_message").nullable(),
          wire::field<&Resource::resource_type>("resource_type"),
          wire::field<&Resource::resource_name>("resource_name"),
          wire::field<&Resource::configs>("configs"),
      };
    }
    bool operator==(const Resource&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Resource> results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeConfigsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeConfigsResponse::results>("results"),
    };
  }
  bool operator==(const DescribeConfigsResponse&) const = default;
};

}  // namespace freshet::kafka
