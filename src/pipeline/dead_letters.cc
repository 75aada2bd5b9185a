#include "pipeline/dead_letters.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::pipeline {
namespace {

constexpr std::string_view kPipeline = "freshet.pipeline";
constexpr std::string_view kTopic = "freshet.origin.topic";
constexpr std::string_view kTopicId = "freshet.origin.topic_id";
constexpr std::string_view kPartition = "freshet.origin.partition";
constexpr std::string_view kOffset = "freshet.origin.offset";
constexpr std::string_view kTimestamp = "freshet.origin.timestamp";
constexpr std::string_view kReason = "freshet.reject.reason";
constexpr std::string_view kPath = "freshet.reject.path";
constexpr std::string_view kDetail = "freshet.reject.detail";
constexpr std::string_view kAttempt = "freshet.attempt";
/// Headers of the original that are not in Kafka's encoding are kept as they are under this name.
constexpr std::string_view kRawHeaders = "freshet.origin.raw_headers";

constexpr size_t kBatchBytes = 512 << 10;
constexpr size_t kReadBackBytes = 4 << 20;
/// How far the wall clock may have been set back between an intent and its dead letters.
constexpr auto kClockSlack = std::chrono::hours(1);

template <class T>
bool read_number(std::string_view headers, std::string_view name, T& out) {
  const auto text = kafka::find_header(headers, name);
  if (!text) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  return error == std::errc() && end == text->data() + text->size();
}

std::string letter_headers(const TopicPartition& origin, const TopicId& topic_id,
                           const std::string& pipeline, const DeadLetter& letter) {
  std::vector<kafka::HeaderView> all;
  kafka::HeaderIterator original(letter.headers);
  kafka::HeaderView header;
  while (original.next(header)) {
    if (!header.key.starts_with("freshet.")) all.push_back(header);
  }
  if (!original.finish()) {
    all.clear();
    all.push_back({kRawHeaders, letter.headers});
  }
  const std::string id = topic_id.to_string();
  const std::string partition = std::to_string(origin.partition);
  const std::string offset = std::to_string(letter.offset.value());
  const std::string timestamp = std::to_string(letter.timestamp_ms);
  const std::string attempt = std::to_string(letter.attempt);
  all.push_back({kPipeline, pipeline});
  all.push_back({kTopic, origin.topic});
  all.push_back({kTopicId, id});
  all.push_back({kPartition, partition});
  all.push_back({kOffset, offset});
  all.push_back({kTimestamp, timestamp});
  all.push_back({kReason, reject_reason_name(letter.reason)});
  if (!letter.path.empty()) all.push_back({kPath, letter.path});
  all.push_back({kDetail, letter.detail});
  all.push_back({kAttempt, attempt});
  return kafka::encode_headers(all);
}

/// Calls `on_record` for every record of every data batch in `slice`; returns the first offset.
Result<Offset> visit_slice(const kafka::LogSlice& slice, std::string& scratch,
                           const std::function<void(const RecordView&)>& on_record,
                           int64_t& newest_ms) {
  Offset first = kNoOffset;
  std::string_view rest = slice.bytes;
  while (!rest.empty()) {
    FRESHET_ASSIGN(const auto batch, kafka::next_batch(rest));
    if (!batch) break;
    if (first == kNoOffset) first = batch->base_offset();
    newest_ms = std::max(newest_ms, batch->max_timestamp_ms());
    if (batch->is_control()) continue;
    FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(*batch, scratch));
    RecordView record;
    while (records.next(record)) on_record(record);
    FRESHET_TRY(records.finish());
  }
  if (first == kNoOffset) return fail(Errc::kCorrupt, "a slice of the log without a whole batch");
  return first;
}

}  // namespace

DeadLetter DeadLetter::of(const RecordView& record, const Reject& reject) {
  DeadLetter letter;
  letter.offset = record.offset;
  letter.timestamp_ms = record.timestamp_ms;
  if (record.key) letter.key.emplace(*record.key);
  if (record.value) letter.value.emplace(*record.value);
  letter.headers = record.headers;
  letter.reason = reject.reason;
  letter.path = reject.path;
  letter.detail = reject.detail;
  uint32_t earlier = 0;
  if (read_number(record.headers, kAttempt, earlier) && earlier < 1'000'000) {
    letter.attempt = earlier + 1;
  }
  return letter;
}

DeadLetter DeadLetter::of_letter(const DeadLetterOrigin& origin, const RecordView& record) {
  DeadLetter letter;
  letter.offset = origin.offset;
  letter.timestamp_ms = origin.timestamp_ms;
  if (record.key) letter.key.emplace(*record.key);
  if (record.value) letter.value.emplace(*record.value);
  // Those that were added are left out when the letter is written.
  letter.headers = kafka::find_header(record.headers, kRawHeaders).value_or(record.headers);
  letter.path = origin.path;
  letter.detail = origin.detail;
  letter.attempt = origin.attempt;
  return letter;
}

size_t DeadLetter::byte_size() const {
  return sizeof(DeadLetter) + (key ? key->size() : 0) + (value ? value->size() : 0) +
         headers.size() + path.size() + detail.size();
}

Result<DeadLetterOrigin> parse_dead_letter(const RecordView& record) {
  DeadLetterOrigin origin;
  const auto pipeline = kafka::find_header(record.headers, kPipeline);
  const auto topic = kafka::find_header(record.headers, kTopic);
  const auto topic_id = kafka::find_header(record.headers, kTopicId);
  const auto reason = kafka::find_header(record.headers, kReason);
  int64_t offset = -1;
  if (!pipeline || !topic || !topic_id || !reason ||
      !read_number(record.headers, kPartition, origin.tp.partition) ||
      !read_number(record.headers, kOffset, offset) ||
      !read_number(record.headers, kTimestamp, origin.timestamp_ms) ||
      !read_number(record.headers, kAttempt, origin.attempt)) {
    return fail(Errc::kCorrupt, "record {} is no dead letter: freshet.* headers are missing",
                record.offset);
  }
  origin.pipeline = *pipeline;
  origin.tp.topic = *topic;
  origin.topic_id = *topic_id;
  origin.offset = Offset(offset);
  origin.reason = *reason;
  origin.path = kafka::find_header(record.headers, kPath).value_or("");
  origin.detail = kafka::find_header(record.headers, kDetail).value_or("");
  return origin;
}

Result<void> DeadLetterQueue::check_topic() const {
  const auto partitions = producer_.partition_count(topic_);
  if (partitions) return {};
  return std::unexpected(partitions.error().with_context(
      fmt::format("pipeline {} needs its dead-letter topic {} (create it: freshet topic create {})",
                  pipeline_, topic_, topic_)));
}

std::future<Result<std::vector<Offset>>> DeadLetterQueue::write(const TopicPartition& origin,
                                                                const TopicId& topic_id,
                                                                std::span<const DeadLetter> letters,
                                                                WallMillis now) {
  std::promise<Result<std::vector<Offset>>> early;
  if (letters.empty()) {
    early.set_value(std::vector<Offset>());
    return early.get_future();
  }
  const auto partitions = producer_.partition_count(topic_);
  if (!partitions) {
    early.set_value(std::unexpected(partitions.error()));
    return early.get_future();
  }
  const TopicPartition target{topic_, origin.partition % *partitions};
  std::vector<kafka::PartitionBatch> batches;
  kafka::RecordBatchBuilder builder;
  for (const auto& letter : letters) {
    const auto headers = letter_headers(origin, topic_id, pipeline_, letter);
    if (!builder.empty() && builder.size_bytes() + letter.byte_size() > kBatchBytes) {
      batches.push_back({target, builder.build()});
    }
    builder.append(now.time_since_epoch().count(), letter.key, letter.value, headers);
  }
  batches.push_back({target, builder.build()});
  return producer_.produce(std::move(batches));
}

Result<std::vector<Offset>> DeadLetterQueue::letters_in(const TopicPartition& origin,
                                                        const TopicId& topic_id, OffsetRange range,
                                                        WallMillis not_before) const {
  std::vector<Offset> found;
  const std::string id = topic_id.to_string();
  std::string scratch;
  FRESHET_ASSIGN(const int32_t partitions, producer_.partition_count(topic_));
  for (int32_t p = 0; p < partitions; ++p) {
    const TopicPartition tp{topic_, p};
    Offset before = kNoOffset;
    bool passed = false;
    while (!passed && before != Offset(0)) {
      FRESHET_ASSIGN(const auto slices, producer_.read_backwards(tp, before, kReadBackBytes));
      if (slices.empty()) break;
      int64_t newest_ms = std::numeric_limits<int64_t>::min();
      for (const auto& slice : slices) {
        const auto first = visit_slice(
            slice, scratch,
            [&](const RecordView& record) {
              const auto letter = parse_dead_letter(record);
              if (!letter || letter->pipeline != pipeline_ || letter->tp != origin ||
                  letter->topic_id != id) {
                return;
              }
              if (range.contains(letter->offset)) found.push_back(letter->offset);
              if (letter->offset < range.first && letter->attempt == 1) passed = true;
            },
            newest_ms);
        if (!first) return std::unexpected(first.error());
        before = before == kNoOffset ? *first : std::min(before, *first);
      }
      passed = passed || newest_ms < not_before.time_since_epoch().count();
    }
  }
  std::ranges::sort(found);
  return found;
}

Result<size_t> DeadLetterQueue::write_missing(const TopicPartition& origin, const TopicId& topic_id,
                                              OffsetRange range,
                                              std::span<const DeadLetter> letters,
                                              WallMillis intent_time, WallMillis now) {
  if (letters.empty()) return size_t{0};
  const auto not_before = intent_time - kClockSlack;
  FRESHET_ASSIGN(const auto there, letters_in(origin, topic_id, range, not_before));
  std::vector<DeadLetter> missing;
  for (const auto& letter : letters) {
    if (!std::ranges::binary_search(there, letter.offset)) missing.push_back(letter);
  }
  if (auto stored = write(origin, topic_id, missing, now).get(); !stored) {
    return std::unexpected(kafka::failure_of_fresh_records(std::move(stored).error()));
  }
  return missing.size();
}

Result<void> DeadLetterQueue::visit(
    const std::function<void(const DeadLetterOrigin&)>& on_letter) const {
  return visit(Visitor{.on_letter = [&](const Place&, const DeadLetterOrigin& origin,
                                        const RecordView&) { on_letter(origin); },
                       .on_mark = {}});
}

Result<void> DeadLetterQueue::visit(const Visitor& visitor) const {
  std::string scratch;
  FRESHET_ASSIGN(const int32_t partitions, producer_.partition_count(topic_));
  for (int32_t p = 0; p < partitions; ++p) {
    const auto on_record = [&](const RecordView& record) {
      if (const auto letter = parse_dead_letter(record)) {
        if (letter->pipeline == pipeline_) visitor.on_letter({p, record.offset}, *letter, record);
      } else if (const auto mark = mend_mark_of(record); mark && visitor.on_mark) {
        if (mark->pipeline == pipeline_) visitor.on_mark({p, record.offset}, *mark, record);
      }
    };
    Offset before = kNoOffset;
    while (before != Offset(0)) {
      FRESHET_ASSIGN(const auto slices,
                     producer_.read_backwards({topic_, p}, before, kReadBackBytes));
      if (slices.empty()) break;
      int64_t newest_ms = 0;
      for (const auto& slice : slices) {
        const auto first = visit_slice(slice, scratch, on_record, newest_ms);
        if (!first) return std::unexpected(first.error().with_context(topic_));
        before = before == kNoOffset ? *first : std::min(before, *first);
      }
    }
  }
  return {};
}

Result<void> DeadLetterQueue::write_mark(const MendMark& mark, WallMillis now) {
  FRESHET_ASSIGN(const int32_t partitions, producer_.partition_count(topic_));
  const kafka::HeaderView header{kMendHeader, "1"};
  kafka::RecordBatchBuilder builder;
  builder.append(now.time_since_epoch().count(), std::nullopt, encode_mend_mark(mark),
                 kafka::encode_headers({&header, 1}));
  std::vector<kafka::PartitionBatch> batches;
  batches.push_back({{topic_, mark.tp.partition % partitions}, builder.build()});
  if (auto stored = producer_.produce(std::move(batches)).get(); !stored) {
    return std::unexpected(kafka::failure_of_fresh_records(std::move(stored).error())
                               .with_context("mend mark in topic " + topic_));
  }
  return {};
}

}  // namespace freshet::pipeline
