#include "app/listing.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace freshet::app {
namespace {

bool is_number(const Value& value) {
  return std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
}

/// Control characters of records, which a terminal would obey, become spaces.
std::string harmless(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

std::string json_text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) {
    return std::isfinite(*number) ? fmt::format("{:.6g}", *number) : "null";
  }
  if (const auto* text = std::get_if<std::string>(&value)) return json_quoted(*text);
  return "null";
}

/// Length of the UTF-8 sequence at the front of `text`, 0 if there is none.
size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80             ? 1
                        : (lead & 0xE0) == 0xC0 ? 2
                        : (lead & 0xF0) == 0xE0 ? 3
                        : (lead & 0xF8) == 0xF0 ? 4
                                                : 0;
  if (length == 0 || length > text.size() || lead == 0xC0 || lead == 0xC1 || lead > 0xF4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text[0];
    if (length == 0) {
      out += "\\ufffd";
    } else if (length > 1) {
      out += text.substr(0, length);
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out + "\"";
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string with_thousands(int64_t number) {
  std::string digits = fmt::format("{}", number);
  const ptrdiff_t first = number < 0 ? 1 : 0;
  for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string table_text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
  if (const auto* number = std::get_if<int64_t>(&value)) return with_thousands(*number);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.2f}", *number);
  if (const auto* text = std::get_if<std::string>(&value)) return harmless(*text);
  return "-";
}

size_t display_width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void Listing::add(std::vector<Value> row) {
  FRESHET_CHECK_EQ(row.size(), columns_.size());
  rows_.push_back(std::move(row));
}

std::string Listing::print_or_say(OutputFormat format, std::string_view sentence) const {
  return format == OutputFormat::kTable ? fmt::format("{}\n", sentence) : print(format);
}

std::string Listing::print(OutputFormat format) const {
  if (format == OutputFormat::kTable) return print_table();
  std::string out;
  for (const auto& row : rows_) {
    if (format == OutputFormat::kNdjson) {
      out += print_object(row) + "\n";
    } else {
      out += (out.empty() ? "[\n  " : ",\n  ") + print_object(row);
    }
  }
  if (format == OutputFormat::kJson) out += out.empty() ? "[]\n" : "\n]\n";
  return out;
}

std::string Listing::print_object(const std::vector<Value>& row) const {
  std::string out = "{";
  for (size_t i = 0; i < columns_.size(); ++i) {
    out +=
        fmt::format("{}{}:{}", i == 0 ? "" : ",", json_quoted(columns_[i].name), json_text(row[i]));
  }
  return out + "}";
}

std::string Listing::print_table() const {
  std::string out;
  std::vector<size_t> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].title.empty()) shown.push_back(i);
  }
  std::vector<size_t> widths(columns_.size());
  std::vector<bool> right(columns_.size());
  for (const size_t i : shown) {
    widths[i] = display_width(columns_[i].title);
    for (const auto& row : rows_) {
      widths[i] = std::max(widths[i], display_width(table_text(row[i])));
      right[i] = right[i] || is_number(row[i]);
    }
  }
  const auto add_line = [&](const auto& text_of) {
    std::string line;
    for (const size_t i : shown) {
      const std::string text = text_of(i);
      const std::string gap(widths[i] - display_width(text), ' ');
      line += right[i] ? gap + text : text + gap;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  add_line([&](size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) {
    add_line([&](size_t i) { return table_text(row[i]); });
  }
  return out;
}

}  // namespace freshet::app
