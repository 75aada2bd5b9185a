// AddPartitionsToTxn (key 24): partitions that a transaction is about to write. From version 4 on
// it is a call between brokers only.
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

struct AddPartitionsToTxnRequest {
  static constexpr ApiKey kApi = ApiKey::kAddPartitionsToTxn;
  static constexpr std::string_view kName = "AddPartitionsToTxnRequest";

  struct Topic {
    std::string name;
    std::vector<int32_t> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::string transactional_id;
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AddPartitionsToTxnRequest::transactional_id>("v3_and_below_transactional_id"),
        wire::field<&AddPartitionsToTxnRequest::producer_id>("v3_and_below_producer_id"),
        wire::field<&AddPartitionsToTxnRequest::producer_epoch>("v3_and_below_producer_epoch"),
        wire::field<&AddPartitionsToTxnRequest::topics>("v3_and_below_topics"),
    };
  }
  bool operator==(const AddPartitionsToTxnRequest&) const = default;
};

struct AddPartitionsToTxnResponse {
  static constexpr ApiKey kApi = ApiKey::kAddPartitionsToTxn;
  static constexpr std::string_view kName = "AddPartitionsToTxnResponse";

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode partition_error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::partition_error_code>("partition_error_code"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> results_by_partition;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::results_by_partition>("results_by_partition"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Topic> results_by_topic;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AddPartitionsToTxnResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&AddPartitionsToTxnResponse::results_by_topic>("results_by_topic_v3_and_below"),
    };
  }
  bool operator==(const AddPartitionsToTxnResponse&) const = default;
};

}  // namespace freshet::kafka
