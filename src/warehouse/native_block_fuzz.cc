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
  // In two pieces it is the same.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  warehouse::NativeBlockReader reader;
  const auto first = reader.add(bytes.substr(0, size / 2));
  const auto second = reader.add(bytes.substr(size / 2));
  FRESHET_CHECK(first.has_value() && second.has_value() && reader.finish().has_value());
  FRESHET_CHECK_EQ(first->size() + second->size(), blocks->size());
  for (const warehouse::NativeBlock& block : *blocks) {
    for (const warehouse::NativeColumn& column : block.columns) {
      std::visit([&](const auto& values) { FRESHET_CHECK_EQ(values.size(), block.rows); },
                 column.values);
    }
  }
  return 0;
}
