// Places in a log as people name them: where `freshet consume` begins and ends, where a group is
// put.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/client/admin.h"
#include "kafka/client/consumer.h"

namespace freshet::app {

struct StartRule {
  enum class Kind { kBeginning, kEnd, kLast, kTime, kOffset };
  Kind kind = Kind::kEnd;
  int64_t number = 0;  // kLast: records per partition; kTime: milliseconds since the epoch; kOffset

  /// "beginning" or "earliest", "end" or "latest", "-10", "1234", "@2026-11-01T00:00Z",
  /// "@1758191400000" (milliseconds)
  static Result<StartRule> parse(std::string_view text);
};

/// The offset to begin with in each of the partitions, never outside of what the log holds.
Result<std::vector<kafka::StartPosition>> resolve_start(
    kafka::Admin& admin, const std::vector<TopicPartition>& partitions, const StartRule& rule);

}  // namespace freshet::app
