#include "broker/produced_batch.h"

#include <string>

#include "kafka/record_iterator.h"

namespace freshet::broker {

namespace {

/// A batch may expand to this when its keys are looked at; more is refused.
constexpr size_t kPlainBytesMax = 256 << 20;
/// An answer names no more refused records than this: a small batch may expand to millions.
constexpr size_t kRefusedRecordsMax = 10'000;

/// Names the records with a `reason`, which is empty for a good one.
template <class Reason>
Result<void> find_refused(const kafka::RecordBatchView& batch, Reason reason,
                          std::vector<RefusedRecord>& refused) {
  std::string scratch;
  FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(batch, scratch, kPlainBytesMax));
  RecordView record;
  for (int32_t index = 0; records.next(record); ++index) {
    std::string why = reason(record);
    if (!why.empty() && refused.size() < kRefusedRecordsMax) {
      refused.push_back({index, std::move(why)});
    }
  }
  auto finished = records.finish();
  if (!finished) refused.clear();  // the batch as a whole is no good
  return finished;
}

std::string untimely(int64_t timestamp_ms, const TopicSettings& settings, int64_t now_ms) {
  if (timestamp_ms > now_ms && timestamp_ms - now_ms > settings.timestamp_after_max_ms) {
    return fmt::format(
        "a record's time is {} ms ahead of the broker's clock, message.timestamp.after.max.ms is "
        "{}",
        timestamp_ms - now_ms, settings.timestamp_after_max_ms);
  }
  if (timestamp_ms >= 0 && timestamp_ms < now_ms &&
      now_ms - timestamp_ms > settings.timestamp_before_max_ms) {
    return fmt::format(
        "a record's time is {} ms behind the broker's clock, message.timestamp.before.max.ms is "
        "{}",
        now_ms - timestamp_ms, settings.timestamp_before_max_ms);
  }
  return {};
}

// The header's times tell whether there is a bad one; the records are read only then.
Result<void> check_times(const kafka::RecordBatchView& batch, const TopicSettings& settings,
                         int64_t now_ms, std::vector<RefusedRecord>& refused) {
  std::string why = untimely(batch.max_timestamp_ms(), settings, now_ms);
  if (why.empty()) why = untimely(batch.base_timestamp_ms(), settings, now_ms);
  if (why.empty()) return {};
  FRESHET_TRY(find_refused(
      batch,
      [&](const RecordView& record) { return untimely(record.timestamp_ms, settings, now_ms); },
      refused));
  return fail(Errc::kOutOfRange, "{}", why);
}

Result<void> check_keys(const kafka::RecordBatchView& batch, std::vector<RefusedRecord>& refused) {
  FRESHET_TRY(find_refused(
      batch,
      [](const RecordView& record) {
        return std::string(record.key ? "" : "the record has no key");
      },
      refused));
  if (refused.empty()) return {};
  return fail(Errc::kInvalidArgument,
              "record {} has no key, and the topic is compacted: every record needs one",
              refused.front().index);
}

}  // namespace

Result<void> accept_produced_batch(std::span<char> bytes, const TopicSettings& settings,
                                   int64_t now_ms, std::vector<RefusedRecord>& refused) {
  if (bytes.empty()) return fail(Errc::kInvalidArgument, "there is no record batch");
  FRESHET_ASSIGN(
      const kafka::RecordBatchView batch,
      kafka::check_producer_batch({bytes.data(), bytes.size()}, settings.batch_bytes_max));
  if (settings.compacted) FRESHET_TRY(check_keys(batch, refused));
  if (settings.log_append_time) {
    kafka::set_log_append_time(bytes.data(), bytes.size(), now_ms);
    return {};
  }
  return check_times(batch, settings, now_ms, refused);
}

kafka::ErrorCode produced_batch_error_code(const Error& error) {
  if (error.code() == Errc::kOutOfRange) return kafka::ErrorCode::kInvalidTimestamp;
  return kafka::producer_batch_error_code(error);
}

}  // namespace freshet::broker
