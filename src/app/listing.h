// What a command answers: rows of named values, printed as an aligned table or as JSON.
// Values only; not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace freshet::app {

enum class OutputFormat { kTable, kJson, kNdjson };

/// monostate is null in JSON and "-" in a table; integers get thousands separators in a table.
using Value = std::variant<std::monostate, bool, int64_t, double, std::string>;

class Listing {
 public:
  struct Column {
    std::string name;   // JSON key
    std::string title;  // table heading; empty: only in JSON
  };

  explicit Listing(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many values as there are columns.
  void add(std::vector<Value> row);
  [[nodiscard]] size_t rows() const { return rows_.size(); }

  /// Table: headings and rows, each line ended, numbers to the right. JSON: one array of objects;
  /// NDJSON: an object a line.
  [[nodiscard]] std::string print(OutputFormat format) const;
  /// For what has been done: `sentence` for people, the rows as JSON for programs.
  [[nodiscard]] std::string print_or_say(OutputFormat format, std::string_view sentence) const;

 private:
  [[nodiscard]] std::string print_table() const;
  [[nodiscard]] std::string print_object(const std::vector<Value>& row) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Value>> rows_;
};

/// `text` in double quotes with JSON's escapes; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_quoted(std::string_view text);
[[nodiscard]] bool is_utf8(std::string_view text);
/// 1,234,567
[[nodiscard]] std::string with_thousands(int64_t number);
/// A value as it stands in a table, on one line: control characters are spaces.
[[nodiscard]] std::string table_text(const Value& value);
/// Columns of a terminal that `text` (UTF-8) takes; every code point counts as one.
[[nodiscard]] size_t display_width(std::string_view text);

}  // namespace freshet::app
