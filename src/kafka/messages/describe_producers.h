// DescribeProducers (key 61): idempotent and transactional producers known to partitions.
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

struct DescribeProducersRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeProducers;
  static constexpr std::string_view kName = "DescribeProducersRequest";

  struct Topic {
    std::string name;
    std::vector<int32_t> partition_indexes;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partition_indexes>("partition_indexes"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeProducersRequest::topics>("topics"),
    };
  }
  bool operator==(const DescribeProducersRequest&) const = default;
};

/// `current_txn_start_offset` is -1 without an open transaction; times are in ms since 1970.
struct DescribeProducersResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeProducers;
  static constexpr std::string_view kName = "DescribeProducersResponse";

  struct Producer {
    int64_t producer_id = 0;
    int32_t producer_epoch = 0;
    int32_t last_sequence = -1;
    int64_t last_timestamp = -1;
    int32_t coordinator_epoch = 0;
    int64_t current_txn_start_offset = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Producer::producer_id>("producer_id"),
          wire::field<&Producer::producer_epoch>("producer_epoch"),
          wire::field<&Producer::last_sequence>("last_sequence"),
          wire::field<&Producer::last_timestamp>("last_timestamp"),
          wire::field<&Producer::coordinator_epoch>("coordinator_epoch"),
          wire::field<&Producer::current_txn_start_offset>("current_txn_start_offset"),
      };
    }
    bool operator==(const Producer&) const = default;
  };

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    std::vector<Producer> active_producers;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::error_code>("error_code"),
          wire::field<&Partition::error_message>("error_message").nullable(),
          wire::field<&Partition::active_producers>("active_producers"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeProducersResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeProducersResponse::topics>("topics"),
    };
  }
  bool operator==(const DescribeProducersResponse&) const = default;
};

}  // namespace freshet::kafka
