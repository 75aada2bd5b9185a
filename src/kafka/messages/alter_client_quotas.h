// AlterClientQuotas (key 49): sets and removes limits on users, client ids and addresses.
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

/// An entity with a null name is the default of its type.
struct AlterClientQuotasRequest {
  static constexpr ApiKey kApi = ApiKey::kAlterClientQuotas;
  static constexpr std::string_view kName = "AlterClientQuotasRequest";

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

  struct Op {
    std::string key;
    double value = 0;
    bool remove = false;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Op::key>("key"),
          wire::field<&Op::value>("value"),
          wire::field<&Op::remove>("remove"),
      };
    }
    bool operator==(const Op&) const = default;
  };

  struct Entry {
    std::vector<Entity> entity;
    std::vector<Op> ops;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Entry::entity>("entity"),
          wire::field<&Entry::ops>("ops"),
      };
    }
    bool operator==(const Entry&) const = default;
  };

  std::vector<Entry> entries;
  bool validate_only = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AlterClientQuotasRequest::entries>("entries"),
        wire::field<&AlterClientQuotasRequest::validate_only>("validate_only"),
    };
  }
  bool operator==(const AlterClientQuotasRequest&) const = default;
};

struct AlterClientQuotasResponse {
  static constexpr ApiKey kApi = ApiKey::kAlterClientQuotas;
  static constexpr std::string_view kName = "AlterClientQuotasResponse";

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

  struct Entry {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    std::vector<Entity> entity;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Entry::error_code>("error_code"),
          wire::field<&Entry::error_message>("error_message").nullable(),
          wire::field<&Entry::entity>("entity"),
      };
    }
    bool operator==(const Entry&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Entry> entries;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AlterClientQuotasResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&AlterClientQuotasResponse::entries>("entries"),
    };
  }
  bool operator==(const AlterClientQuotasResponse&) const = default;
};

}  // namespace freshet::kafka
