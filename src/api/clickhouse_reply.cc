#include "api/clickhouse_reply.h"

#include <algorithm>
#include <array>

#include "warehouse/clickhouse_error.h"

namespace freshet::api {
namespace {

using warehouse::clickhouse_style_error;

// Formats without a frame around the rows: pieces of them are a whole.
constexpr std::array<std::string_view, 13> kUnframed = {"Native",
                                                        "RowBinary",
                                                        "TabSeparated",
                                                        "TSV",
                                                        "TabSeparatedRaw",
                                                        "TSVRaw",
                                                        "CSV",
                                                        "JSONEachRow",
                                                        "NDJSON",
                                                        "JSONLines",
                                                        "JSONCompactEachRow",
                                                        "JSONStringsEachRow",
                                                        "JSONCompactStringsEachRow"};

}  // namespace

bool can_be_streamed(std::string_view format) {
  return std::ranges::find(kUnframed, format) != kUnframed.end();
}

std::string clickhouse_content_type(std::string_view format) {
  if (format.starts_with("JSONEachRow") || format == "NDJSON" || format == "JSONLines" ||
      format.ends_with("EachRow")) {
    return "application/x-ndjson; charset=UTF-8";
  }
  if (format.starts_with("JSON")) return "application/json; charset=UTF-8";
  if (format.starts_with("CSV")) return "text/csv; charset=UTF-8";
  if (format.starts_with("TabSeparated") || format.starts_with("TSV")) {
    return "text/tab-separated-values; charset=UTF-8";
  }
  if (format.starts_with("Pretty") || format == "Vertical" || format == "Values" ||
      format == "Markdown" || format == "SQLInsert") {
    return "text/plain; charset=UTF-8";
  }
  if (format == "XML") return "application/xml; charset=UTF-8";
  return "application/octet-stream";
}

unsigned clickhouse_status(int code) {
  switch (code) {
    case 194:  // REQUIRED_PASSWORD
      return 401;
    case 192:  // UNKNOWN_USER
    case 193:  // WRONG_PASSWORD
    case 497:  // ACCESS_DENIED
    case 516:  // AUTHENTICATION_FAILED
      return 403;
    case 6:    // CANNOT_PARSE_TEXT
    case 8:    // THERE_IS_NO_COLUMN
    case 15:   // DUPLICATE_COLUMN
    case 25:   // CANNOT_PARSE_ESCAPE_SEQUENCE
    case 26:   // CANNOT_PARSE_QUOTED_STRING
    case 27:   // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    case 36:   // BAD_ARGUMENTS
    case 38:   // CANNOT_PARSE_DATE
    case 41:   // CANNOT_PARSE_DATETIME
    case 44:   // ILLEGAL_COLUMN
    case 53:   // TYPE_MISMATCH
    case 62:   // SYNTAX_ERROR
    case 69:   // ARGUMENT_OUT_OF_BOUND
    case 72:   // CANNOT_PARSE_NUMBER
    case 117:  // INCORRECT_DATA
    case 167:  // TOO_DEEP_AST
    case 168:  // TOO_BIG_AST
    case 271:  // CANNOT_DECOMPRESS
    case 354:  // ZLIB_INFLATE_FAILED
      return 400;
    case 46:   // UNKNOWN_FUNCTION
    case 47:   // UNKNOWN_IDENTIFIER
    case 50:   // UNKNOWN_TYPE
    case 56:   // UNKNOWN_STORAGE
    case 60:   // UNKNOWN_TABLE
    case 63:   // UNKNOWN_AGGREGATE_FUNCTION
    case 73:   // UNKNOWN_FORMAT
    case 81:   // UNKNOWN_DATABASE
    case 115:  // UNKNOWN_SETTING
    case 372:  // SESSION_NOT_FOUND
      return 404;
    case 159:  // TIMEOUT_EXCEEDED
      return 408;
    case 307:  // TOO_MANY_BYTES
      return 413;
    case 48:  // NOT_IMPLEMENTED
      return 501;
    case 202:  // TOO_MANY_SIMULTANEOUS_QUERIES
    case 209:  // SOCKET_TIMEOUT
      return 503;
    default:
      return 500;
  }
}

Error with_clickhouse_number(const Error& error) {
  if (warehouse::clickhouse_code(error)) return error;
  switch (error.code()) {
    case Errc::kTooLarge:
      return clickhouse_style_error(error.code(), 307, "TOO_MANY_BYTES", error.message());
    case Errc::kUnsupported:
      return clickhouse_style_error(error.code(), 48, "NOT_IMPLEMENTED", error.message());
    case Errc::kUnavailable:
    case Errc::kCancelled:
      return clickhouse_style_error(error.code(), 236, "ABORTED", error.message());
    default:
      return clickhouse_style_error(error.code(), 49, "LOGICAL_ERROR", error.message());
  }
}

// "ClickHouse error 60 (UNKNOWN_TABLE): text" as the server says it.
std::string exception_text(const Error& error, int code, std::string_view version) {
  std::string_view text = error.message();
  std::string name;
  const std::string prefix = fmt::format("ClickHouse error {}", code);
  if (const size_t at = text.find(prefix); at != std::string_view::npos) {
    text.remove_prefix(at + prefix.size());
    if (text.starts_with(" (")) {
      const size_t close = std::min(text.find(')'), text.size() - 1);
      name = text.substr(1, close);
      text.remove_prefix(close + 1);
    }
    if (text.starts_with(": ")) text.remove_prefix(2);
  }
  return fmt::format("Code: {}. DB::Exception: {}. {} (version {} (official build))\n", code, text,
                     name, version);
}

std::string late_exception(std::string_view text, std::string_view tag) {
  return fmt::format("\r\n__exception__\r\n{0}\r\n{1}{2} {0}\r\n__exception__\r\n", tag, text,
                     text.size());
}

std::string summary_json(const StatementSummary& summary) {
  return fmt::format(
      R"({{"read_rows":"{}","read_bytes":"{}","written_rows":"{}","written_bytes":"{}",)"
      R"("total_rows_to_read":"0","result_rows":"{}","result_bytes":"{}","elapsed_ns":"{:.0f}"}})",
      summary.read_rows, summary.read_bytes, summary.written_rows, summary.written_bytes,
      summary.result_rows, summary.result_bytes, summary.elapsed_seconds * 1e9);
}

}  // namespace freshet::api
