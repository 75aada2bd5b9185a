#include "kafka/record_batch.h"

#include "base/crc32c.h"

namespace freshet::kafka {

namespace layout = batch_layout;

uint32_t RecordBatchView::computed_crc() const {
  return crc32c(bytes_.substr(layout::kAttributes));
}

Result<std::optional<RecordBatchView>> next_batch(std::string_view& bytes) {
  if (bytes.size() <= layout::kMagic) return std::nullopt;
  const auto magic = static_cast<int8_t>(bytes[layout::kMagic]);
  if (magic == 0 || magic == 1) {
    return fail(Errc::kUnsupported,
                "message format {} is not supported; format 2 (Kafka 0.11 and later) is expected: "
                "use a client that is newer than 2017",
                magic);
  }
  if (magic != 2) return fail(Errc::kCorrupt, "record batch has magic {} instead of 2", magic);
  const auto length = load_be<int32_t>(bytes.data() + layout::kLength);
  constexpr auto kLengthMin = static_cast<int32_t>(layout::kRecords - layout::kLengthOverhead);
  if (length < kLengthMin || static_cast<size_t>(length) > kBatchBytesMax) {
    return fail(Errc::kCorrupt, "record batch claims {} bytes; {} to {} are possible", length,
                kLengthMin, kBatchBytesMax);
  }
  const auto size = static_cast<size_t>(length) + layout::kLengthOverhead;
  if (bytes.size() < size) return std::nullopt;
  const RecordBatchView batch(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return batch;
}

Result<void> check_batch(RecordBatchView batch) {
  if (const auto crc = batch.computed_crc(); crc != batch.crc()) {
    return fail(Errc::kCorrupt, "record batch at offset {} has CRC {:08x}, its bytes give {:08x}",
                batch.base_offset(), batch.crc(), crc);
  }
  if (batch.base_offset() < Offset(0) || batch.last_offset_delta() < 0 ||
      batch.base_offset().value() > INT64_MAX - 1 - batch.last_offset_delta()) {
    return fail(Errc::kCorrupt, "record batch has base offset {} and last offset delta {}",
                batch.base_offset(), batch.last_offset_delta());
  }
  // Compaction removes records but never adds any.
  if (batch.record_count() < 0 ||
      int64_t{batch.record_count()} > int64_t{batch.last_offset_delta()} + 1) {
    return fail(Errc::kCorrupt, "record batch at offset {} claims {} records in {} offsets",
                batch.base_offset(), batch.record_count(), int64_t{batch.last_offset_delta()} + 1);
  }
  if (batch.codec() > Codec::kZstd) {
    return fail(Errc::kCorrupt, "record batch at offset {} has the unknown compression codec {}",
                batch.base_offset(), static_cast<int>(batch.codec()));
  }
  return {};
}

Result<RecordBatchView> check_producer_batch(std::string_view bytes, size_t batch_bytes_max) {
  const size_t size = bytes.size();
  FRESHET_ASSIGN(const auto first, next_batch(bytes));
  if (!first) {
    return fail(Errc::kCorrupt, "{} bytes of records are less than one whole record batch", size);
  }
  const RecordBatchView batch = *first;
  if (!bytes.empty()) {
    return fail(Errc::kInvalidArgument,
                "{} bytes follow the first record batch; a produce request carries exactly one "
                "batch per partition",
                bytes.size());
  }
  if (batch.size() > batch_bytes_max) {
    return fail(Errc::kTooLarge,
                "record batch of {} bytes is over the limit of {}: lower the producer's batch "
                "size or raise the topic's max.message.bytes",
                batch.size(), batch_bytes_max);
  }
  if (batch.base_offset() != Offset(0)) {
    return fail(Errc::kInvalidArgument, "a produced batch has base offset {}; 0 is expected",
                batch.base_offset());
  }
  FRESHET_TRY(check_batch(batch));
  if (batch.record_count() < 1 || batch.record_count() - 1 != batch.last_offset_delta()) {
    return fail(Errc::kInvalidArgument,
                "a produced batch claims {} records and last offset delta {}; at least one record "
                "and offsets without gaps are expected",
                batch.record_count(), batch.last_offset_delta());
  }
  if (batch.is_control()) {
    return fail(Errc::kInvalidArgument, "clients may not produce control batches");
  }
  if (batch.has_producer_id() && (batch.base_sequence() < 0 || batch.producer_epoch() < 0)) {
    return fail(Errc::kInvalidArgument,
                "batch of producer {} has sequence {} and epoch {}; neither may be negative",
                batch.producer_id(), batch.base_sequence(), batch.producer_epoch());
  }
  if (batch.is_transactional() && !batch.has_producer_id()) {
    return fail(Errc::kInvalidArgument, "a transactional batch needs a producer id");
  }
  return batch;
}

ErrorCode producer_batch_error_code(const Error& error) {
  switch (error.code()) {
    case Errc::kTooLarge:
      return ErrorCode::kMessageTooLarge;
    case Errc::kUnsupported:
      return ErrorCode::kUnsupportedForMessageFormat;
    case Errc::kInvalidArgument:
      return ErrorCode::kInvalidRecord;
    default:
      return ErrorCode::kCorruptMessage;
  }
}

void set_log_append_time(char* batch, size_t size, int64_t append_time_ms) {
  const auto attributes = load_be<int16_t>(batch + layout::kAttributes);
  store_be<int16_t>(batch + layout::kAttributes,
                    static_cast<int16_t>(attributes | layout::kLogAppendTimeBit));
  store_be<int64_t>(batch + layout::kMaxTimestamp, append_time_ms);
  store_be<uint32_t>(batch + layout::kCrc,
                     RecordBatchView(std::string_view(batch, size)).computed_crc());
}

}  // namespace freshet::kafka
