// NativeReframer on any bytes, whole and in two pieces: the same error or the same blocks.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "warehouse/native_reframer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto reframed = [&](size_t first, std::string& out) -> Result<void> {
    warehouse::NativeReframer reframer(54'460);
    FRESHET_TRY(reframer.push(bytes.substr(0, first), out));
    FRESHET_TRY(reframer.push(bytes.substr(first), out));
    return reframer.finish(out);
  };
  std::string whole;
  std::string in_pieces;
  const auto at_once = reframed(size, whole);
  const auto twice = reframed(size / 2, in_pieces);
  FRESHET_CHECK_EQ(at_once.has_value(), twice.has_value());
  FRESHET_CHECK_EQ(whole, in_pieces);
  return 0;
}
