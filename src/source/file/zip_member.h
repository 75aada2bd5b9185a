// Where the one file in a zip archive lies.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "io/file.h"

namespace freshet::source {

/// Bytes [begin, end) of the archive.
struct ZipMember {
  uint64_t begin = 0;
  uint64_t end = 0;
  bool deflated = false;
  uint32_t crc = 0;  // CRC-32 of the plain bytes
};

/// Reads the central directory (APPNOTE.TXT 4.3). kUnsupported: several files, encryption, zip64,
/// or another method than stored and deflate. kCorrupt: not a zip archive.
Result<ZipMember> find_zip_member(const io::File& archive);

}  // namespace freshet::source
