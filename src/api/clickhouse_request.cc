#include "api/clickhouse_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "api/multipart_form.h"
#include "kafka/compression.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/compressed_block.h"

namespace freshet::api {
namespace {

using warehouse::clickhouse_style_error;

std::unexpected<Error> bad(std::string_view text) {
  return std::unexpected(clickhouse_style_error(Errc::kInvalidArgument, 36, "BAD_ARGUMENTS", text));
}

std::unexpected<Error> not_yet(std::string_view what) {
  return std::unexpected(
      clickhouse_style_error(Errc::kUnsupported, 48, "NOT_IMPLEMENTED",
                             fmt::format("{} is not supported yet on this port", what)));
}

// Known to this port, not to the engine. How packed answers are to be packed is a wish: their
// blocks say what they are.
constexpr std::array<std::string_view, 22> kOwnParameters = {
    "query",
    "database",
    "default_format",
    "user",
    "password",
    "query_id",
    "session_id",
    "session_timeout",
    "session_check",
    "compress",
    "decompress",
    "wait_end_of_query",
    "buffer_size",
    "readonly",
    "stacktrace",
    "client_protocol_version",
    "network_compression_method",
    "network_zstd_compression_level",
    "enable_http_compression",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close"};
constexpr std::array<std::string_view, 3> kNotYet = {"role", "quota_key", "allow_ddl"};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 200 && std::ranges::all_of(text, [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

Result<std::string> base64_decode(std::string_view text) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const size_t value = kLetters.find(c);
    if (value == std::string_view::npos) return bad("the Authorization header is not base64");
    bits = (bits << 6) | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 255);
    }
  }
  return out;
}

Result<std::string> unpack_body(const io::HttpRequest& request) {
  std::string body = request.body;
  const std::string_view coding = io::find_header(request.headers, "Content-Encoding");
  if (!coding.empty() && coding != "identity") {
    const auto codec = kafka::codec_from_name(coding);
    if (!codec || *codec == kafka::Codec::kSnappy || *codec == kafka::Codec::kNone) {
      return not_yet(fmt::format("Content-Encoding: {} (gzip, lz4 and zstd are)", coding));
    }
    std::string plain;
    if (auto done = kafka::decompress(*codec, body, kClickHouseBodyBytesMax, plain); !done) {
      return std::unexpected(clickhouse_style_error(done.error().code(), 354, "ZLIB_INFLATE_FAILED",
                                                    done.error().message()));
    }
    body = std::move(plain);
  }
  if (request.query_or("decompress", "0") == "1") {
    auto plain = warehouse::read_compressed_blocks(body, kClickHouseBodyBytesMax);
    if (!plain) {
      return std::unexpected(clickhouse_style_error(plain.error().code(), 271, "CANNOT_DECOMPRESS",
                                                    plain.error().message()));
    }
    body = std::move(*plain);
  }
  return body;
}

/// The fields of a form stand for parameters of the URL.
Result<ClickHouseRequest> read_form_request(const io::HttpRequest& request,
                                            std::string_view boundary) {
  FRESHET_ASSIGN(const std::string body, unpack_body(request));
  const auto parts = read_form(body, boundary);
  if (!parts) return bad(parts.error().message());
  io::HttpRequest plain{.method = request.method, .query = request.query};
  for (const FormPart& part : *parts) {
    if (part.is_file) return not_yet("external data in a multipart form");
    plain.query[part.name] = part.value;
  }
  for (const char* name : {"Accept-Encoding", "X-ClickHouse-Database", "X-ClickHouse-Format"}) {
    plain.headers.emplace_back(name, io::find_header(request.headers, name));
  }
  plain.query.erase("decompress");
  return read_clickhouse_request(plain);
}

}  // namespace

Result<Credentials> read_credentials(const io::HttpRequest& request) {
  constexpr std::string_view kBasic = "Basic ";
  const std::string_view authorization = io::find_header(request.headers, "Authorization");
  if (authorization.starts_with(kBasic)) {
    FRESHET_ASSIGN(const std::string pair, base64_decode(authorization.substr(kBasic.size())));
    const size_t colon = std::min(pair.find(':'), pair.size());
    return Credentials{.user = pair.substr(0, colon),
                       .password = pair.substr(std::min(colon + 1, pair.size()))};
  }
  if (!authorization.empty()) return not_yet("an Authorization header other than Basic");
  const std::string_view user = io::find_header(request.headers, "X-ClickHouse-User");
  const std::string_view key = io::find_header(request.headers, "X-ClickHouse-Key");
  if (!user.empty() || !key.empty()) {
    return Credentials{.user = std::string(user.empty() ? "default" : user),
                       .password = std::string(key)};
  }
  return Credentials{.user = request.query_or("user", "default"),
                     .password = request.query_or("password", "")};
}

Result<ClickHouseRequest> read_clickhouse_request(const io::HttpRequest& request) {
  ClickHouseRequest result;
  result.query = request.query_or("query", "");
  const std::string_view content_type = io::find_header(request.headers, "Content-Type");
  if (content_type.starts_with("multipart/")) {
    const std::string_view boundary = form_boundary(content_type);
    if (boundary.empty()) return bad("the Content-Type names no form or no boundary");
    return read_form_request(request, boundary);
  }
  for (const auto& [name, value] : request.query) {
    if (std::ranges::find(kNotYet, name) != kNotYet.end()) return not_yet(name);
    if (name.starts_with("param_")) {
      result.parameters.push_back({name.substr(6), value});
    } else if (std::ranges::find(kOwnParameters, name) == kOwnParameters.end()) {
      if (!is_name(name)) {
        return std::unexpected(clickhouse_style_error(
            Errc::kInvalidArgument, 115, "UNKNOWN_SETTING", "Unknown setting '" + name + "'"));
      }
      result.settings.push_back({name, value});
    }
  }
  result.database = request.query_or("database", "");
  if (const auto header = io::find_header(request.headers, "X-ClickHouse-Database");
      result.database.empty()) {
    result.database = header;
  }
  result.format = request.query_or("default_format", "");
  if (const auto header = io::find_header(request.headers, "X-ClickHouse-Format");
      result.format.empty()) {
    result.format = header;
  }
  if (!result.format.empty() && !is_name(result.format)) {
    return std::unexpected(clickhouse_style_error(Errc::kInvalidArgument, 73, "UNKNOWN_FORMAT",
                                                  "Unknown format " + result.format));
  }
  result.query_id = request.query_or("query_id", "");
  if (result.query_id.size() > 256) return bad("query_id is longer than 256 bytes");
  if (!std::ranges::all_of(result.query_id, [](char c) { return c > ' ' && c < 127; })) {
    return bad("query_id has characters that a header cannot carry");
  }
  result.session_id = request.query_or("session_id", "");
  const std::string timeout = request.query_or("session_timeout", "60");
  uint32_t seconds = 0;
  const auto parsed = std::from_chars(timeout.data(), timeout.data() + timeout.size(), seconds);
  if (parsed.ec != std::errc{} || parsed.ptr != timeout.data() + timeout.size() || seconds > 3600) {
    return std::unexpected(clickhouse_style_error(
        Errc::kInvalidArgument, 374, "INVALID_SESSION_TIMEOUT",
        "Invalid session timeout '" + timeout + "': expected 0 to 3600 seconds"));
  }
  result.session_timeout = std::chrono::seconds(seconds);
  result.session_check = request.query_or("session_check", "0") == "1";
  result.read_only = request.method != "POST" || request.query_or("readonly", "0") != "0";
  result.packed_reply = request.query_or("compress", "0") == "1";
  result.whole_reply = request.query_or("wait_end_of_query", "0") == "1";
  result.progress_in_headers = request.query_or("send_progress_in_http_headers", "0") == "1";
  const std::string revision = request.query_or("client_protocol_version", "0");
  const auto read =
      std::from_chars(revision.data(), revision.data() + revision.size(), result.protocol_revision);
  if (read.ec != std::errc{} || read.ptr != revision.data() + revision.size()) {
    return bad("client_protocol_version must be a number");
  }
  if (request.query_or("enable_http_compression", "0") == "1") {
    result.accept_encoding = io::find_header(request.headers, "Accept-Encoding");
  }
  FRESHET_ASSIGN(result.body, unpack_body(request));
  return result;
}

}  // namespace freshet::api
