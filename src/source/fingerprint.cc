#include "source/fingerprint.h"

#include <fmt/format.h>

namespace freshet::source {

std::string fingerprint_of(std::string_view description) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : description) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace freshet::source
