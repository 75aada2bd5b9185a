// ListTransactions (key 66): all transactional ids of the coordinator, or those that filters match.
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

/// Empty filters match everything; `duration_filter` is in ms, below 0 for any; the pattern is a
/// regular expression over the whole id.
struct ListTransactionsRequest {
  static constexpr ApiKey kApi = ApiKey::kListTransactions;
  static constexpr std::string_view kName = "ListTransactionsRequest";

  std::vector<std::string> state_filters;
  std::vector<int64_t> producer_id_filters;
  int64_t duration_filter = -1;
  std::optional<std::string> transactional_id_pattern;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListTransactionsRequest::state_filters>("state_filters"),
        wire::field<&ListTransactionsRequest::producer_id_filters>("producer_id_filters"),
        wire::field<&ListTransactionsRequest::duration_filter>("duration_filter", wire::since(1)),
        wire::field<&ListTransactionsRequest::transactional_id_pattern>("transactional_id_pattern",
                                                                        wire::since(2))
            .nullable(),
    };
  }
  bool operator==(const ListTransactionsRequest&) const = default;
};

struct ListTransactionsResponse {
  static constexpr ApiKey kApi = ApiKey::kListTransactions;
  static constexpr std::string_view kName = "ListTransactionsResponse";

  struct Transaction {
    std::string transactional_id;
    int64_t producer_id = 0;
    std::string transaction_state;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Transaction::transactional_id>("transactional_id"),
          wire::field<&Transaction::producer_id>("producer_id"),
          wire::field<&Transaction::transaction_state>("transaction_state"),
      };
    }
    bool operator==(const Transaction&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<std::string> unknown_state_filters;
  std::vector<Transaction> transaction_states;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ListTransactionsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&ListTransactionsResponse::error_code>("error_code"),
        wire::field<&ListTransactionsResponse::unknown_state_filters>("unknown_state_filters"),
        wire::field<&ListTransactionsResponse::transaction_states>("transaction_states"),
    };
  }
  bool operator==(const ListTransactionsResponse&) const = default;
};

}  // namespace freshet::kafka
