// Anybody may write into a dead-letter topic: parsing never crashes, and what it accepts is exactly
// what encoding writes.
#include <cstdlib>

#include "pipeline/mend_mark.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mark = freshet::pipeline::parse_mend_mark(text);
  if (mark && freshet::pipeline::encode_mend_mark(*mark) != text) std::abort();
  return 0;
}
