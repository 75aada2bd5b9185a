// DescribeClientQuotas (key 48): limits on users, client ids and addresses.
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

/// `match_type`: 0 this name, 1 the default, 2 any name.
struct DescribeClientQuotasRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeClientQuotas;
  static constexpr std::string_view kName = "DescribeClientQuotasRequest";

  struct Component {
    std::string entity_type;
    int8_t match_type = 0;
    std::optional<std::string> match;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Component::entity_type>("entity_type"),
          wire::field<&Component::match_type>("match_type"),
          wire::field<&Component::match>("match").nullable(),
      };
    }
    bool operator==(const Component&) const = default;
  };

  std::vector<Component> components;
  bool strict = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeClientQuotasRequest::components>("components"),
        wire::field<&DescribeClientQuotasRequest::strict>("strict"),
    };
  }
  bool operator==(const DescribeClientQuotasRequest&) const = default;
};

/// An entity with a null name is the default of its type. Null `entries` go with an error.
struct DescribeClientQuotasResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeClientQuotas;
  static constexpr std::string_view kName = "DescribeClientQuotasResponse";

  struct Entity {
    std::string entity_type;
    std::optional<std::string> entity_name;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Entity::entity_type>("entity_type"),
          wire::field<&Entity::entity_name>("entity_name").nullable(),
      };
    }
    bool operator==(const Entity&) const = default;
  };

  struct Value {
    std::string key;
    double value = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Value::key>("key"),
          wire::field<&Value::value>("value"),
      };
    }
    bool operator==(const Value&) const = default;
  };

  struct Entry {
    std::vector<Entity> entity;
    std::vector<Value> values;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Entry::entity>("entity"),
          wire::field<&Entry::values>("values"),
      };
    }
    bool operator==(const Entry&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  std::optional<std::vector<Entry>> entries;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeClientQuotasResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeClientQuotasResponse::error_code>("error_code"),
        wire::field<&DescribeClientQuotasResponse::error_message>("error_message").nullable(),
        wire::field<&DescribeClientQuotasResponse::entries>("entries").nullable(),
    };
  }
  bool operator==(const DescribeClientQuotasResponse&) const = default;
};

}  // namespace freshet::kafka
