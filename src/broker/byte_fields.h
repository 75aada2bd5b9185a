// Writes and reads the fixed-width fields of the broker's own state records, big-endian.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/endian.h"

namespace freshet::broker {

class FieldWriter {
 public:
  template <std::integral T>
  FieldWriter& put(T value) {
    char raw[sizeof value];
    store_be(raw, value);
    bytes_.append(raw, sizeof raw);
    return *this;
  }
  /// int16 length, then the bytes; at most 32,767 of them.
  FieldWriter& put_string(std::string_view text) {
    put(static_cast<int16_t>(text.size()));
    bytes_.append(text);
    return *this;
  }
  FieldWriter& put_null_string() { return put(int16_t{-1}); }
  FieldWriter& put_raw(std::string_view raw) {
    bytes_.append(raw);
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Every getter returns zero or nothing once the bytes have ended; ok() tells at the end.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

  template <std::integral T>
  T get() {
    const std::string_view raw = get_raw(sizeof(T));
    return raw.size() == sizeof(T) ? load_be<T>(raw.data()) : T{};
  }
  /// nullopt for a null string and after the end.
  std::optional<std::string> get_nullable_string() {
    const auto length = get<int16_t>();
    if (length < 0 || !ok_) return std::nullopt;
    return std::string(get_raw(static_cast<size_t>(length)));
  }
  std::string get_string() { return get_nullable_string().value_or(std::string()); }
  std::string_view get_raw(size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view raw = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return raw;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] size_t remaining() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace freshet::broker
