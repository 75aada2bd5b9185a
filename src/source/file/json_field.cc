#include "source/file/json_field.h"

#include <cstdint>

namespace freshet::source {
namespace {

/// Reads JSON from front to back. Every step says false where the text makes no sense.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool take(char wanted) {
    skip_space();
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] char peek() {
    skip_space();
    return rest_.empty() ? '\0' : rest_.front();
  }

  /// The text between the quotes of the string that is next, escapes and all.
  bool take_string(std::string_view& raw) {
    if (!take('"')) return false;
    for (size_t at = 0; at < rest_.size(); ++at) {
      if (rest_[at] == '\\') {
        ++at;
      } else if (rest_[at] == '"') {
        raw = rest_.substr(0, at);
        rest_.remove_prefix(at + 1);
        return true;
      }
    }
    return false;
  }

  /// A number, true, false or null.
  bool take_word(std::string_view& word) {
    skip_space();
    word = rest_.substr(0, rest_.find_first_of(",}] \t\r\n"));
    rest_.remove_prefix(word.size());
    return !word.empty();
  }

  bool skip_value() {
    std::string_view ignored;
    size_t depth = 0;
    while (true) {
      const char c = peek();
      if (c == '"') {
        if (!take_string(ignored)) return false;
      } else if (c == '{' || c == '[') {
        rest_.remove_prefix(1);
        ++depth;
      } else if (depth > 0 && (c == '}' || c == ']')) {
        rest_.remove_prefix(1);
        --depth;
      } else if (depth > 0 && (c == ',' || c == ':')) {
        rest_.remove_prefix(1);
        continue;
      } else if (!take_word(ignored)) {
        return false;
      }
      if (depth == 0) return true;
    }
  }

 private:
  void skip_space() {
    const size_t at = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at);
  }
  std::string_view rest_;
};

bool read_hex(std::string_view text, size_t at, uint32_t& value) {
  value = 0;
  if (text.size() < at + 4) return false;
  for (const char c : text.substr(at, 4)) {
    const uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                                  : 16;
    if (digit > 15) return false;
    value = value << 4 | digit;
  }
  return true;
}

void append_code_point(std::string& to, uint32_t point) {
  const auto put = [&](uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0 | point >> 12);
    } else {
      put(0xF0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3F));
    }
    put(0x80 | (point >> 6 & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

bool unescape(std::string_view raw, std::string& text) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  text.clear();
  for (size_t at = 0; at < raw.size(); ++at) {
    if (raw[at] != '\\') {
      text.push_back(raw[at]);
      continue;
    }
    const char c = raw[++at];
    if (const size_t named = kNames.find(c); named != std::string_view::npos) {
      text.push_back(kMeanings[named]);
      continue;
    }
    uint32_t point = 0;
    if (c != 'u' || !read_hex(raw, at + 1, point)) return false;
    at += 4;
    if (point >= 0xD800 && point <= 0xDFFF) {
      uint32_t low = 0;
      if (point > 0xDBFF || raw.substr(at + 1, 2) != "\\u" || !read_hex(raw, at + 3, low) ||
          low < 0xDC00 || low > 0xDFFF) {
        return false;
      }
      at += 6;
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_code_point(text, point);
  }
  return true;
}

}  // namespace

bool find_json_field(std::string_view line, std::string_view name, std::string& text) {
  Cursor cursor(line);
  if (!cursor.take('{')) return false;
  do {
    std::string_view key;
    if (!cursor.take_string(key) || !cursor.take(':')) return false;
    bool found = key == name;
    if (!found && key.find('\\') != std::string_view::npos) {
      found = unescape(key, text) && text == name;
    }
    if (found) {
      std::string_view value;
      if (cursor.peek() == '"') return cursor.take_string(value) && unescape(value, text);
      if (cursor.peek() == '{' || cursor.peek() == '[' || !cursor.take_word(value)) return false;
      text = value;
      return value != "null";
    }
    if (!cursor.skip_value()) return false;
  } while (cursor.take(','));
  return false;
}

}  // namespace freshet::source
