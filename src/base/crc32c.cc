#include "base/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace freshet {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto kTable = make_table();

uint32_t crc_portable(const char* data, size_t size, uint32_t crc) {
  for (size_t i = 0; i < size; ++i) {
    crc = kTable[(crc ^ static_cast<uint8_t>(data[i])) & 0xFF] ^ (crc >> 8);
  }
  return crc;
}

__attribute__((target("sse4.2"))) uint32_t crc_sse42(const char* data, size_t size, uint32_t crc) {
  uint64_t wide = crc;
  while (size >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, data, 8);
    wide = _mm_crc32_u64(wide, word);
    data += 8;
    size -= 8;
  }
  crc = static_cast<uint32_t>(wide);
  while (size > 0) {
    crc = _mm_crc32_u8(crc, static_cast<uint8_t>(*data));
    ++data;
    --size;
  }
  return crc;
}

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t seed) {
  static const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;
  const uint32_t start = ~seed;
  return ~(has_sse42 ? crc_sse42(bytes.data(), bytes.size(), start)
                     : crc_portable(bytes.data(), bytes.size(), start));
}

}  // namespace freshet
