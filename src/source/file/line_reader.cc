#include "source/file/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace freshet::source {
namespace {

std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteStream> stream, LineReaderOptions options)
    : stream_(std::move(stream)), options_(options) {}

Result<size_t> LineReader::fill() {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    buffer_offset_ += begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  const size_t old_size = buffer_.size();
  buffer_.resize(old_size + options_.read_bytes);
  auto bytes = stream_->read(std::span(buffer_).subspan(old_size));
  buffer_.resize(old_size + bytes.value_or(0));
  if (bytes && head_->size() < kHeadBytes && head_->size() == bytes_read() - *bytes) {
    head_ = std::make_shared<std::string>(*head_ +
                                          buffer_.substr(old_size, kHeadBytes - head_->size()));
  }
  return bytes;
}

/// Position of the line feed that ends the line, or npos.
size_t LineReader::find_line_end() {
  if (!options_.csv || skipping_) {
    const void* const found =
        std::memchr(buffer_.data() + scanned_, '\n', buffer_.size() - scanned_);
    scanned_ = buffer_.size();
    if (found == nullptr) return std::string::npos;
    return static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
  }
  for (; scanned_ < buffer_.size(); ++scanned_) {
    const char c = buffer_[scanned_];
    if (scan_ == Scan::kQuoted) {
      if (c == '"') scan_ = Scan::kQuoteInQuoted;
      line_feeds_ += c == '\n' ? 1 : 0;
    } else if (c == '\n') {
      return scanned_;
    } else if (c == options_.delimiter) {
      scan_ = Scan::kFieldStart;
    } else if (c == '"' && scan_ != Scan::kPlain) {
      scan_ = Scan::kQuoted;  // the beginning of a field, or the second of two quotes
    } else {
      scan_ = Scan::kPlain;
    }
  }
  return std::string::npos;
}

void LineReader::begin_line(size_t at) {
  begin_ = at;
  scanned_ = at;
  scan_ = Scan::kFieldStart;
  line_ += line_feeds_ + 1;
  line_feeds_ = 0;
}

Result<LineReader::Got> LineReader::next() {
  while (true) {
    const size_t end = find_line_end();
    if (end != std::string::npos) {
      text_ = without_carriage_return(std::string_view(buffer_).substr(begin_, end - begin_));
      const bool too_long = text_.size() > options_.line_bytes_max;
      begin_line(end + 1);
      if (std::exchange(skipping_, false)) continue;
      return too_long ? Got::kTooLong : Got::kLine;
    }
    if (skipping_) {
      begin_ = buffer_.size();
    } else if (buffer_.size() - begin_ > options_.line_bytes_max + 1) {
      skipping_ = true;
      scan_ = Scan::kPlain;  // the rest of the line, whatever it quotes
      return Got::kTooLong;
    }
    FRESHET_ASSIGN(const size_t bytes, fill());
    if (bytes > 0) continue;
    if (begin_ == buffer_.size()) return Got::kEnd;
    text_ = without_carriage_return(std::string_view(buffer_).substr(begin_));
    return Got::kHalf;
  }
}

void LineReader::take_half() { begin_line(buffer_.size()); }

Result<void> LineReader::skip_to(uint64_t offset, uint64_t line) {
  if (offset > bytes_read() && stream_->seek(offset)) {
    FRESHET_TRY(stream_->check_same_file(offset));
    buffer_.clear();
    buffer_offset_ = offset;
    begin_ = 0;
    scanned_ = 0;
  }
  while (bytes_read() < offset) {
    begin_ = scanned_ = buffer_.size();
    FRESHET_ASSIGN(const size_t bytes, fill());
    if (bytes == 0) {
      return fail(Errc::kRefused, "the file has {} bytes now, and {} had been read", bytes_read(),
                  offset);
    }
  }
  begin_line(static_cast<size_t>(offset - buffer_offset_));
  line_ = line;
  return {};
}

}  // namespace freshet::source
