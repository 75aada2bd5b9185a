#include "kafka/varint.h"

namespace freshet::kafka::detail {

bool read_long_varint(const char*& at, const char* end, int bits_max, uint64_t& value) {
  uint64_t result = 0;
  const char* from = at;
  for (int shift = 0; shift < bits_max; shift += 7) {
    if (from == end) return false;
    const auto byte = static_cast<uint8_t>(*from++);
    result |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) {
      // The last group may hold fewer than seven bits of the number.
      if (bits_max - shift < 7 && (byte >> (bits_max - shift)) != 0) return false;
      value = result;
      at = from;
      return true;
    }
  }
  return false;
}

}  // namespace freshet::kafka::detail
