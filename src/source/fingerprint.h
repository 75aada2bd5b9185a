// Tells one sequence of events from another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace freshet::source {

/// 16 hexadecimal digits of FNV-1a 64: for noticing changes, not for security.
[[nodiscard]] std::string fingerprint_of(std::string_view description);

}  // namespace freshet::source
