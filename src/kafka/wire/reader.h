// Reads protocol primitives from a frame that somebody else wrote.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "base/endian.h"
#include "base/error.h"

namespace freshet::kafka::wire {

/// A cursor over borrowed bytes. It fails once and for good: after the first impossible value every
/// read returns zero or nothing and status() says what was wrong and at which byte. So a caller
/// may read on and look once, but must check failed() before it believes a length or a count.
class Reader {
 public:
  explicit Reader(std::string_view bytes)
      : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  template <std::integral T>
  T fixed() {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) [[unlikely]] {
      fail_short(sizeof(T));
      return 0;
    }
    const T value = load_be<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  uint32_t unsigned_varint();
  /// The next `size` bytes, still owned by the frame.
  std::string_view take(size_t size) {
    if (static_cast<size_t>(end_ - at_) < size) [[unlikely]] {
      fail_short(size);
      return {};
    }
    const std::string_view taken(at_, size);
    at_ += size;
    return taken;
  }

  /// Lengths of strings, bytes and arrays; -1 for null. Anything else below zero fails.
  int32_t length16();
  int32_t length32();
  int32_t compact_length();

  /// Reads and drops a section of tagged fields.
  void skip_tagged_fields();

  [[nodiscard]] size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  [[nodiscard]] size_t position() const { return static_cast<size_t>(at_ - begin_); }
  [[nodiscard]] std::string_view rest() const { return {at_, remaining()}; }
  [[nodiscard]] bool failed() const { return failed_; }

  void fail(Errc code, std::string message);
  /// The first failure, "byte 33: …", or success.
  [[nodiscard]] Result<void> status() const;

 private:
  void fail_short(size_t wanted);
  int32_t checked_length(int64_t length);

  const char* begin_;
  const char* at_;
  const char* end_;
  bool failed_ = false;
  Errc code_ = Errc::kCorrupt;
  std::string message_;
};

}  // namespace freshet::kafka::wire
