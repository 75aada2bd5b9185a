// The words of ClickHouse's HTTP answers: types, statuses, exceptions, X-ClickHouse-* headers.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::api {

[[nodiscard]] std::string clickhouse_content_type(std::string_view format);

/// Whether pieces of an answer in this format, one after the other, are a whole: no frame around
/// the rows.
[[nodiscard]] bool can_be_streamed(std::string_view format);

/// The status that ClickHouse gives that error.
[[nodiscard]] unsigned clickhouse_status(int code);

/// An error of ours that has no number of ClickHouse's gets the one that fits.
[[nodiscard]] Error with_clickhouse_number(const Error& error);

/// "Code: 60. DB::Exception: text. (UNKNOWN_TABLE) (version 26.7.2.1 (official build))"
[[nodiscard]] std::string exception_text(const Error& error, int code, std::string_view version);

/// What follows what was sent already when an answer fails: clients find `tag`, which they know
/// from the header X-ClickHouse-Exception-Tag, at the end.
[[nodiscard]] std::string late_exception(std::string_view text, std::string_view tag);

struct StatementSummary {
  uint64_t read_rows = 0;
  uint64_t read_bytes = 0;
  uint64_t written_rows = 0;
  uint64_t written_bytes = 0;
  uint64_t result_rows = 0;
  uint64_t result_bytes = 0;
  double elapsed_seconds = 0;
};
/// Of X-ClickHouse-Summary and X-ClickHouse-Progress.
[[nodiscard]] std::string summary_json(const StatementSummary& summary);

}  // namespace freshet::api
