#include "source/file/csv.h"

#include <charconv>
#include <cmath>

namespace freshet::source {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes one field off the front of `rest`, up to the delimiter; says what is wrong with it, or "".
std::string_view take_field(std::string_view& rest, char delimiter, CsvField& field) {
  field.text.clear();
  field.quoted = rest.starts_with('"');
  if (!field.quoted) {
    const auto text = rest.substr(0, rest.find(delimiter));
    rest.remove_prefix(text.size());
    field.text = text;
    return text.find('"') == std::string_view::npos ? "" : "a quote inside an unquoted field";
  }
  rest.remove_prefix(1);
  while (true) {
    const size_t quote = rest.find('"');
    if (quote == std::string_view::npos) return "a quote that is never closed";
    field.text.append(rest.substr(0, quote));
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) break;
    field.text.push_back('"');
    rest.remove_prefix(1);
  }
  return rest.empty() || rest.front() == delimiter ? "" : "text behind a closing quote";
}

}  // namespace

Result<void> split_csv(std::string_view record, char delimiter, std::vector<CsvField>& fields) {
  size_t count = 0;
  while (true) {
    if (count == fields.size()) fields.emplace_back();
    const auto wrong = take_field(record, delimiter, fields[count++]);
    if (!wrong.empty()) return fail(Errc::kCorrupt, "column {}: {}", count, wrong);
    if (record.empty()) break;
    record.remove_prefix(1);
  }
  fields.resize(count);
  return {};
}

bool is_json_number(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - begin;
  };
  if (text.starts_with('-')) ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  if (at != text.size()) return false;
  if (text.size() < 300 && text.find_first_of("eE") == std::string_view::npos) return true;
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && std::isfinite(value);
}

void append_json_string(std::string& to, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  to.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      to.push_back('\\');
      to.push_back(c);
    } else if (static_cast<uint8_t>(c) >= 0x20) {
      to.push_back(c);
    } else if (c == '\n') {
      to.append("\\n");
    } else {
      to.append("\\u00");
      to.push_back(kHex[static_cast<uint8_t>(c) >> 4]);
      to.push_back(kHex[c & 15]);
    }
  }
  to.push_back('"');
}

}  // namespace freshet::source
