// What the versions of the transaction APIs call the same failure.
#pragma once

#include <cstdint>

#include "kafka/error_code.h"

namespace freshet::broker {

/// PRODUCER_FENCED came with version `since` of an API; older clients know INVALID_PRODUCER_EPOCH.
[[nodiscard]] inline kafka::ErrorCode fenced_code(kafka::ErrorCode code, int16_t version,
                                                  int16_t since) {
  const bool unknown = code == kafka::ErrorCode::kProducerFenced && version < since;
  return unknown ? kafka::ErrorCode::kInvalidProducerEpoch : code;
}

}  // namespace freshet::broker
