#include "kafka/wire/reader.h"

#include "kafka/varint.h"

namespace freshet::kafka::wire {

uint32_t Reader::unsigned_varint() {
  uint32_t value = 0;
  if (!read_unsigned_varint(at_, end_, value)) [[unlikely]] {
    fail(Errc::kCorrupt, "a varint is cut off or longer than 32 bits");
    return 0;
  }
  return value;
}

int32_t Reader::checked_length(int64_t length) {
  if (failed_) return 0;
  if (length < -1) [[unlikely]] {
    fail(Errc::kCorrupt, fmt::format("length {} is negative", length));
    return 0;
  }
  // An element or a byte takes at least one byte: whoever allocates by this length is safe.
  if (length > static_cast<int64_t>(remaining())) [[unlikely]] {
    fail(Errc::kCorrupt, fmt::format("length {} exceeds the {} bytes left", length, remaining()));
    return 0;
  }
  return static_cast<int32_t>(length);
}

int32_t Reader::length16() { return checked_length(fixed<int16_t>()); }
int32_t Reader::length32() { return checked_length(fixed<int32_t>()); }
int32_t Reader::compact_length() { return checked_length(int64_t{unsigned_varint()} - 1); }

void Reader::skip_tagged_fields() {
  for (uint32_t left = unsigned_varint(); left > 0 && !failed_; --left) {
    unsigned_varint();
    take(unsigned_varint());
  }
}

void Reader::fail(Errc code, std::string message) {
  if (failed_) return;
  failed_ = true;
  code_ = code;
  message_ = fmt::format("byte {}: {}", position(), message);
  at_ = end_;
}

void Reader::fail_short(size_t wanted) {
  fail(Errc::kCorrupt, fmt::format("{} more bytes are expected, {} are left", wanted, remaining()));
}

Result<void> Reader::status() const {
  if (!failed_) return {};
  return std::unexpected(Error(code_, message_));
}

}  // namespace freshet::kafka::wire
