// CreateTopics (key 19).
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

/// `num_partitions` and `replication_factor` -1 ask for the broker's defaults (from version 4).
struct CreateTopicsRequest {
  static constexpr ApiKey kApi = ApiKey::kCreateTopics;
  static constexpr std::string_view kName = "CreateTopicsRequest";

  struct Assignment {
    int32_t partition_index = 0;
    std::vector<int32_t> broker_ids;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Assignment::partition_index>("partition_index"),
          wire::field<&Assignment::broker_ids>("broker_ids"),
      };
    }
    bool operator==(const Assignment&) const = default;
  };

  struct Config {
    std::string name;
    std::optional<std::string> value;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Config::name>("name"),
          wire::field<&Config::value>("value").nullable(),
      };
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string name;
    int32_t num_partitions = 0;
    int16_t replication_factor = 0;
    std::vector<Assignment> assignments;
    std::vector<Config> configs;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::num_partitions>("num_partitions"),
          wire::field<&Topic::replication_factor>("replication_factor"),
          wire::field<&Topic::assignments>("assignments"),
          wire::field<&Topic::configs>("configs"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;
  int32_t timeout_ms = 60000;
  bool validate_only = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&CreateTopicsRequest::topics>("topics"),
        wire::field<&CreateTopicsRequest::timeout_ms>("timeout_ms"),
        wire::field<&CreateTopicsRequest::validate_only>("validate_only"),
    };
  }
  bool operator==(const CreateTopicsRequest&) const = default;
};

struct CreateTopicsResponse {
  static constexpr ApiKey kApi = ApiKey::kCreateTopics;
  static constexpr std::string_view kName = "CreateTopicsResponse";

  struct Config {
    std::string name;
    std::optional<std::string> value;
    bool read_only = false;
    int8_t config_source = -1;
    bool is_sensitive = false;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Config::name>("name"),
          wire::field<&Config::value>("value").nullable(),
          wire::field<&Config::read_only>("read_only"),
          wire::field<&Config::config_source>("config_source"),
          wire::field<&Config::is_sensitive>("is_sensitive"),
      };
    }
    bool operator==(const Config&) const = default;
  };

  struct Topic {
    std::string name;
    TopicId topic_id;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    ErrorCode topic_config_error_code = ErrorCode::kNone;
    int32_t num_partitions = -1;
    int16_t replication_factor = -1;
    std::optional<std::vector<Config>> configs;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::topic_id>("topic_id", wire::since(7)),
          wire::field<&Topic::error_code>("error_code"),
          wire::field<&Topic::error_message>("error_message").nullable(),
          wire::field<&Topic::topic_config_error_code>("topic_config_error_code", wire::since(5))
              .tagged(0),
          wire::field<&Topic::num_partitions>("num_partitions", wire::since(5)),
          wire::field<&Topic::replication_factor>("replication_factor", wire::since(5)),
          wire::field<&Topic::configs>("configs", wire::since(5)).nullable(),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&CreateTopicsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&CreateTopicsResponse::topics>("topics"),
    };
  }
  bool operator==(const CreateTopicsResponse&) const = default;
};

}  // namespace freshet::kafka
