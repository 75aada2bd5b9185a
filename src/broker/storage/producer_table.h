// Which producer sequences a partition has seen: what makes idempotent producers idempotent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "broker/storage/open_transactions.h"
#include "kafka/record_batch.h"
#include "model/offset.h"

namespace freshet::broker {

/// One batch of one producer, as it lies in the log. The marker that ended a transaction has no
/// sequences; its epoch fences older ones.
struct ProducerBatch {
  int16_t epoch = -1;
  int32_t first_sequence = -1;
  int32_t last_sequence = -1;
  Offset base_offset = kNoOffset;
  Offset last_offset = kNoOffset;
  [[nodiscard]] bool is_marker() const { return first_sequence < 0; }
  friend bool operator==(const ProducerBatch&, const ProducerBatch&) = default;
};

enum class SequenceVerdict { kNext, kDuplicate, kOutOfOrder, kOldEpoch };

struct SequenceCheck {
  SequenceVerdict verdict = SequenceVerdict::kNext;
  Offset base_offset = kNoOffset;  // of the original, when kDuplicate
  Offset last_offset = kNoOffset;
  int32_t expected_sequence = -1;  // when kOutOfOrder
  int16_t known_epoch = -1;        // when kOldEpoch
};

/// Remembers the last five batches of each producer id, by the rules of KIP-98: an exact repeat of
/// one of them is a duplicate; the next sequence follows the last (2^31-1 is followed by 0); a
/// newer epoch begins at sequence 0; an older one is refused; an unknown producer id may begin
/// anywhere. The newest marker is kept beside the five: sequences go on over markers of the same
/// epoch, and a marker of a newer epoch fences its predecessors before anything is written under
/// it.
///
/// Batches enter when they get their offsets and are settled when they are published; more than
/// five are kept while they are not, so that a checkpoint can always leave out what is not.
/// One thread at a time.
class ProducerTable {
 public:
  static constexpr size_t kBatchesKept = 5;

  struct Producer {
    std::vector<ProducerBatch> batches;  // oldest first, never empty
    int64_t last_append_ms = 0;          // wall clock

    /// The newest batch with sequences under the newest epoch; nullptr when there is none.
    [[nodiscard]] const ProducerBatch* newest_data() const;
    [[nodiscard]] int16_t epoch() const { return batches.back().epoch; }
  };

  /// `batch` must have a producer id.
  [[nodiscard]] SequenceCheck check(kafka::RecordBatchView batch) const;
  /// `batch` has its base offset.
  void add(kafka::RecordBatchView batch, int64_t now_ms);
  /// The producer's batches before `end` are published; those behind it come on top of the five.
  void settle(int64_t producer_id, Offset end);
  /// Forgets producers that have not written since `before_ms` and have no transaction open.
  void expire(int64_t before_ms, const OpenTransactions& open);

  [[nodiscard]] bool empty() const { return producers_.empty(); }
  [[nodiscard]] const std::unordered_map<int64_t, Producer>& producers() const {
    return producers_;
  }
  /// Only batches that end before `offset`.
  [[nodiscard]] ProducerTable durable_before(Offset offset) const;
  void restore(int64_t producer_id, Producer producer);

  /// Kafka's <offset>.snapshot, version 1: i16 version, u32 CRC-32C of what follows, i32 count, per
  /// producer: id i64, epoch i16, last sequence i32, last offset i64, offset delta i32,
  /// timestamp i64, coordinator epoch i32 (-1 before the first marker), first offset of the open
  /// transaction i64 (-1). The open transactions do not come back with from_snapshot().
  [[nodiscard]] std::string to_snapshot(const OpenTransactions& open) const;
  static Result<ProducerTable> from_snapshot(std::string_view bytes);

 private:
  std::unordered_map<int64_t, Producer> producers_;
};

}  // namespace freshet::broker
