// A place in a list of files as text, with enough about what came before to notice a change.
//
//   <file>,<byte>,<line>,<crc of names>,<bytes of head>,<crc of head>,<name>
//
// file: index in name order. byte, line: where the next record begins, decompressed. crc of names:
// CRC-32C of the names of the files 0 .. file, each followed by a line feed. head: the first bytes
// of the file, at most 4096 and at most <byte>. name: %XX for what is not plain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::source {

struct FileCursor {
  uint64_t file = 0;
  uint64_t offset = 0;
  uint64_t line = 1;
  uint32_t names_crc = 0;
  uint64_t head_bytes = 0;
  uint32_t head_crc = 0;
  std::string name;  // for messages

  [[nodiscard]] std::string to_string() const;
  /// kCorrupt: not a cursor.
  static Result<FileCursor> parse(std::string_view text);
};

}  // namespace freshet::source
