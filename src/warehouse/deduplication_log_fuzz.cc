// forget_lines() on any log: what it appends makes a second pass find nothing to forget.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "warehouse/deduplication_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> parts = {"all_1_1_0", "all_2_5_1", "20250918_6_6_0_7"};
  const std::string lines = freshet::warehouse::forget_lines(log, parts);
  std::string mended(log);
  if (!mended.empty() && mended.back() != '\n') mended += '\n';
  FRESHET_CHECK(freshet::warehouse::forget_lines(mended + lines, parts).empty());
  return 0;
}
