// Which transactions are open in one partition: what its last stable offset follows from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "kafka/record_batch.h"
#include "model/offset.h"

namespace freshet::broker {

/// A transaction that was rolled back: its records are there and are no records to a reader of
/// committed ones.
struct AbortedTransaction {
  int64_t producer_id = -1;
  Offset first_offset;
  Offset last_offset;         // of the marker
  Offset last_stable_offset;  // of the partition, once the marker was in
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

/// Follows the batches of a partition in offset order. A transaction of a producer begins with its
/// first transactional batch and ends with the marker. One thread at a time.
///
/// Invariant: a producer has at most one open transaction.
class OpenTransactions {
 public:
  /// Any batch, durable, with its offset. Returns the transaction if this is the marker that rolls
  /// one back.
  std::optional<AbortedTransaction> note(kafka::RecordBatchView batch);
  void restore(int64_t producer_id, Offset first_offset);

  /// nullopt: none is open.
  [[nodiscard]] std::optional<Offset> first_offset() const;
  /// Of this producer's open transaction.
  [[nodiscard]] std::optional<Offset> first_offset_of(int64_t producer_id) const;
  /// Producer id -> first offset.
  [[nodiscard]] const std::map<int64_t, Offset>& open() const { return open_; }

 private:
  std::map<int64_t, Offset> open_;
  std::set<Offset> first_offsets_;
};

}  // namespace freshet::broker
