// decode_native() on any bytes: an error or blocks whose columns all have their rows.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "warehouse/native_block.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  const auto blocks = warehouse::decode_native({reinterpret_cast<const char*>(data), size});
  if (!blocks) return 0;
  for (const warehouse::NativeBlock& block : *blocks) {
    for (const warehouse::NativeColumn& column : block.columns) {
      std::visit([&](const auto& values) { FRESHET_CHECK_EQ(values.size(), block.rows); },
                 column.values);
    }
  }
  return 0;
}
