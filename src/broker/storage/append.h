// What goes into a partition log and what comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "model/offset.h"

namespace freshet::broker {

/// One or more record batches v2, back to back, for one partition. The caller has checked length,
/// magic, CRC and record count (kafka/record_batch.h); the commit thread reads batch headers only
/// and writes base offset and leader epoch into `bytes` in place, which no CRC covers. The caller
/// must not touch `bytes` until the append is done.
struct AppendBatches {
  std::shared_ptr<void> owner;  // keeps `bytes` alive
  std::span<char> bytes;

  static AppendBatches from_string(std::string bytes) {
    auto owned = std::make_shared<std::string>(std::move(bytes));
    const std::span<char> span(owned->data(), owned->size());
    return {.owner = std::move(owned), .bytes = span};
  }
};

enum class AppendStatus {
  kAppended,              // durable and visible to readers
  kDuplicate,             // the same producer sequence is in the log already, at `base_offset`
  kOutOfOrderSequence,    // Kafka error 45: a gap in the producer's sequence
  kInvalidProducerEpoch,  // Kafka error 47: a newer epoch of this producer id has written
  kInvalidTxnState,       // Kafka error 48: no transaction may begin here, or one is open already
  kInvalidBatch,          // the header contradicts itself; nothing of this append was written
  kTooLarge,              // larger than one write-ahead log file can hold
  kDeleted,               // the partition is gone
  kOverloaded,            // the append queue is full; wait with LogStore::on_room and try again
  kNoSpace,               // the disk is full; nothing of this append was written
  kFailed,                // the write-ahead log cannot be written; whether it landed is not known
};

struct AppendResult {
  AppendStatus status = AppendStatus::kAppended;
  Offset base_offset = kNoOffset;  // of the first batch; of the original when kDuplicate
  Offset last_offset = kNoOffset;  // of the last batch
  Offset log_start = kNoOffset;
  std::string message;  // empty when kAppended or kDuplicate

  [[nodiscard]] bool ok() const {
    return status == AppendStatus::kAppended || status == AppendStatus::kDuplicate;
  }
};

/// Called exactly once, on the commit thread (or on the appending thread when refused at once): be
/// brief, do not block, do not throw; post to an executor if there is work to do.
using AppendDone = std::move_only_function<void(AppendResult)>;

}  // namespace freshet::broker
