// The keys of one object in the order they came in lately, so that the next record's keys are
// compared instead of looked up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decode/json_layout.h"
#include "decode/json_text.h"

namespace freshet::decode {

/// Keys with escapes are never learned, so no two entries mean the same key, and a record whose
/// keys match entries at rising positions has no duplicates.
class KeyOrder {
 public:
  static constexpr size_t kKeysMax = 256;
  static constexpr size_t kKeyBytesMax = 256;
  static constexpr size_t kMissing = SIZE_MAX;

  struct Entry {
    KeyTarget target;
    uint32_t size = 0;       // with the closing quote
    uint64_t words[2] = {};  // its first 16 bytes, and which of them count
    uint64_t masks[2] = {};
    std::string text;  // with the closing quote

    /// `quote` points at the opening quote, with kTextPadding readable bytes behind the key.
    [[nodiscard]] bool matches(const char* quote) const {
      const char* key = quote + 1;
      if ((((load_word(key) ^ words[0]) & masks[0]) |
           ((load_word(key + 8) ^ words[1]) & masks[1])) != 0) {
        return false;
      }
      return size <= 16 || std::memcmp(key + 16, text.data() + 16, size - 16) == 0;
    }
  };

  struct Seen {
    std::string_view raw;  // without quotes
    KeyTarget target;
  };

  /// The entries while nothing is learned.
  class Cursor {
   public:
    explicit Cursor(const std::vector<Entry>& entries)
        : entries_(entries.data()), size_(entries.size()) {}
    const Entry& operator[](size_t i) const { return entries_[i]; }
    /// Position of the key among the next few entries from `from` on, or kMissing.
    [[nodiscard]] size_t find(const char* quote, size_t from) const {
      if (from < size_ && entries_[from].matches(quote)) [[likely]]
        return from;
      return find_later(quote, from + 1);
    }

   private:
    [[nodiscard]] size_t find_later(const char* quote, size_t from) const;
    const Entry* entries_;
    size_t size_;
  };
  [[nodiscard]] Cursor cursor() const { return Cursor(entries_); }

  /// Takes the keys of an object that had no duplicates. Keys known before stay if their order
  /// agrees, so that optional keys need not be learned again each time they come and go.
  void learn(const std::vector<Seen>& seen);

 private:
  static constexpr size_t kLookAhead = 16;

  std::vector<Entry> entries_;
};

}  // namespace freshet::decode
