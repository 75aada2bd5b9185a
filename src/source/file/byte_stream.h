// Bytes of a file from front to back, decompressed on the way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::source {

enum class Compression : uint8_t { kNone, kGzip, kZstd, kZip };

/// By the end of the name: .gz, .zst, .zip.
[[nodiscard]] Compression compression_of(std::string_view path);

/// Users: plain files, gzip, zstd, zip. Thread: one at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Fills some of `into`; 0 at the end. A plain file may have more later. kCorrupt: the compressed
  /// data is damaged or cut short.
  virtual Result<size_t> read(std::span<char> into) = 0;

  /// Moves the place of the next read() to `offset` in the decompressed bytes. Plain files only.
  virtual Result<void> seek(uint64_t offset) = 0;

  /// Checks that what was read so far is still the same file: kRefused if it was cut, replaced or
  /// removed. Plain files only.
  virtual Result<void> check_same_file(uint64_t bytes_read) const = 0;
};

/// A zip archive must hold exactly one file (directories aside), stored or deflated.
Result<std::unique_ptr<ByteStream>> open_byte_stream(const std::string& path);

}  // namespace freshet::source
