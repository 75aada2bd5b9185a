// Splits a stream into pieces at a delimiter of any length: what `freshet produce` reads.
#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::app {

/// One thread. The stream outlives the reader.
class DelimitedReader {
 public:
  /// No broker takes a record near this size.
  static constexpr size_t kPieceBytesMax = size_t{256} << 20;

  /// An empty delimiter makes the whole stream one piece.
  DelimitedReader(std::istream& input, std::string delimiter)
      : input_(input), delimiter_(std::move(delimiter)) {}

  /// The next piece without its delimiter, valid until the next call; nullopt at the end. What
  /// stands behind the last delimiter is a piece, unless it is nothing. kTooLarge above
  /// kPieceBytesMax, kIo if the stream breaks.
  Result<std::optional<std::string_view>> next();

 private:
  std::istream& input_;
  const std::string delimiter_;
  std::string buffer_;
  size_t begin_ = 0;     // of what was not handed out
  size_t searched_ = 0;  // no delimiter begins in buffer_ between begin_ and here
  bool ended_ = false;
};

}  // namespace freshet::app
