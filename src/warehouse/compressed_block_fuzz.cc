// Compressed blocks from anybody: whatever the bytes, no more than the limit comes out, and the
// same in pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "warehouse/compressed_block.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kLimit = size_t{1} << 16;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto plain = freshet::warehouse::read_compressed_blocks(bytes, kLimit);
  if (!plain) return 0;
  FRESHET_CHECK_LE(plain->size(), kLimit);
  // In two pieces it is the same.
  freshet::warehouse::CompressedBlockReader reader;
  std::string joined;
  FRESHET_CHECK(reader.add(bytes.substr(0, size / 2), joined).has_value());
  FRESHET_CHECK(reader.add(bytes.substr(size / 2), joined).has_value());
  FRESHET_CHECK(reader.finish().has_value());
  FRESHET_CHECK(joined == *plain);
  return 0;
}
