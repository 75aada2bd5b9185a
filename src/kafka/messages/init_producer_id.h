// InitProducerId (key 22): producer id and epoch for idempotent and transactional producers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

struct InitProducerIdRequest {
  static constexpr ApiKey kApi = ApiKey::kInitProducerId;
  static constexpr std::string_view kName = "InitProducerIdRequest";

  std::optional<std::string> transactional_id;
  int32_t transaction_timeout_ms = 0;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;

  static constexpr auto schema() {
    return std::array{
        wire::field<&InitProducerIdRequest::transactional_id>("transactional_id").nullable(),
        wire::field<&InitProducerIdRequest::transaction_timeout_ms>("transaction_timeout_ms"),
        wire::field<&InitProducerIdRequest::producer_id>("producer_id", wire::since(3)),
        wire::field<&InitProducerIdRequest::producer_epoch>("producer_epoch", wire::since(3)),
    };
  }
  bool operator==(const InitProducerIdRequest&) const = default;
};

struct InitProducerIdResponse {
  static constexpr ApiKey kApi = ApiKey::kInitProducerId;
  static constexpr std::string_view kName = "InitProducerIdResponse";

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  int64_t producer_id = -1;
  int16_t producer_epoch = 0;

  static constexpr auto schema() {
    return std::array{
        wire::field<&InitProducerIdResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&InitProducerIdResponse::error_code>("error_code"),
        wire::field<&InitProducerIdResponse::producer_id>("producer_id"),
        wire::field<&InitProducerIdResponse::producer_epoch>("producer_epoch"),
    };
  }
  bool operator==(const InitProducerIdResponse&) const = default;
};

}  // namespace freshet::kafka
