#include "kafka/record_batch_builder.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"
#include "kafka/varint.h"

namespace freshet::kafka {
namespace {

namespace layout = batch_layout;

size_t field_size(const std::optional<std::string_view>& field) {
  if (!field) return 1;
  return varint_size(static_cast<int32_t>(field->size())) + field->size();
}

char* write_bytes(char* to, std::string_view bytes) {
  std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

char* write_field(char* to, const std::optional<std::string_view>& field) {
  if (!field) return write_varint(to, -1);
  to = write_varint(to, static_cast<int32_t>(field->size()));
  return write_bytes(to, *field);
}

// What would be written for a record without headers: a count of zero.
constexpr std::string_view kNoHeaders("\0", 1);

}  // namespace

RecordBatchBuilder::RecordBatchBuilder(BatchOptions options) : options_(options) {}

void RecordBatchBuilder::grow(size_t needed) {
  const size_t wanted =
      std::max({needed, buffer_.size() * 2, options_.reserve_bytes + layout::kRecords});
  // The new bytes are written before they are read; filling them with zeros would cost a pass.
  buffer_.resize_and_overwrite(wanted, [wanted](char*, size_t) { return wanted; });
}

void RecordBatchBuilder::append(int64_t timestamp_ms, std::optional<std::string_view> key,
                                std::optional<std::string_view> value, std::string_view headers) {
  if (headers.empty()) headers = kNoHeaders;
  if (count_ == 0) {
    base_timestamp_ms_ = timestamp_ms;
    max_timestamp_ms_ = timestamp_ms;
  } else {
    max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  }
  const int64_t timestamp_delta = timestamp_ms - base_timestamp_ms_;
  const size_t body = 1 + varlong_size(timestamp_delta) + varint_size(count_) + field_size(key) +
                      field_size(value) + headers.size();
  FRESHET_CHECK_LE(body, kBatchBytesMax);
  const size_t needed = size_ + kVarintBytesMax + body;
  if (needed > buffer_.size()) grow(needed);

  char* to = buffer_.data() + size_;
  to = write_varint(to, static_cast<int32_t>(body));
  *to++ = 0;
  to = write_varlong(to, timestamp_delta);
  to = write_varint(to, count_);
  to = write_field(to, key);
  to = write_field(to, value);
  to = write_bytes(to, headers);
  size_ = static_cast<size_t>(to - buffer_.data());
  ++count_;
}

std::string RecordBatchBuilder::build() {
  FRESHET_CHECK(count_ > 0, "a record batch holds at least one record");
  std::string batch;
  if (options_.codec == Codec::kNone) {
    batch = std::move(buffer_);
    batch.resize(size_);
    buffer_.clear();
  } else {
    batch.resize(layout::kRecords);
    compress(options_.codec,
             std::string_view(buffer_).substr(layout::kRecords, size_ - layout::kRecords), batch);
  }
  FRESHET_CHECK_LE(batch.size(), kBatchBytesMax);
  auto attributes = static_cast<int16_t>(options_.codec);
  if (options_.transactional) attributes |= layout::kTransactionalBit;

  char* header = batch.data();
  store_be<int64_t>(header + layout::kBaseOffset, 0);
  store_be<int32_t>(header + layout::kLength,
                    static_cast<int32_t>(batch.size() - layout::kLengthOverhead));
  store_be<int32_t>(header + layout::kLeaderEpoch, -1);
  header[layout::kMagic] = 2;
  store_be<int16_t>(header + layout::kAttributes, attributes);
  store_be<int32_t>(header + layout::kLastOffsetDelta, count_ - 1);
  store_be<int64_t>(header + layout::kBaseTimestamp, base_timestamp_ms_);
  store_be<int64_t>(header + layout::kMaxTimestamp, max_timestamp_ms_);
  store_be<int64_t>(header + layout::kProducerId, options_.producer_id);
  store_be<int16_t>(header + layout::kProducerEpoch, options_.producer_epoch);
  store_be<int32_t>(header + layout::kBaseSequence, options_.base_sequence);
  store_be<int32_t>(header + layout::kRecordCount, count_);
  store_be<uint32_t>(header + layout::kCrc,
                     crc32c(std::string_view(batch).substr(layout::kAttributes)));

  if (options_.base_sequence >= 0) {
    options_.base_sequence =
        static_cast<int32_t>((int64_t{options_.base_sequence} + count_) & 0x7FFFFFFF);
  }
  size_ = layout::kRecords;
  count_ = 0;
  return batch;
}

std::string encode_headers(std::span<const HeaderView> headers) {
  size_t size = kVarintBytesMax;
  for (const auto& header : headers) {
    size += 2 * kVarintBytesMax + header.key.size() + (header.value ? header.value->size() : 0);
  }
  std::string encoded(size, '\0');
  char* to = write_varint(encoded.data(), static_cast<int32_t>(headers.size()));
  for (const auto& header : headers) {
    to = write_varint(to, static_cast<int32_t>(header.key.size()));
    to = write_bytes(to, header.key);
    to = write_field(to, header.value);
  }
  encoded.resize(static_cast<size_t>(to - encoded.data()));
  return encoded;
}

}  // namespace freshet::kafka
