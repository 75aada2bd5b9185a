// A string as a JSON string literal, quotes included. Bytes that are not UTF-8 pass as they are.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace freshet::pipeline {

[[nodiscard]] inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace freshet::pipeline
