#include "source/file/file_cursor.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace freshet::source {
namespace {

constexpr size_t kNameMax = 600;  // escaped; longer names keep their end

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == '/';
}

std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (is_plain(c)) {
      text.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(text), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  if (text.size() > kNameMax) text.erase(0, text.size() - kNameMax);
  return text;
}

template <class T>
bool read_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string FileCursor::to_string() const {
  return fmt::format("{},{},{},{},{},{},{}", file, offset, line, names_crc, head_bytes, head_crc,
                     escaped(name));
}

Result<FileCursor> FileCursor::parse(std::string_view text) {
  FileCursor cursor;
  std::array<std::string_view, 6> fields;
  auto rest = text;
  for (auto& field : fields) {
    const size_t comma = rest.find(',');
    field = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  cursor.name = rest;
  if (!read_number(fields[0], cursor.file) || !read_number(fields[1], cursor.offset) ||
      !read_number(fields[2], cursor.line) || !read_number(fields[3], cursor.names_crc) ||
      !read_number(fields[4], cursor.head_bytes) || !read_number(fields[5], cursor.head_crc)) {
    return fail(Errc::kCorrupt, "\"{}\" is not a place in a file", text.substr(0, 100));
  }
  return cursor;
}

}  // namespace freshet::source
