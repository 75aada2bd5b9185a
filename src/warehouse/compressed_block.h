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

/// Appends `plain` to `out` as blocks with LZ4; none for no bytes.
void append_compressed_blocks(std::string_view plain, std::string& out);

/// The plain bytes of all blocks. kCorrupt: a wrong checksum, a cut-off block or bad data, with the
/// byte at which the block begins; kUnsupported: another method, by its number; kTooLarge: more
/// than `plain_bytes_max` would come out (never allocates more).
Result<std::string> read_compressed_blocks(std::string_view blocks, size_t plain_bytes_max);

}  // namespace freshet::warehouse
