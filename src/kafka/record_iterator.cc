#include "kafka/record_iterator.h"

namespace freshet::kafka {

Result<RecordIterator> RecordIterator::open(RecordBatchView batch, std::string& scratch,
                                            size_t decompressed_bytes_max) {
  if (batch.codec() == Codec::kNone) return RecordIterator(batch, batch.records());
  FRESHET_TRY_CONTEXT(decompress(batch.codec(), batch.records(), decompressed_bytes_max, scratch),
                      "record batch at offset {}", batch.base_offset());
  return RecordIterator(batch, scratch);
}

RecordIterator::RecordIterator(RecordBatchView batch, std::string_view records)
    : begin_(records.data()),
      at_(records.data()),
      end_(records.data() + records.size()),
      remaining_(batch.record_count() < 0 ? 0 : batch.record_count()),
      count_(batch.record_count()),
      base_offset_(batch.base_offset()),
      base_timestamp_ms_(static_cast<uint64_t>(
          batch.is_log_append_time() ? batch.max_timestamp_ms() : batch.base_timestamp_ms())),
      timestamp_delta_mask_(batch.is_log_append_time() ? 0 : ~uint64_t{0}) {}

Result<void> RecordIterator::finish() const {
  if (remaining_ == 0 && at_ == end_ && count_ >= 0) return {};
  if (remaining_ == 0) {
    return fail(Errc::kCorrupt,
                "record batch at offset {}: {} bytes follow the last of its {} records",
                base_offset_, end_ - at_, count_);
  }
  return fail(Errc::kCorrupt,
              "record batch at offset {}: record {} of {}, at byte {} of the records, is malformed",
              base_offset_, count_ - remaining_ + 1, count_, at_ - begin_);
}

HeaderIterator::HeaderIterator(std::string_view headers)
    : at_(headers.data()), end_(headers.data() + headers.size()) {
  if (headers.empty()) return;
  corrupt_ = !read_varint(at_, end_, remaining_) || remaining_ < 0;
}

bool HeaderIterator::next(HeaderView& header) {
  if (corrupt_ || remaining_ == 0) return false;
  corrupt_ = true;
  int32_t length = 0;
  if (!read_varint(at_, end_, length) || length < 0 || length > end_ - at_) return false;
  header.key = {at_, static_cast<size_t>(length)};
  at_ += length;
  if (!read_varint(at_, end_, length) || length < -1 || length > end_ - at_) return false;
  if (length < 0) {
    header.value.reset();
  } else {
    header.value.emplace(at_, static_cast<size_t>(length));
    at_ += length;
  }
  corrupt_ = false;
  --remaining_;
  return true;
}

Result<void> HeaderIterator::finish() const {
  if (!corrupt_ && remaining_ == 0 && at_ == end_) return {};
  return fail(Errc::kCorrupt, "the headers of a record are malformed ({} bytes before their end)",
              end_ - at_);
}

std::optional<std::string_view> find_header(std::string_view headers, std::string_view name) {
  std::optional<std::string_view> found;
  HeaderIterator iterator(headers);
  for (HeaderView header; iterator.next(header);) {
    if (header.key == name) found = header.value.value_or(std::string_view());
  }
  return found;
}

}  // namespace freshet::kafka
