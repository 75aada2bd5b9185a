#include "decode/json_plan.h"

namespace freshet::decode {

Result<std::vector<std::string>> parse_json_path(std::string_view text) {
  std::vector<std::string> path(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      if (i + 1 == text.size() || (text[i + 1] != '.' && text[i + 1] != '\\')) {
        return fail(Errc::kInvalidArgument,
                    "path \"{}\": a backslash must be followed by a dot or a backslash", text);
      }
      path.back().push_back(text[++i]);
    } else if (text[i] == '.') {
      path.emplace_back();
    } else {
      path.back().push_back(text[i]);
    }
  }
  for (const auto& key : path) {
    if (key.empty()) {
      return fail(Errc::kInvalidArgument,
                  "path \"{}\" has an empty key; write keys with dots between them, such as "
                  "payload.total",
                  text);
    }
  }
  return path;
}

std::string json_path_text(const std::vector<std::string>& path) {
  std::string text;
  for (const auto& key : path) {
    if (&key != &path.front()) text.push_back('.');
    for (const char c : key) {
      if (c == '.' || c == '\\') text.push_back('\\');
      text.push_back(c);
    }
  }
  return text;
}

}  // namespace freshet::decode
