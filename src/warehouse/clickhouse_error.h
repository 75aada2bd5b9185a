// ClickHouse's errors as ours: the code number and name stay in the message, the Errc says what to
// do.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"

namespace freshet::warehouse {

/// What an error of ClickHouse means for whoever sent the statement.
enum class FailureClass {
  kRetriable,  // the same statement may succeed later: memory, too many parts, disk, time-out
  kData,       // these rows or this query text will never be accepted
  kAccess,  // who sends it may not do that, or not now: a person mends it, nothing is wrong in it
  kSchema,  // the table is not (or no longer) what the sender believes
  kFatal,   // the engine or its store is broken
};

/// Sorts ClickHouse's error code; unknown numbers are kData, so that nobody retries them for ever.
[[nodiscard]] FailureClass failure_class(int clickhouse_code);

/// Whether the error says that a value of some row does not do (cannot be parsed, converted,
/// computed with; violates a constraint), so that other rows may be taken. Only what is known to:
/// rows are never sorted out because of an error that nobody knows.
[[nodiscard]] bool is_row_error(int clickhouse_code);

/// Makes an Error from the engine's own text, which looks like
/// "Code: 60. DB::Exception: Unknown table … (UNKNOWN_TABLE)". The message keeps number and name:
/// "ClickHouse error 60 (UNKNOWN_TABLE): Unknown table …".
[[nodiscard]] Error clickhouse_error(std::string_view engine_text);

/// The same form for what is decided outside the engine.
[[nodiscard]] Error clickhouse_style_error(Errc errc, int code, std::string_view name,
                                           std::string_view text);

/// The code number in a message made by clickhouse_error(), with whatever context before it;
/// nullopt for any other error.
[[nodiscard]] std::optional<int> clickhouse_code(const Error& error);

}  // namespace freshet::warehouse
