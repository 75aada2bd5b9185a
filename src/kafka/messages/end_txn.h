// EndTxn (key 26): commits or aborts a transaction. Version 5 belongs to the second transaction
// protocol (KIP-890).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

struct EndTxnRequest {
  static constexpr ApiKey kApi = ApiKey::kEndTxn;
  static constexpr std::string_view kName = "EndTxnRequest";

  std::string transactional_id;
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  bool committed = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&EndTxnRequest::transactional_id>("transactional_id"),
        wire::field<&EndTxnRequest::producer_id>("producer_id"),
        wire::field<&EndTxnRequest::producer_epoch>("producer_epoch"),
        wire::field<&EndTxnRequest::committed>("committed"),
    };
  }
  bool operator==(const EndTxnRequest&) const = default;
};

struct EndTxnResponse {
  static constexpr ApiKey kApi = ApiKey::kEndTxn;
  static constexpr std::string_view kName = "EndTxnResponse";

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static constexpr auto schema() {
    return std::array{
        wire::field<&EndTxnResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&EndTxnResponse::error_code>("error_code"),
    };
  }
  bool operator==(const EndTxnResponse&) const = default;
};

}  // namespace freshet::kafka
