// Fencing by leader epoch (KIP-320): what every request that names the epoch it believes in gets.
#pragma once

#include "broker/storage/partition_log.h"
#include "kafka/error_code.h"

namespace freshet::broker {

/// kNone also for -1, a client that does not know any epoch.
inline kafka::ErrorCode check_leader_epoch(const PartitionLog& log, int32_t epoch) {
  if (epoch < 0 || epoch == log.leader_epoch()) return kafka::ErrorCode::kNone;
  return epoch < log.leader_epoch() ? kafka::ErrorCode::kFencedLeaderEpoch
                                    : kafka::ErrorCode::kUnknownLeaderEpoch;
}

}  // namespace freshet::broker
