#include "broker/produced_batch.h"

#include <string>

#include "kafka/record_iterator.h"

namespace freshet::broker {

namespace {

/// A batch may expand to this when its keys are looked at; more is refused.
constexpr size_t kPlainBytesMax = 256 << 20;

Result<void> check_times(const kafka::RecordBatchView& batch, const TopicSettings& settings,
                         int64_t now_ms) {
  const int64_t newest = batch.max_timestamp_ms();
  if (newest > now_ms && newest - now_ms > settings.timestamp_after_max_ms) {
    return fail(Errc::kOutOfRange,
                "a record's time is {} ms ahead of the broker's clock, "
                "message.timestamp.after.max.ms is {}",
                newest - now_ms, settings.timestamp_after_max_ms);
  }
  const int64_t oldest = batch.base_timestamp_ms();
  if (oldest >= 0 && oldest < now_ms && now_ms - oldest > settings.timestamp_before_max_ms) {
    return fail(Errc::kOutOfRange,
                "a record's time is {} ms behind the broker's clock, "
                "message.timestamp.before.max.ms is {}",
                now_ms - oldest, settings.timestamp_before_max_ms);
  }
  return {};
}

Result<void> check_keys(const kafka::RecordBatchView& batch) {
  std::string scratch;
  FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(batch, scratch, kPlainBytesMax));
  RecordView record;
  while (records.next(record)) {
    if (!record.key) {
      return fail(Errc::kInvalidArgument,
                  "record {} has no key, and the topic is compacted: every record needs one",
                  record.offset - batch.base_offset());
    }
  }
  return records.finish();
}

}  // namespace

Result<void> accept_produced_batch(std::span<char> bytes, const TopicSettings& settings,
                                   int64_t now_ms) {
  if (bytes.empty()) return fail(Errc::kInvalidArgument, "there is no record batch");
  FRESHET_ASSIGN(
      const kafka::RecordBatchView batch,
      kafka::check_producer_batch({bytes.data(), bytes.size()}, settings.batch_bytes_max));
  if (settings.compacted) FRESHET_TRY(check_keys(batch));
  if (settings.log_append_time) {
    kafka::set_log_append_time(bytes.data(), bytes.size(), now_ms);
    return {};
  }
  return check_times(batch, settings, now_ms);
}

kafka::ErrorCode produced_batch_error_code(const Error& error) {
  if (error.code() == Errc::kOutOfRange) return kafka::ErrorCode::kInvalidTimestamp;
  return kafka::producer_batch_error_code(error);
}

}  // namespace freshet::broker
