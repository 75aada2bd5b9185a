// ClickHouse's compressed blocks, as its native protocol, its files and `compress=1` carry them.
//
//   16 bytes  CityHash128 (1.0.2) of all that follows
//    1 byte   method: 0x82 LZ4, 0x90 ZSTD, 0x02 as it is
//    4 bytes  size of method, sizes and data, little endian
//    4 bytes  size of the plain data, little endian
//    …        data
//
// A stream is blocks one after the other. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::warehouse {

/// Plain bytes of one block that append_compressed_blocks() makes.
inline constexpr size_t kCompressedBlockBytes = size_t{1} << 20;

enum class BlockCompression { kNone, kLz4, kZstd };

/// Appends `plain` to `out` as blocks; none for no bytes.
void append_compressed_blocks(std::string_view plain, std::string& out,
                              BlockCompression compression = BlockCompression::kLz4);

/// The plain bytes of all blocks. kCorrupt: a wrong checksum, a cut-off block or bad data, with the
/// byte at which the block begins; kUnsupported: another method, by its number; kTooLarge: more
/// than `plain_bytes_max` would come out (never allocates more).
Result<std::string> read_compressed_blocks(std::string_view blocks, size_t plain_bytes_max);

/// Reads blocks that come in pieces of any size. One thread.
class CompressedBlockReader {
 public:
  /// Plain bytes of one block at most; ClickHouse makes them of 1 MiB.
  static constexpr size_t kPlainBytesMax = size_t{64} << 20;

  /// Appends the plain bytes of every block that is complete now to `plain`. Errors as above; after
  /// one the reader is done with.
  Result<void> add(std::string_view piece, std::string& plain);
  /// At the end of the stream: kCorrupt if it ends in the middle of a block.
  [[nodiscard]] Result<void> finish() const;

 private:
  std::string pending_;  // the beginning of a block
  size_t position_ = 0;  // of it in the stream, for messages
};

}  // namespace freshet::warehouse
