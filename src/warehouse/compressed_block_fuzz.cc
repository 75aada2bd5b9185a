// Compressed blocks from anybody: whatever the bytes, no more than the limit comes out.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "warehouse/compressed_block.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kLimit = size_t{1} << 16;
  const auto plain = freshet::warehouse::read_compressed_blocks(
      {reinterpret_cast<const char*>(data), size}, kLimit);
  if (plain) FRESHET_CHECK_LE(plain->size(), kLimit);
  return 0;
}
