// CreatePartitions (key 37): gives topics more partitions.
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

/// `count` is the new number of partitions; null `assignments` leave the place of the new ones to
/// the broker.
struct CreatePartitionsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreatePartitions;
  static constexpr std::string_view kName = "CreatePartitionsRequest";

  struct Assignment {
    std::vector<int32_t> broker_ids;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Assignment::broker_ids>("broker_ids"),
      };
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Topic {
    std::string name;
    int32_t count = 0;
    std::optional<std::vector<Assignment>> assignments;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::count>("count"),
          wire::field<&Topic::assignments>("assignments").nullable(),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;
  bool validate_only = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&CreatePartitionsRequest::topics>("topics"),
        wire::field<&CreatePartitionsRequest::timeout_ms>("timeout_ms"),
        wire::field<&CreatePartitionsRequest::validate_only>("validate_only"),
    };
  }
  bool operator==(const CreatePartitionsRequest&) const = default;
};

struct CreatePartitionsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreatePartitions;
  static constexpr std::string_view kName = "CreatePartitionsResponse";

  struct Result {
    std::string name;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Result::name>("name"),
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
        wire::field<&CreatePartitionsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&CreatePartitionsResponse::results>("results"),
    };
  }
  bool operator==(const CreatePartitionsResponse&) const = default;
};

}  // namespace freshet::kafka
