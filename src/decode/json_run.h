// Stage 1 of simdjson over one or many records: where every token begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/byte_buffer.h"

namespace freshet::decode {

/// Records copied back to back, each followed by a line feed, and then cut into tokens at once.
/// Sound because a line feed inside a string is an error: if scan() succeeds, no string and no
/// UTF-8 sequence crosses the end of a record, so the tokens between the bounds of a record are
/// exactly those that it has alone. Thread: one at a time. Memory: about 6 bytes per byte of the
/// longest run so far.
class JsonRun {
 public:
  enum class Scan : uint8_t { kGood, kInvalidUtf8, kMalformed };

  JsonRun();
  ~JsonRun();
  JsonRun(JsonRun&&) noexcept;
  JsonRun& operator=(JsonRun&&) noexcept;

  void clear();
  void add(std::string_view record);
  [[nodiscard]] size_t size_bytes() const { return text_.size(); }
  [[nodiscard]] size_t records() const { return ends_.size(); }

  /// Finds the tokens of all records. Anything but kGood is about some record of the run.
  Scan scan();

  // After scan(): positions are counted from text().
  [[nodiscard]] const char* text() const { return text_.data(); }
  [[nodiscard]] size_t begin_of(size_t record) const {
    return record == 0 ? 0 : ends_[record - 1] + 1;
  }
  [[nodiscard]] size_t end_of(size_t record) const { return ends_[record]; }
  /// Rising positions; behind the last come three that can be read and are not below text size, or
  /// 0.
  [[nodiscard]] const uint32_t* tokens() const;

 private:
  struct Scanner;
  ByteBuffer text_;
  std::vector<size_t> ends_;  // of each record, where its line feed stands
  std::unique_ptr<Scanner> scanner_;
};

}  // namespace freshet::decode
