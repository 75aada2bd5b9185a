#include "warehouse/http_reply.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "warehouse/clickhouse_error.h"
#include "warehouse/compressed_block.h"

namespace freshet::warehouse {
namespace {

constexpr size_t kErrorBytesMax = size_t{1} << 20;
constexpr size_t kShownMax = 300;

bool is_clickhouse(const io::HttpReply& reply) {
  constexpr std::string_view kPrefix = "x-clickhouse-";
  return std::ranges::any_of(reply.headers, [&](const auto& header) {
    return header.first.size() > kPrefix.size() &&
           std::ranges::equal(
               std::string_view(header.first).substr(0, kPrefix.size()), kPrefix,
               [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  });
}

// The request was damaged on its way, or did not come to its end.
bool did_not_arrive(int code) {
  switch (code) {
    case 32:   // ATTEMPT_TO_READ_AFTER_EOF
    case 33:   // CANNOT_READ_ALL_DATA
    case 40:   // CHECKSUM_DOESNT_MATCH
    case 271:  // CANNOT_DECOMPRESS
    case 354:  // ZLIB_INFLATE_FAILED
      return true;
    default:
      return false;
  }
}

/// One line of what somebody else answered, fit to be shown.
std::string shown(std::string_view body) {
  std::string line;
  for (const char c : body.substr(0, kShownMax)) {
    line += c >= ' ' && c < 127 ? c : ' ';
  }
  return line;
}

}  // namespace

std::optional<Error> error_of_clickhouse_reply(const io::HttpReply& reply, std::string_view from) {
  if (reply.status == 413) {
    return Error(
        Errc::kTooLarge,
        fmt::format("{} takes no body of this size (HTTP status 413): lower flush.bytes, or "
                    "raise the limit there",
                    from));
  }
  if (!is_clickhouse(reply)) {
    return Error(Errc::kUnavailable,
                 fmt::format("{} answered with HTTP status {} and without a word of ClickHouse: is "
                             "this its HTTP interface, and is it up? It said: {}",
                             from, reply.status, shown(reply.body)));
  }
  const std::string_view header = io::find_header(reply.headers, "X-ClickHouse-Exception-Code");
  if (reply.status == 200 && header.empty()) return std::nullopt;
  int code = 0;
  std::from_chars(header.data(), header.data() + header.size(), code);
  std::string text = reply.body;
  if (!text.contains("Code: ")) {
    if (auto plain = read_compressed_blocks(reply.body, kErrorBytesMax)) text = std::move(*plain);
  }
  Error error = text.contains("Code: ")
                    ? clickhouse_error(text)
                    : clickhouse_error(fmt::format("Code: {}. DB::Exception: HTTP status {}: {}",
                                                   code, reply.status, shown(text)));
  if (did_not_arrive(clickhouse_code(error).value_or(code))) {
    return Error(Errc::kUnavailable, fmt::format("{} could not read what it was sent (code {}): {}",
                                                 from, code, shown(text)));
  }
  return std::move(error).with_context(from);
}

std::optional<Error> late_clickhouse_error(std::string_view plain, std::string_view tag) {
  if (tag.empty()) return std::nullopt;
  const std::string marker = fmt::format("__exception__\r\n{}\r\n", tag);
  const size_t at = plain.find(marker);
  if (at == std::string_view::npos) return std::nullopt;
  plain.remove_prefix(at + marker.size());
  // "<text><size> <tag>"
  std::string_view text = plain.substr(0, plain.find(fmt::format(" {}", tag)));
  while (!text.empty() && text.back() >= '0' && text.back() <= '9') text.remove_suffix(1);
  return clickhouse_error(text.substr(0, kErrorBytesMax));
}

uint64_t summary_number(const io::HttpReply& reply, std::string_view name) {
  const std::string_view summary = io::find_header(reply.headers, "X-ClickHouse-Summary");
  const std::string key = fmt::format("\"{}\":\"", name);
  const size_t at = summary.find(key);
  uint64_t number = 0;
  if (at != std::string_view::npos) {
    const char* const begin = summary.data() + at + key.size();
    std::from_chars(begin, summary.data() + summary.size(), number);
  }
  return number;
}

}  // namespace freshet::warehouse
