// AddOffsetsToTxn (key 25): a consumer group whose offsets a transaction is about to commit.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

struct AddOffsetsToTxnRequest {
  static constexpr ApiKey kApi = ApiKey::kAddOffsetsToTxn;
  static constexpr std::string_view kName = "AddOffsetsToTxnRequest";

  std::string transactional_id;
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  std::string group_id;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AddOffsetsToTxnRequest::transactional_id>("transactional_id"),
        wire::field<&AddOffsetsToTxnRequest::producer_id>("producer_id"),
        wire::field<&AddOffsetsToTxnRequest::producer_epoch>("producer_epoch"),
        wire::field<&AddOffsetsToTxnRequest::group_id>("group_id"),
    };
  }
  bool operator==(const AddOffsetsToTxnRequest&) const = default;
};

struct AddOffsetsToTxnResponse {
  static constexpr ApiKey kApi = ApiKey::kAddOffsetsToTxn;
  static constexpr std::string_view kName = "AddOffsetsToTxnResponse";

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AddOffsetsToTxnResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&AddOffsetsToTxnResponse::error_code>("error_code"),
    };
  }
  bool operator==(const AddOffsetsToTxnResponse&) const = default;
};

}  // namespace freshet::kafka
