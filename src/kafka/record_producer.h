// How sources and dead letters write to a log. Real users: broker/local_producer.h (in process) and
// kafka/remote/remote_producer.h (a Kafka that runs elsewhere).
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "model/offset.h"

namespace freshet::kafka {

/// One record batch v2, already encoded (kafka/record_batch.h), base offset 0, that passes what
/// check_producer_batch() asks for and the configs of its topic.
struct PartitionBatch {
  TopicPartition tp;
  std::string batch;
};

/// Any thread may call any method.
class RecordProducer {
 public:
  virtual ~RecordProducer() = default;

  virtual Result<int32_t> partition_count(const std::string& topic) = 0;

  /// Appends all batches in order. The future is ready when every one of them is durable
  /// (fdatasync, or all in-sync replicas) and visible, and holds their base offsets in the same
  /// order; on error any prefix of each partition's may have landed. kOutOfRange: a record's time
  /// is further from the broker's clock than its topic allows.
  virtual std::future<Result<std::vector<Offset>>> produce(std::vector<PartitionBatch> batches) = 0;

  /// The newest batches of a partition that end before `before` (kNoOffset: the end), newest first,
  /// about `bytes_max` in all but at least one; empty at the start of the log. Sources find their
  /// position with it.
  virtual Result<std::vector<LogSlice>> read_backwards(const TopicPartition& tp, Offset before,
                                                       size_t bytes_max) = 0;

  /// The program ends: a log that cannot be reached is waited for `limit` longer, then what is not
  /// durable fails with kCancelled; it may have landed. A log of this process is always there.
  virtual void stop_waiting(std::chrono::milliseconds /*limit*/) {}
};

/// The failure of produce() for records that were stamped with the clock of this process. A refused
/// time then says that the clock was set in between: stamped again they are taken (kUnavailable).
[[nodiscard]] inline Error failure_of_fresh_records(Error error) {
  if (error.code() != Errc::kOutOfRange) return error;
  return Error(Errc::kUnavailable,
               fmt::format("{} (the clock was set after the record was made)", error.message()));
}

}  // namespace freshet::kafka
