// The rules that a batch from a client must pass before it is appended.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/topic_config.h"
#include "kafka/error_code.h"
#include "kafka/record_batch.h"

namespace freshet::broker {

/// A record for which a whole batch is refused (KIP-467). Producers send the others again.
struct RefusedRecord {
  int32_t index = 0;  // in the batch
  std::string reason;
};

/// Checks `bytes` as one batch of format 2 by kafka::check_producer_batch(), the topic's limits on
/// time, and keys on a compacted topic. With LogAppendTime the batch is stamped in place. Errors
/// read by produced_batch_error_code(); where single records are to blame, `refused` has the first
/// 10,000 of them.
Result<void> accept_produced_batch(std::span<char> bytes, const TopicSettings& settings,
                                   int64_t now_ms, std::vector<RefusedRecord>& refused);

[[nodiscard]] kafka::ErrorCode produced_batch_error_code(const Error& error);

}  // namespace freshet::broker
