// DescribeTransactions (key 65): state of transactions by transactional id.
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

struct DescribeTransactionsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeTransactions;
  static constexpr std::string_view kName = "DescribeTransactionsRequest";

  std::vector<std::string> transactional_ids;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeTransactionsRequest::transactional_ids>("transactional_ids"),
    };
  }
  bool operator==(const DescribeTransactionsRequest&) const = default;
};

/// `transaction_start_time_ms` is -1 where no transaction is open.
struct DescribeTransactionsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeTransactions;
  static constexpr std::string_view kName = "DescribeTransactionsResponse";

  struct Topic {
    std::string topic;
    std::vector<int32_t> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  struct Transaction {
    ErrorCode error_code = ErrorCode::kNone;
    std::string transactional_id;
    std::string transaction_state;
    int32_t transaction_timeout_ms = 0;
    int64_t transaction_start_time_ms = 0;
    int64_t producer_id = 0;
    int16_t producer_epoch = 0;
    std::vector<Topic> topics;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Transaction::error_code>("error_code"),
          wire::field<&Transaction::transactional_id>("transactional_id"),
          wire::field<&Transaction::transaction_state>("transaction_state"),
          wire::field<&Transaction::transaction_timeout_ms>("transaction_timeout_ms"),
          wire::field<&Transaction::transaction_start_time_ms>("transaction_start_time_ms"),
          wire::field<&Transaction::producer_id>("producer_id"),
          wire::field<&Transaction::producer_epoch>("producer_epoch"),
          wire::field<&Transaction::topics>("topics"),
      };
    }
    bool operator==(const Transaction&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Transaction> transaction_states;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeTransactionsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeTransactionsResponse::transaction_states>("transaction_states"),
    };
  }
  bool operator==(const DescribeTransactionsResponse&) const = default;
};

}  // namespace freshet::kafka
