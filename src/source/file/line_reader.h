// Cuts a stream of bytes into lines, or into CSV records whose quoted fields may hold line feeds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "source/file/byte_stream.h"

namespace freshet::source {

struct LineReaderOptions {
  size_t line_bytes_max = 1 << 20;
  bool csv = false;
  char delimiter = ',';
  size_t read_bytes = 256 * 1024;  // asked of the stream at once
};

/// Thread: one at a time.
class LineReader {
 public:
  static constexpr size_t kHeadBytes = 4096;

  enum class Got : uint8_t {
    kLine,     // text() is a line that ended with a line feed
    kHalf,     // text() is what stands behind the last line feed; nothing was taken
    kEnd,      // nothing more now
    kTooLong,  // the line is longer than the limit; the next call goes on behind it
  };

  LineReader(std::unique_ptr<ByteStream> stream, LineReaderOptions options);

  /// Views from text() are valid until the next call.
  Result<Got> next();
  [[nodiscard]] std::string_view text() const { return text_; }
  /// Takes the half line that next() showed.
  void take_half();

  /// Byte (decompressed) and line, from 0 and 1, at which the next line begins.
  [[nodiscard]] uint64_t offset() const { return buffer_offset_ + begin_; }
  [[nodiscard]] uint64_t line() const { return line_; }

  /// Goes on at `offset`, at or behind offset(), where line `line` begins. kRefused: the file is
  /// shorter.
  Result<void> skip_to(uint64_t offset, uint64_t line);

  /// The first bytes of the file, up to kHeadBytes, as far as read.
  [[nodiscard]] const std::shared_ptr<const std::string>& head() const { return head_; }
  [[nodiscard]] const ByteStream& stream() const { return *stream_; }
  /// Bytes read from the stream so far.
  [[nodiscard]] uint64_t bytes_read() const { return buffer_offset_ + buffer_.size(); }

 private:
  enum class Scan : uint8_t { kFieldStart, kPlain, kQuoted, kQuoteInQuoted };

  Result<size_t> fill();
  [[nodiscard]] size_t find_line_end();
  void begin_line(size_t at);

  std::unique_ptr<ByteStream> stream_;
  const LineReaderOptions options_;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;  // of buffer_[0] in the file
  size_t begin_ = 0;            // of the next line
  size_t scanned_ = 0;          // no line end before here
  Scan scan_ = Scan::kFieldStart;
  uint64_t line_ = 1;
  uint64_t line_feeds_ = 0;  // inside the record being scanned
  bool skipping_ = false;
  std::string_view text_;
  std::shared_ptr<const std::string> head_ = std::make_shared<std::string>();
};

}  // namespace freshet::source
