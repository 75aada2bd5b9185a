// One CSV record (RFC 4180) to fields, and fields to a JSON object.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::source {

struct CsvField {
  std::string text;  // quotes taken off, doubled quotes halved
  bool quoted = false;
};

/// Splits `record` into `fields`, whose strings are used again. kCorrupt says which column: text
/// behind a closing quote, a quote inside an unquoted field, or a quote that is never closed.
Result<void> split_csv(std::string_view record, char delimiter, std::vector<CsvField>& fields);

/// True for what RFC 8259 calls a number and a double can hold: not 007, +1, .5, NaN, 1e999.
[[nodiscard]] bool is_json_number(std::string_view text);

/// Appends `text` as a JSON string with its quotes; bytes above 0x7F as they are.
void append_json_string(std::string& to, std::string_view text);

}  // namespace freshet::source
