#include "kafka/transaction_marker.h"

#include "base/check.h"
#include "base/crc32c.h"
#include "base/endian.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::kafka {

namespace {

namespace layout = batch_layout;

constexpr size_t kKeyBytes = 4;
constexpr size_t kValueBytes = 6;
constexpr int16_t kAbortType = 0;
constexpr int16_t kCommitType = 1;
constexpr int16_t kMarkerBits = layout::kTransactionalBit | layout::kControlBit;

void seal(char* batch, size_t size) {
  store_be<uint32_t>(batch + layout::kCrc,
                     crc32c({batch + layout::kAttributes, size - layout::kAttributes}));
}

}  // namespace

std::string encode_marker(const TransactionMarker& marker, int64_t timestamp_ms) {
  char key[kKeyBytes];
  store_be<int16_t>(key, 0);
  store_be<int16_t>(key + 2, marker.commit ? kCommitType : kAbortType);
  char value[kValueBytes];
  store_be<int16_t>(value, 0);
  store_be<int32_t>(value + 2, marker.coordinator_epoch);
  RecordBatchBuilder builder({.producer_id = marker.producer_id,
                              .producer_epoch = marker.producer_epoch,
                              .reserve_bytes = 32});
  builder.append(timestamp_ms, std::string_view(key, kKeyBytes),
                 std::string_view(value, kValueBytes));
  std::string batch = builder.build();
  store_be<int16_t>(batch.data() + layout::kAttributes, kMarkerBits);
  seal(batch.data(), batch.size());
  return batch;
}

std::optional<TransactionMarker> decode_marker(RecordBatchView batch) {
  if (!batch.is_control() || batch.codec() != Codec::kNone) return std::nullopt;
  std::string scratch;
  auto records = RecordIterator::open(batch, scratch);
  RecordView record;
  if (!records || !records->next(record) || !record.key || record.key->size() < kKeyBytes) {
    return std::nullopt;
  }
  const auto type = load_be<int16_t>(record.key->data() + 2);
  if (type != kAbortType && type != kCommitType) return std::nullopt;
  TransactionMarker marker{.producer_id = batch.producer_id(),
                           .producer_epoch = batch.producer_epoch(),
                           .commit = type == kCommitType};
  if (record.value && record.value->size() >= kValueBytes) {
    marker.coordinator_epoch = load_be<int32_t>(record.value->data() + 2);
  }
  return marker;
}

void set_producer(char* batch, size_t size, int64_t producer_id, int16_t producer_epoch,
                  int32_t base_sequence, bool transactional) {
  FRESHET_CHECK(size >= layout::kRecords, "a batch of {} bytes has no header", size);
  auto attributes = load_be<int16_t>(batch + layout::kAttributes);
  if (transactional) attributes |= layout::kTransactionalBit;
  store_be<int16_t>(batch + layout::kAttributes, attributes);
  store_be<int64_t>(batch + layout::kProducerId, producer_id);
  store_be<int16_t>(batch + layout::kProducerEpoch, producer_epoch);
  store_be<int32_t>(batch + layout::kBaseSequence, base_sequence);
  seal(batch, size);
}

std::string encode_gap(Offset base, Offset last, int32_t leader_epoch) {
  std::string batch(layout::kRecords, '\0');
  char* const header = batch.data();
  store_be<int64_t>(header + layout::kBaseOffset, base.value());
  store_be<int32_t>(header + layout::kLength,
                    static_cast<int32_t>(batch.size() - layout::kLengthOverhead));
  store_be<int32_t>(header + layout::kLeaderEpoch, leader_epoch);
  header[layout::kMagic] = 2;
  store_be<int16_t>(header + layout::kAttributes, kMarkerBits);
  store_be<int32_t>(header + layout::kLastOffsetDelta, static_cast<int32_t>(last - base));
  store_be<int64_t>(header + layout::kBaseTimestamp, -1);
  store_be<int64_t>(header + layout::kMaxTimestamp, -1);
  store_be<int64_t>(header + layout::kProducerId, -1);
  store_be<int16_t>(header + layout::kProducerEpoch, -1);
  store_be<int32_t>(header + layout::kBaseSequence, -1);
  seal(header, batch.size());
  return batch;
}

}  // namespace freshet::kafka
