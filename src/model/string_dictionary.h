// Distinct strings and their codes, in order of first appearance.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/byte_buffer.h"

namespace freshet {

/// Open addressing over a hash that differs from process to process; codes do not depend on it.
/// Thread: one writer at a time.
class StringDictionary {
 public:
  StringDictionary();
  /// Code of `value`, adding it if it is new. Codes are 0, 1, 2, …
  int32_t code_of(std::string_view value);
  [[nodiscard]] size_t size() const { return offsets_.size() / sizeof(int32_t) - 1; }
  [[nodiscard]] std::string_view value(int32_t code) const {
    const auto offsets = this->offsets();
    const auto at = static_cast<size_t>(code);
    return chars_.view().substr(static_cast<size_t>(offsets[at]),
                                static_cast<size_t>(offsets[at + 1] - offsets[at]));
  }
  [[nodiscard]] std::span<const int32_t> offsets() const { return offsets_.as<int32_t>(); }
  [[nodiscard]] std::string_view chars() const { return chars_.view(); }
  /// Forgets the codes >= size; those below stay.
  void truncate(size_t size);
  void clear() { truncate(0); }

 private:
  [[gnu::noinline]] int32_t add(std::string_view value, uint64_t hash);
  void rehash(size_t slots);

  ByteBuffer offsets_;
  ByteBuffer chars_;
  std::vector<uint64_t> slots_;  // low half of the hash << 32 | code + 1; 0: empty; power of two
};

}  // namespace freshet
