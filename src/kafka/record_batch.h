// Kafka's record batch, format version 2 (KIP-98), as it is produced, stored and fetched.
//
// Layout, big-endian; the CRC covers everything from the attributes on, so base offset and leader
// epoch change without a new one:
//
//    0 base offset i64          27 base timestamp i64     61 records:
//    8 length i32 (after it)    35 max timestamp i64         varint length, i8 attributes,
//   12 leader epoch i32         43 producer id i64           varlong timestamp delta,
//   16 magic i8 = 2             51 producer epoch i16        varint offset delta,
//   17 CRC-32C u32              53 base sequence i32         varint-prefixed key and value (-1
//   null), 21 attributes i16           57 record count i32          varint header count, headers 23
//   last offset delta i32
//
// Attributes: bits 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/endian.h"
#include "base/error.h"
#include "kafka/compression.h"
#include "kafka/error_code.h"
#include "model/offset.h"

namespace freshet::kafka {

namespace batch_layout {
inline constexpr size_t kBaseOffset = 0;
inline constexpr size_t kLength = 8;
inline constexpr size_t kLeaderEpoch = 12;
inline constexpr size_t kMagic = 16;
inline constexpr size_t kCrc = 17;
inline constexpr size_t kAttributes = 21;
inline constexpr size_t kLastOffsetDelta = 23;
inline constexpr size_t kBaseTimestamp = 27;
inline constexpr size_t kMaxTimestamp = 35;
inline constexpr size_t kProducerId = 43;
inline constexpr size_t kProducerEpoch = 51;
inline constexpr size_t kBaseSequence = 53;
inline constexpr size_t kRecordCount = 57;
inline constexpr size_t kRecords = 61;
inline constexpr size_t kLengthOverhead = 12;  // bytes before what the length field counts

inline constexpr int16_t kCodecMask = 0x07;
inline constexpr int16_t kLogAppendTimeBit = 0x08;
inline constexpr int16_t kTransactionalBit = 0x10;
inline constexpr int16_t kControlBit = 0x20;
inline constexpr int16_t kDeleteHorizonBit = 0x40;
}  // namespace batch_layout

/// No batch is larger, whatever the topic says: the frame limit of a request.
inline constexpr size_t kBatchBytesMax = 100 << 20;
/// A compressed batch whose records would take more than this is refused.
inline constexpr size_t kDecompressedBytesMax = 1 << 30;

/// Reads the header of one whole batch in place. A view of bytes that somebody else owns, cheap to
/// copy. Made by next_batch() and check_producer_batch(), which have seen that length and magic
/// hold; everything else in the header is as it came.
class RecordBatchView {
 public:
  /// `bytes` must be one batch that next_batch() accepted.
  explicit RecordBatchView(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  /// Still compressed if codec() is not kNone.
  [[nodiscard]] std::string_view records() const { return bytes_.substr(batch_layout::kRecords); }

  [[nodiscard]] Offset base_offset() const {
    return Offset(get<int64_t>(batch_layout::kBaseOffset));
  }
  [[nodiscard]] int32_t leader_epoch() const { return get<int32_t>(batch_layout::kLeaderEpoch); }
  [[nodiscard]] uint32_t crc() const { return get<uint32_t>(batch_layout::kCrc); }
  [[nodiscard]] int16_t attributes() const { return get<int16_t>(batch_layout::kAttributes); }
  [[nodiscard]] int32_t last_offset_delta() const {
    return get<int32_t>(batch_layout::kLastOffsetDelta);
  }
  [[nodiscard]] int64_t base_timestamp_ms() const {
    return get<int64_t>(batch_layout::kBaseTimestamp);
  }
  [[nodiscard]] int64_t max_timestamp_ms() const {
    return get<int64_t>(batch_layout::kMaxTimestamp);
  }
  [[nodiscard]] int64_t producer_id() const { return get<int64_t>(batch_layout::kProducerId); }
  [[nodiscard]] int16_t producer_epoch() const {
    return get<int16_t>(batch_layout::kProducerEpoch);
  }
  [[nodiscard]] int32_t base_sequence() const { return get<int32_t>(batch_layout::kBaseSequence); }
  [[nodiscard]] int32_t record_count() const { return get<int32_t>(batch_layout::kRecordCount); }

  /// Wraps for a batch that nobody checked; check_batch refuses offsets that could.
  [[nodiscard]] Offset last_offset() const {
    return Offset(static_cast<int64_t>(static_cast<uint64_t>(base_offset().value()) +
                                       static_cast<uint64_t>(int64_t{last_offset_delta()})));
  }
  /// One past the last offset of the batch.
  [[nodiscard]] Offset next_offset() const { return last_offset() + 1; }
  /// Wraps from 2^31-1 to 0 as producers do; -1 without a producer id.
  [[nodiscard]] int32_t last_sequence() const {
    if (base_sequence() < 0) return -1;
    return static_cast<int32_t>((int64_t{base_sequence()} + last_offset_delta()) & 0x7FFFFFFF);
  }
  /// A number above 4 names no codec: the iterator and check_producer_batch() refuse it.
  [[nodiscard]] Codec codec() const {
    return static_cast<Codec>(attributes() & batch_layout::kCodecMask);
  }
  [[nodiscard]] bool is_log_append_time() const { return has(batch_layout::kLogAppendTimeBit); }
  [[nodiscard]] bool is_transactional() const { return has(batch_layout::kTransactionalBit); }
  [[nodiscard]] bool is_control() const { return has(batch_layout::kControlBit); }
  [[nodiscard]] bool has_delete_horizon() const { return has(batch_layout::kDeleteHorizonBit); }
  [[nodiscard]] bool has_producer_id() const { return producer_id() >= 0; }

  [[nodiscard]] uint32_t computed_crc() const;
  [[nodiscard]] bool crc_matches() const { return crc() == computed_crc(); }

 private:
  template <class T>
  [[nodiscard]] T get(size_t position) const {
    return load_be<T>(bytes_.data() + position);
  }
  [[nodiscard]] bool has(int16_t bit) const { return (attributes() & bit) != 0; }

  std::string_view bytes_;
};

/// Takes the first batch off `bytes`. nullopt, `bytes` untouched: less than one whole batch is left
/// (the end, a torn tail, or the cut end of a fetch). kCorrupt: no batch can begin like this.
/// kUnsupported: message format 0 or 1. Looks at length and magic only, never at the CRC.
Result<std::optional<RecordBatchView>> next_batch(std::string_view& bytes);

/// CRC and the header's inner agreement, as a log is checked when it is recovered: offsets that do
/// not run backwards, a codec that exists, a count that fits. kCorrupt says what is wrong.
Result<void> check_batch(RecordBatchView batch);

/// The rules for what a client may produce: `bytes` is exactly one batch of format 2 with a correct
/// CRC, 1 <= count == last offset delta + 1, no control batch, a base sequence when there is a
/// producer id, at most `batch_bytes_max`. kCorrupt, kTooLarge (message.max.bytes), kUnsupported
/// (old format) and kInvalidArgument (any other rule) map to protocol codes by
/// producer_batch_error_code().
Result<RecordBatchView> check_producer_batch(std::string_view bytes, size_t batch_bytes_max);

/// The code of a Produce response for an error of check_producer_batch().
[[nodiscard]] ErrorCode producer_batch_error_code(const Error& error);

/// In-place edits of one whole batch at `batch`; the CRC stays valid.
inline void set_base_offset(char* batch, Offset offset) {
  store_be<int64_t>(batch + batch_layout::kBaseOffset, offset.value());
}
inline void set_leader_epoch(char* batch, int32_t epoch) {
  store_be<int32_t>(batch + batch_layout::kLeaderEpoch, epoch);
}
/// message.timestamp.type=LogAppendTime: every record has `append_time_ms`. Computes a new CRC over
/// all `size` bytes.
void set_log_append_time(char* batch, size_t size, int64_t append_time_ms);

}  // namespace freshet::kafka
