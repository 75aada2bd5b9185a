// One JSON value into one column: the rules of json_decoder.h, type by type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decode/fault.h"
#include "decode/json_text.h"
#include "decode/time_text.h"
#include "model/column_batch.h"

namespace freshet::decode {

/// The last second that DateTime64 holds in ClickHouse: 2299-12-31 23:59:59.
inline constexpr int64_t kDateTime64SecondsMax = 10'413'791'999;

/// Where the values of one column go. One per column and thread.
struct ColumnSlot {
  Column* column = nullptr;
  ColumnType type;
  bool zone_needed = false;  // the type declares a zone that is not UTC
  uint8_t epoch_digits = 0;  // a number of time counts 10^-epoch_digits seconds
  TimeParser time;
  std::string scratch;                 // of unescaped text
  std::vector<uint16_t> enum_by_name;  // indexes into type.enum_values

  explicit ColumnSlot(const ColumnType& of, uint8_t epoch_digits = 0);
};

/// Text of the scalar that begins at `token`, when the next token begins at `next`.
[[nodiscard]] inline std::string_view scalar_text(const char* token, const char* next) {
  while (next > token + 1 && is_space(next[-1])) --next;
  return {token, static_cast<size_t>(next - token)};
}

/// What stands between the quotes of the string that begins at `token`. Stage 1 has seen that it is
/// closed and that only spaces follow before `next`.
[[nodiscard]] inline std::string_view string_body(const char* token, const char* next) {
  const char* quote = next - 1;
  while (*quote != '"') --quote;
  return {token + 1, static_cast<size_t>(quote - token - 1)};
}

/// kWrongType if a JSON value begins at `token`, kMalformed if none does.
Fault misfit(const char* token, const char* next);

/// Everything but strings into string columns.
Fault append_other_value(ColumnSlot& slot, const char* token, const char* next);

/// A number, or what a key of an object says in the place of one.
Fault append_number(ColumnSlot& slot, std::string_view text);

/// A string with escapes.
Fault append_escaped(ColumnSlot& slot, std::string_view body);

/// Appends the value that begins at `token` as one row, or appends nothing and says why.
[[nodiscard, gnu::always_inline]] inline Fault append_value(ColumnSlot& slot, const char* token,
                                                            const char* next) {
  const ColumnKind kind = slot.type.kind;
  if (*token == '"' && (kind == ColumnKind::kString || kind == ColumnKind::kLowCardinalityString)) {
    const auto body = string_body(token, next);
    if (has_backslash(body.data(), body.size())) [[unlikely]]
      return append_escaped(slot, body);
    slot.column->append_string_padded(body);
    return Fault::kNone;
  }
  return append_other_value(slot, token, next);
}

}  // namespace freshet::decode
