#include "decode/json_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "decode/json_layout.h"
#include "decode/json_run.h"
#include "decode/json_walk.h"
#include "decode/value_tree.h"

namespace freshet::decode {
namespace {

constexpr uint32_t kDepthMax = 1000;  // the walk recurses once a level
constexpr size_t kRecordBytesMax = size_t{1} << 30;
constexpr size_t kSplitInto = 16;

// After so many records in a row that left the fast walk, it is not tried for the next ones.
constexpr uint32_t kMissesMax = 16;
constexpr uint32_t kRestRecords = 256;

int64_t power_of_ten(int exponent) {
  int64_t power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

int64_t record_time_max_ms(const ColumnType& type) {
  if (type.kind == ColumnKind::kDateTime) return int64_t{UINT32_MAX} * 1000 + 999;
  if (type.kind != ColumnKind::kDateTime64) return INT64_MAX;
  const int64_t end_of_2299 = (kDateTime64SecondsMax + 1) * 1000 - 1;
  return std::min(end_of_2299, INT64_MAX / power_of_ten(std::max(type.scale - 3, 0)));
}

/// The record's time in ticks of the column, or nothing if the column cannot hold it. Finer columns
/// get zeros, coarser ones the floor.
std::optional<int64_t> record_time(const ColumnType& type, int64_t timestamp_ms) {
  if (timestamp_ms < 0) return std::nullopt;  // Kafka's "no time" is -1
  switch (type.kind) {
    case ColumnKind::kDateTime: {
      const int64_t seconds = timestamp_ms / 1000;
      return seconds <= UINT32_MAX ? std::optional(seconds) : std::nullopt;
    }
    case ColumnKind::kDateTime64: {
      if (type.scale <= 3) return timestamp_ms / power_of_ten(3 - type.scale);
      int64_t ticks = 0;
      if (__builtin_mul_overflow(timestamp_ms, power_of_ten(type.scale - 3), &ticks)) {
        return std::nullopt;
      }
      return ticks;
    }
    default:
      return timestamp_ms;
  }
}

void append_time(Column& column, int64_t ticks) {
  if (column.type().kind == ColumnKind::kDateTime) {
    column.append_fixed(static_cast<uint32_t>(ticks));
  } else {
    column.append_fixed(ticks);
  }
}

}  // namespace

class JsonDecoder::Impl {
 public:
  Impl(JsonPlan plan, JsonLayout layout)
      : plan_(std::move(plan)),
        layout_(std::move(layout)),
        walk_(plan_, layout_),
        reserved_text_(plan_.columns.size()),
        constants_(plan_.columns.size()) {
    auto schema = std::make_shared<Schema>();
    for (const auto& column : plan_.columns) schema->push_back(column.field);
    schema_ = std::move(schema);
    for (const uint32_t index : layout_.metadata_columns) {
      const JsonColumn& column = plan_.columns[index];
      key_needed_ |=
          column.source == ColumnSource::kKey && column.missing == MissingPolicy::kReject;
      if (column.source != ColumnSource::kTimestamp) continue;
      timestamp_ms_min_ = 0;
      timestamp_ms_max_ = std::min(timestamp_ms_max_, record_time_max_ms(column.field.type));
    }
  }

  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const { return schema_; }

  Result<void> check_constants();
  void decode(std::span<const RecordView> records, const RecordOrigin& origin, ColumnBatch& out,
              std::vector<Reject>& rejects);

 private:
  [[nodiscard]] bool is_readable(const RecordView& record) const {
    return record.value && record.value->size() <= plan_.limits.record_bytes_max &&
           (record.key || !key_needed_) && record.timestamp_ms >= timestamp_ms_min_ &&
           record.timestamp_ms <= timestamp_ms_max_;
  }
  Fault read_constant(size_t index);
  [[nodiscard]] std::optional<Finding> refuse_unread(const RecordView& record) const;
  void decode_run(std::span<const uint32_t> indexes);
  void decode_alone(size_t index);
  void reject(size_t index, Finding finding);
  std::optional<Finding> fill_missing(const RecordView& record);
  std::optional<Finding> fill_missing_column(uint32_t column, const RecordView& record);
  void accept(size_t index, std::optional<Finding> finding);
  void append_metadata();
  void append_metadata_column(uint32_t column);
  void append_record_times(Column& column) const;
  void take_back() {
    for (const uint32_t column : layout_.path_columns) out_->column(column).truncate(rows_);
  }

  const JsonPlan plan_;
  const JsonLayout layout_;
  std::shared_ptr<const Schema> schema_;
  JsonWalk walk_;
  JsonRun run_;
  JsonRun alone_;
  // What the metadata columns ask of a record.
  bool key_needed_ = false;
  int64_t timestamp_ms_min_ = INT64_MIN;
  int64_t timestamp_ms_max_ = INT64_MAX;
  std::vector<std::string> reserved_text_;        // constants with readable bytes behind them
  std::vector<std::optional<Column>> constants_;  // of columns that a ValueTree reads: one row
  uint32_t misses_ = 0;
  uint32_t rest_ = 0;

  // Of the decode() under way.
  std::span<const RecordView> records_;
  RecordOrigin origin_;
  ColumnBatch* out_ = nullptr;
  std::vector<Reject>* rejects_ = nullptr;
  size_t rows_ = 0;  // whole rows of path columns
  std::vector<uint32_t> indexes_;
  std::vector<uint32_t> accepted_;
};

/// Into the batch that the walk is attached to, or into constants_.
Fault JsonDecoder::Impl::read_constant(size_t index) {
  const JsonColumn& column = plan_.columns[index];
  JsonRun run;
  run.add(column.constant);
  if (run.scan() != JsonRun::Scan::kGood || run.tokens()[0] != 0) return Fault::kMalformed;
  const uint32_t* token = run.tokens();
  if (!ValueTree::reads(column.field.type.kind)) {
    if (token[1] < column.constant.size()) return Fault::kMalformed;
    return append_value(walk_.slots()[index], run.text(), run.text() + column.constant.size());
  }
  ValueTree tree(column.field.type, {.unknown_fields = UnknownFieldPolicy::kReject,
                                     .elements_needed = true,
                                     .depth_max = plan_.limits.depth_max,
                                     .default_bytes_max = plan_.limits.default_bytes_max,
                                     .epoch_digits = plan_.epoch_digits});
  Column& constant = constants_[index].emplace(column.field.type);
  Column* const columns[] = {&constant};
  tree.attach(columns);
  if (const Fault fault = tree.append(run.text(), token, 0); fault != Fault::kNone) return fault;
  return *token < column.constant.size() ? Fault::kMalformed : Fault::kNone;
}

Result<void> JsonDecoder::Impl::check_constants() {
  ColumnBatch probe(schema_);
  walk_.attach(probe);
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    const JsonColumn& column = plan_.columns[i];
    if (column.missing != MissingPolicy::kConstant) continue;
    const Fault fault = read_constant(i);
    if (fault != Fault::kNone) {
      return fail(Errc::kInvalidArgument,
                  "column {}: the constant {} is not a value that fits {}; write it as JSON, texts "
                  "in double quotes",
                  column.field.name, column.constant, to_clickhouse_type(column.field.type));
    }
    reserved_text_[i] = column.constant;
    reserved_text_[i].reserve(column.constant.size() + kTextPadding);
  }
  return {};
}

std::optional<Finding> JsonDecoder::Impl::refuse_unread(const RecordView& record) const {
  if (!record.value) {
    return Finding{.reason = RejectReason::kNoValue,
                   .detail = "expected a JSON object, found a record without value (a tombstone)"};
  }
  if (record.value->size() > plan_.limits.record_bytes_max) {
    return Finding{.reason = RejectReason::kTooLarge,
                   .detail = fmt::format("the record has {} bytes, the limit is {}",
                                         record.value->size(), plan_.limits.record_bytes_max)};
  }
  if (!record.key && key_needed_) {
    return Finding{.reason = RejectReason::kMissingField,
                   .detail = "a column takes the record's key, and there is no key"};
  }
  if (record.timestamp_ms < timestamp_ms_min_ || record.timestamp_ms > timestamp_ms_max_) {
    return Finding{.reason = RejectReason::kOutOfRange,
                   .detail = fmt::format("a column takes the record's time, and {} ms does not fit",
                                         record.timestamp_ms)};
  }
  return std::nullopt;
}

void JsonDecoder::Impl::decode(std::span<const RecordView> records, const RecordOrigin& origin,
                               ColumnBatch& out, std::vector<Reject>& rejects) {
  FRESHET_CHECK(out.shared_schema() == schema_ || out.schema() == *schema_,
                "the batch was made for other columns");
  FRESHET_CHECK_LE(records.size(), size_t{UINT32_MAX});
  records_ = records;
  origin_ = origin;
  out_ = &out;
  rejects_ = &rejects;
  rows_ = out.rows();
  accepted_.clear();
  indexes_.clear();
  walk_.attach(out);
  const size_t rejects_before = rejects.size();
  size_t bytes = 0;
  const auto flush = [&] {
    if (!indexes_.empty()) decode_run(indexes_);
    indexes_.clear();
    bytes = 0;
  };
  for (size_t i = 0; i < records.size(); ++i) {
    if (!is_readable(records[i])) [[unlikely]] {
      reject(i, *refuse_unread(records[i]));
      continue;
    }
    const size_t size = records[i].value->size() + 1;
    if (!indexes_.empty() && bytes + size > plan_.run_bytes) flush();
    indexes_.push_back(static_cast<uint32_t>(i));
    bytes += size;
  }
  flush();
  append_metadata();
  // Records refused unread were noted before their run was decoded.
  std::ranges::sort(rejects.begin() + static_cast<ptrdiff_t>(rejects_before), rejects.end(), {},
                    &Reject::index);
}

void JsonDecoder::Impl::decode_run(std::span<const uint32_t> indexes) {
  if (plan_.run_bytes == 0) {
    for (const uint32_t index : indexes) decode_alone(index);
    return;
  }
  run_.clear();
  for (const uint32_t index : indexes) run_.add(*records_[index].value);
  if (run_.scan() != JsonRun::Scan::kGood) {
    if (indexes.size() == 1) return decode_alone(indexes.front());
    // Some record is broken. Most of the run still goes together.
    const size_t part = (indexes.size() + kSplitInto - 1) / kSplitInto;
    for (size_t at = 0; at < indexes.size(); at += part) {
      decode_run(indexes.subspan(at, std::min(part, indexes.size() - at)));
    }
    return;
  }
  const char* const text = run_.text();
  const uint32_t* token = run_.tokens();
  for (size_t i = 0; i < indexes.size(); ++i) {
    const size_t end = run_.end_of(i);
    const uint32_t* behind = nullptr;
    if (rest_ > 0) {
      --rest_;
    } else if (*token < end) {
      behind = walk_.fast(text, token);
      if (behind != nullptr && (behind[-1] >= end || *behind < end)) behind = nullptr;
      misses_ = behind != nullptr ? 0 : misses_ + 1;
      if (misses_ == kMissesMax) {
        misses_ = 0;
        rest_ = kRestRecords;
      }
    }
    if (behind != nullptr) [[likely]] {
      token = behind;
      if (walk_.written() != layout_.path_columns.size()) {
        accept(indexes[i], fill_missing(records_[indexes[i]]));
        continue;
      }
      accepted_.push_back(indexes[i]);
      ++rows_;
      continue;
    }
    take_back();
    while (*token < end) ++token;
    decode_alone(indexes[i]);
  }
}

void JsonDecoder::Impl::decode_alone(size_t index) {
  const auto value = *records_[index].value;
  alone_.clear();
  alone_.add(value);
  switch (alone_.scan()) {
    case JsonRun::Scan::kGood:
      break;
    case JsonRun::Scan::kInvalidUtf8:
      return reject(
          index, {.reason = RejectReason::kInvalidUtf8, .detail = "the record is not valid UTF-8"});
    case JsonRun::Scan::kMalformed:
      return reject(index, {.detail = value.find_first_not_of(" \t\r\n") == std::string_view::npos
                                          ? "expected a JSON object, found an empty record"
                                          : "not JSON: a string is not closed, or holds a control "
                                            "character that is not escaped"});
  }
  auto finding = walk_.careful(alone_.text(), value.size(), alone_.tokens(), plan_.run_bytes != 0);
  if (!finding && walk_.written() != layout_.path_columns.size()) {
    finding = fill_missing(records_[index]);
  }
  accept(index, std::move(finding));
}

/// Ends a record whose path columns are whole, or takes back what is there of it.
void JsonDecoder::Impl::accept(size_t index, std::optional<Finding> finding) {
  if (!finding) {
    accepted_.push_back(static_cast<uint32_t>(index));
    ++rows_;
    return;
  }
  take_back();
  reject(index, std::move(*finding));
}

void JsonDecoder::Impl::reject(size_t index, Finding finding) {
  rejects_->push_back({.offset = records_[index].offset,
                       .index = index,
                       .reason = finding.reason,
                       .path = std::move(finding.path),
                       .detail = std::move(finding.detail)});
}

std::optional<Finding> JsonDecoder::Impl::fill_missing(const RecordView& record) {
  for (const uint32_t index : layout_.path_columns) {
    if (out_->column(index).size() != rows_) continue;
    if (auto finding = fill_missing_column(index, record)) return finding;
  }
  return std::nullopt;
}

std::optional<Finding> JsonDecoder::Impl::fill_missing_column(uint32_t index,
                                                              const RecordView& record) {
  const JsonColumn& column = plan_.columns[index];
  switch (column.missing) {
    case MissingPolicy::kDefault:
      out_->column(index).append_default();
      return std::nullopt;
    case MissingPolicy::kConstant: {
      if (constants_[index]) {
        out_->column(index).append_row(*constants_[index], 0);
        return std::nullopt;
      }
      const auto& text = reserved_text_[index];
      const Fault fault =
          append_value(walk_.slots()[index], text.data(), text.data() + text.size());
      FRESHET_CHECK(fault == Fault::kNone, "constant of column {}", column.field.name);
      return std::nullopt;
    }
    case MissingPolicy::kRecordTime:
      if (const auto ticks = record_time(column.field.type, record.timestamp_ms)) {
        append_time(out_->column(index), *ticks);
        return std::nullopt;
      }
      return Finding{
          .reason = RejectReason::kOutOfRange,
          .path = json_path_text(column.path),
          .detail = fmt::format("the field is missing, and the record's time {} does not "
                                "fit {}",
                                record.timestamp_ms, to_clickhouse_type(column.field.type))};
    case MissingPolicy::kReject:
      break;
  }
  return Finding{
      .reason = RejectReason::kMissingField,
      .path = json_path_text(column.path),
      .detail = fmt::format("the field is missing, and column {} needs it", column.field.name)};
}

void JsonDecoder::Impl::append_metadata() {
  for (const uint32_t column : layout_.metadata_columns) append_metadata_column(column);
}

void JsonDecoder::Impl::append_record_times(Column& column) const {
  // Records of one batch share a few timestamps.
  int64_t last_ms = -1;
  int64_t ticks = 0;
  const auto time_of = [&](size_t row) {
    const int64_t ms = records_[accepted_[row]].timestamp_ms;
    if (ms != last_ms) {
      last_ms = ms;
      ticks = *record_time(column.type(), ms);
    }
    return ticks;
  };
  if (column.type().kind == ColumnKind::kDateTime) {
    column.append_made<uint32_t>(accepted_.size(),
                                 [&](size_t row) { return static_cast<uint32_t>(time_of(row)); });
  } else {
    column.append_made<int64_t>(accepted_.size(), time_of);
  }
}

void JsonDecoder::Impl::append_metadata_column(uint32_t index) {
  const JsonColumn& plan = plan_.columns[index];
  Column& column = out_->column(index);
  const size_t rows = accepted_.size();
  const bool wide = fixed_width(plan.field.type) == 8;
  switch (plan.source) {
    case ColumnSource::kPath:
      break;
    case ColumnSource::kTopic:
      column.append_string_repeated(origin_.topic, accepted_.size());
      break;
    case ColumnSource::kPartition:
      if (wide) {
        column.append_repeated(int64_t{origin_.partition}, rows);
      } else {
        column.append_repeated(origin_.partition, rows);
      }
      break;
    case ColumnSource::kOffset:
      column.append_made<int64_t>(
          rows, [&](size_t row) { return records_[accepted_[row]].offset.value(); });
      break;
    case ColumnSource::kTimestamp:
      append_record_times(column);
      break;
    case ColumnSource::kValue:
      for (const size_t i : accepted_) column.append_string(*records_[i].value);
      break;
    case ColumnSource::kKey:
      for (const size_t i : accepted_) {
        if (records_[i].key) {
          column.append_string(*records_[i].key);
        } else {
          column.append_default();
        }
      }
      break;
  }
}

JsonDecoder::JsonDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonDecoder::JsonDecoder(JsonDecoder&&) noexcept = default;
JsonDecoder& JsonDecoder::operator=(JsonDecoder&&) noexcept = default;
JsonDecoder::~JsonDecoder() = default;

Result<JsonDecoder> JsonDecoder::create(JsonPlan plan) {
  if (plan.limits.depth_max == 0 || plan.limits.depth_max > kDepthMax) {
    return fail(Errc::kInvalidArgument, "the depth limit of JSON records is 1 to {}, not {}",
                kDepthMax, plan.limits.depth_max);
  }
  if (plan.limits.record_bytes_max == 0 || plan.limits.record_bytes_max > kRecordBytesMax ||
      plan.run_bytes > kRecordBytesMax) {
    return fail(Errc::kInvalidArgument, "the size limit of JSON records is 1 to {} bytes, not {}",
                kRecordBytesMax, plan.limits.record_bytes_max);
  }
  if (plan.epoch_digits > 9) {
    return fail(Errc::kInvalidArgument, "numbers of time have 0 to 9 digits of a second, not {}",
                plan.epoch_digits);
  }
  FRESHET_ASSIGN(auto layout, JsonLayout::compile(plan));
  auto impl = std::make_unique<Impl>(std::move(plan), std::move(layout));
  FRESHET_TRY(impl->check_constants());
  return JsonDecoder(std::move(impl));
}

const std::shared_ptr<const Schema>& JsonDecoder::schema() const { return impl_->schema(); }

void JsonDecoder::decode(std::span<const RecordView> records, const RecordOrigin& origin,
                         ColumnBatch& out, std::vector<Reject>& rejects) {
  impl_->decode(records, origin, out, rejects);
}

}  // namespace freshet::decode
