// The control record that ends a transaction in one partition (KIP-98).
//
//   key:   i16 version = 0, i16 type: 0 abort, 1 commit; other types end no transaction
//   value: i16 version = 0, i32 coordinator epoch
//
// It is alone in its batch, which is transactional and control, carries the producer's id and epoch
// and has no sequence. It occupies one offset; no consumer is given it as a record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kafka/record_batch.h"

namespace freshet::kafka {

struct TransactionMarker {
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  bool commit = false;
  int32_t coordinator_epoch = 0;
  friend bool operator==(const TransactionMarker&, const TransactionMarker&) = default;
};

/// The whole batch, base offset 0.
[[nodiscard]] std::string encode_marker(const TransactionMarker& marker, int64_t timestamp_ms);
/// nullopt: not a control batch, or one that ends no transaction, or one that cannot be read.
[[nodiscard]] std::optional<TransactionMarker> decode_marker(RecordBatchView batch);

/// Gives one whole batch at `batch` a producer: id, epoch, first sequence and the transactional
/// bit. Computes a new CRC over all `size` bytes.
void set_producer(char* batch, size_t size, int64_t producer_id, int16_t producer_epoch,
                  int32_t base_sequence, bool transactional);

/// An empty control batch for the offsets `base` to `last`: takes the place of batches that a
/// reader is not given, so that positions still follow from batches.
[[nodiscard]] std::string encode_gap(Offset base, Offset last, int32_t leader_epoch);

}  // namespace freshet::kafka
