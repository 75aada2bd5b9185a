// Reads the records of one batch, and the headers of one record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/record_batch.h"
#include "kafka/varint.h"
#include "model/record.h"

namespace freshet::kafka {

/// Walks a batch in offset order:
///
///   std::string scratch;  // reused from batch to batch
///   FRESHET_ASSIGN(auto records, RecordIterator::open(batch, scratch));
///   RecordView record;
///   while (records.next(record)) { ... }
///   FRESHET_TRY(records.finish());
///
/// The views of a record point into the batch, or into `scratch` if the batch is compressed; they
/// live as long as that stays untouched. One thread at a time. Costs a few nanoseconds per record.
class RecordIterator {
 public:
  /// Decompresses into `scratch` when needed, at most `decompressed_bytes_max`. The CRC is not
  /// looked at: who takes bytes from outside calls check_batch() before.
  static Result<RecordIterator> open(RecordBatchView batch, std::string& scratch,
                                     size_t decompressed_bytes_max = kDecompressedBytesMax);

  /// Fills `record` and returns true; false at the end or where the bytes make no sense.
  bool next(RecordView& record) {
    if (remaining_ == 0) return false;
    const char* at = at_;
    int32_t length = 0;
    if (!read_varint(at, end_, length) || length < 0 || length > end_ - at) [[unlikely]] {
      return false;
    }
    const char* const record_end = at + length;
    int64_t timestamp_delta = 0;
    int32_t offset_delta = 0;
    if (length == 0) [[unlikely]]
      return false;
    ++at;  // the record's attributes: unused by the protocol so far
    if (!read_varlong(at, record_end, timestamp_delta) ||
        !read_varint(at, record_end, offset_delta) || !read_field(at, record_end, record.key) ||
        !read_field(at, record_end, record.value)) [[unlikely]] {
      return false;
    }
    // Wraps for a batch that nobody checked; check_batch refuses offsets that could.
    record.offset = Offset(static_cast<int64_t>(static_cast<uint64_t>(base_offset_.value()) +
                                                static_cast<uint64_t>(int64_t{offset_delta})));
    // Wraps instead of overflowing: the delta is whatever the producer wrote.
    // Unsigned, because the sum may wrap: the delta is whatever the producer wrote.
    record.timestamp_ms = static_cast<int64_t>(
        base_timestamp_ms_ + (static_cast<uint64_t>(timestamp_delta) & timestamp_delta_mask_));
    record.headers = {at, static_cast<size_t>(record_end - at)};
    at_ = record_end;
    --remaining_;
    return true;
  }

  /// After next() returned false: success if exactly as many records were there as the header says
  /// and nothing follows them; else kCorrupt with the place.
  [[nodiscard]] Result<void> finish() const;

 private:
  RecordIterator(RecordBatchView batch, std::string_view records);

  static bool read_field(const char*& at, const char* end, std::optional<std::string_view>& field) {
    int32_t length = 0;
    if (!read_varint(at, end, length) || length > end - at) [[unlikely]]
      return false;
    if (length < 0) {
      field.reset();
      return length == -1;
    }
    field.emplace(at, static_cast<size_t>(length));
    at += length;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  int32_t remaining_;
  int32_t count_;
  Offset base_offset_;
  // For a LogAppendTime batch the append time and zero, so that next() needs no branch.
  uint64_t base_timestamp_ms_;
  uint64_t timestamp_delta_mask_;
};

/// One header of a record; a key may come more than once.
struct HeaderView {
  std::string_view key;
  std::optional<std::string_view> value;
  friend bool operator==(const HeaderView&, const HeaderView&) = default;
};

/// Walks RecordView::headers; an empty span has none.
class HeaderIterator {
 public:
  explicit HeaderIterator(std::string_view headers);
  /// False at the end or where the bytes make no sense.
  bool next(HeaderView& header);
  /// After next() returned false: kCorrupt if the bytes made no sense.
  [[nodiscard]] Result<void> finish() const;

 private:
  const char* at_;
  const char* end_;
  int32_t remaining_ = 0;
  bool corrupt_ = false;
};

/// The last header of that name, as Kafka's own lastHeader(); nullopt if there is none. A header
/// without a value reads as empty.
[[nodiscard]] std::optional<std::string_view> find_header(std::string_view headers,
                                                          std::string_view name);

}  // namespace freshet::kafka
