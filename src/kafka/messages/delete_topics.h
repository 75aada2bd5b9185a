// DeleteTopics (key 20): by name up to version 5, by name or id in 6.
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

struct DeleteTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteTopics;
  static constexpr std::string_view kName = "DeleteTopicsRequest";

  struct Topic {
    std::optional<std::string> name;
    TopicId topic_id;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name").nullable(),
          wire::field<&Topic::topic_id>("topic_id"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  std::vector<std::string> topic_names;
  int32_t timeout_ms = 0;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteTopicsRequest::topics>("topics", wire::since(6)),
        wire::field<&DeleteTopicsRequest::topic_names>("topic_names", wire::between(0, 5)),
        wire::field<&DeleteTopicsRequest::timeout_ms>("timeout_ms"),
    };
  }
  bool operator==(const DeleteTopicsRequest&) const = default;
};

struct DeleteTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteTopics;
  static constexpr std::string_view kName = "DeleteTopicsResponse";

  struct Topic {
    std::optional<std::string> name;
    TopicId topic_id;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name").nullable(wire::since(6)),
          wire::field<&Topic::topic_id>("topic_id", wire::since(6)),
          wire::field<&Topic::error_code>("error_code"),
          wire::field<&Topic::error_message>("error_message", wire::since(5)).nullable(),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> responses;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteTopicsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DeleteTopicsResponse::responses>("responses"),
    };
  }
  bool operator==(const DeleteTopicsResponse&) const = default;
};

}  // namespace freshet::kafka
