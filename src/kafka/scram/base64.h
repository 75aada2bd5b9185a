// Base64 (RFC 4648 section 4) of the short values in SCRAM messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freshet::kafka {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Strict: padded, no white space, no stray bits; none for anything else.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace freshet::kafka
