// One record batch with some of its records taken out.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "kafka/record_batch.h"
#include "kafka/record_iterator.h"

namespace freshet::broker {

struct BatchCompaction {
  /// Whether a record stays. Called once for each, in offset order.
  std::function<bool(const RecordView&)> keeps;
  /// For a batch that has none and keeps a record that is to go later (a tombstone, a marker): when
  /// that may go. Kafka's delete horizon: bit 6 of the attributes, in the place of the base
  /// timestamp (KIP-534).
  int64_t delete_horizon_ms = 0;
  /// The batch is a marker that may go once its delete horizon has passed.
  bool marker_may_go = false;
};

enum class CompactedBatch {
  kWhole,   // nothing changed: `batch` stays as it is
  kFewer,   // in `out`
  kNothing  // no record stays
};

/// Base offset, last offset, producer, epoch, sequence, codec and leader epoch stay; records that
/// stay keep their offsets, times and bytes. `scratch` is reused from batch to batch.
Result<CompactedBatch> compact_batch(kafka::RecordBatchView batch, const BatchCompaction& rules,
                                     std::string& scratch, std::string& out);

/// The header alone, no records: keeps the offsets, and what the producer sent last.
[[nodiscard]] std::string empty_batch(kafka::RecordBatchView batch);
/// As above, of no producer and no transaction: keeps only the offsets.
[[nodiscard]] std::string filler_batch(kafka::RecordBatchView batch);

}  // namespace freshet::broker
