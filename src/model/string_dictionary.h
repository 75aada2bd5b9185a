// Distinct strings and their codes, in order of first appearance.
#pragma once

#include <cstdint>
#include <cstring>
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
  /// As code_of(), when 16 bytes behind the beginning of `value` can be read: no branch depends on
  /// the length of a short value.
  int32_t code_of_padded(std::string_view value);
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
  /// The first 16 bytes of a value as two words, zeros behind its end, and its length: all there is
  /// to compare for a short value.
  struct Head {
    uint64_t low = 0;
    uint64_t high = 0;
    uint32_t size = 0;

    static Head of(std::string_view value);
    static Head of_padded(std::string_view value) {
      const size_t size = value.size();
      return {.low = load(value.data()) & mask(size),
              .high = load(value.data() + 8) & mask(size < 8 ? 0 : size - 8),
              .size = static_cast<uint32_t>(size)};
    }
    friend bool operator==(const Head&, const Head&) = default;

   private:
    static uint64_t load(const char* from) {
      uint64_t word;
      std::memcpy(&word, from, sizeof word);
      return word;
    }
    static uint64_t mask(size_t bytes) {
      return bytes >= 8 ? ~uint64_t{0} : (uint64_t{1} << (bytes * 8)) - 1;
    }
  };
  struct Slot {
    Head head;
    uint32_t code_plus_1 = 0;  // 0: empty
  };

  static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  [[nodiscard]] uint64_t short_hash(const Head& head) const {
    return mix(head.low ^ seed_, head.high ^ (head.size * 0xD6E8FEB86659FD93ULL));
  }
  [[nodiscard]] uint64_t hash(const Head& head, std::string_view value) const;
  int32_t find_or_add(std::string_view value, const Head& head);
  int32_t add(std::string_view value, const Head& head, uint64_t hash);
  void rehash(size_t slots);

  ByteBuffer offsets_;
  ByteBuffer chars_;
  uint64_t seed_;
  std::vector<Slot> slots_;  // a power of two
};

inline int32_t StringDictionary::code_of_padded(std::string_view value) {
  const Head head = Head::of_padded(value);
  const Slot& slot = slots_[short_hash(head) & (slots_.size() - 1)];
  if (slot.head == head && slot.code_plus_1 != 0 && value.size() <= 16) [[likely]] {
    return static_cast<int32_t>(slot.code_plus_1 - 1);
  }
  return find_or_add(value, head);
}

}  // namespace freshet
