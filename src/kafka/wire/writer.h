// Writes protocol primitives, and the frame they become.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/endian.h"
#include "kafka/group_consumer.h"
#include "kafka/varint.h"

namespace freshet::kafka::wire {

/// Bytes ready to send: owned text with record bytes of the log spliced in, which are sent from
/// where they lie. Keeps the owners of the slices alive; move it to the connection that writes it.
class EncodedFrame {
 public:
  [[nodiscard]] size_t size() const { return bytes_.size() + spliced_bytes_; }
  /// The frame in order, for a gathering write; valid until the frame is moved, changed or gone.
  [[nodiscard]] std::vector<std::string_view> pieces() const;
  /// One copy of everything.
  [[nodiscard]] std::string flatten() const;

 private:
  friend class Writer;
  struct Splice {
    size_t at;  // position in bytes_ that the slice comes before
    LogSlice slice;
  };
  std::string bytes_;
  std::vector<Splice> splices_;
  size_t spliced_bytes_ = 0;
};

/// Appends to a growing frame. Cannot fail.
class Writer {
 public:
  template <std::integral T>
  void fixed(T value) {
    char buffer[sizeof(T)];
    store_be<T>(buffer, value);
    frame_.bytes_.append(buffer, sizeof(T));
  }
  void unsigned_varint(uint32_t value) {
    char buffer[kVarlongBytesMax];
    frame_.bytes_.append(buffer, write_unsigned_varlong(buffer, value));
  }
  void raw(std::string_view bytes) { frame_.bytes_.append(bytes); }
  /// The bytes are not copied; the frame shares their ownership.
  void splice(const LogSlice& slice);
  /// Appends what another writer holds.
  void append(Writer&& other);

  void compact_length(size_t length) { unsigned_varint(static_cast<uint32_t>(length) + 1); }
  void compact_null() { unsigned_varint(0); }

  [[nodiscard]] size_t size() const { return frame_.size(); }
  /// Writes `value` over four bytes that were written before at `position` of the owned bytes, with
  /// no splice before them.
  void patch_int32(size_t position, int32_t value) {
    store_be<int32_t>(frame_.bytes_.data() + position, value);
  }
  [[nodiscard]] EncodedFrame finish() && { return std::move(frame_); }

 private:
  EncodedFrame frame_;
};

}  // namespace freshet::kafka::wire
