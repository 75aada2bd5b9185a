// HTTP requests and responses as plain values, shared by the server and the client.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace freshet::io {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Value of a header, names compared without case; empty if it is not there.
[[nodiscard]] std::string_view find_header(const HttpHeaders& headers, std::string_view name);

/// "%41%2f" -> "A/"; '+' means a space only in a query. kInvalidArgument for a broken escape.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Escapes all but letters, digits and "-._~".
[[nodiscard]] std::string percent_encode(std::string_view text);

struct HttpRequest {
  std::string method;                        // "GET"
  std::string path;                          // as sent, without the query
  std::map<std::string, std::string> query;  // decoded; of a repeated name the last
  std::map<std::string, std::string>
      captures;  // what {name} of the route's pattern matched, decoded
  HttpHeaders headers;
  std::string body;
  /// On a route with a worker pool: takes what is called, on the network thread, once, when the
  /// client is seen to have gone while its handler still runs. It must not block, and is not called
  /// any more once the handler has returned.
  std::function<void(std::function<void()>)> on_client_gone;

  /// Value of a query parameter, `otherwise` if it was not given.
  [[nodiscard]] std::string query_or(const std::string& name, const std::string& otherwise) const;
};

/// Sets path and query from a request's target, such as "/v1/sql?format=CSV".
/// kInvalidArgument for a broken escape.
Result<void> read_target(std::string_view target, HttpRequest& request);

/// Where a handler writes a body whose size it does not know yet. write() returns once the bytes
/// are handed to the kernel, so a slow client slows the handler; after an error (the client has
/// gone, or the server stops) the handler should end.
class HttpBodyWriter {
 public:
  virtual ~HttpBodyWriter() = default;
  virtual Result<void> write(std::string_view bytes) = 0;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  HttpHeaders headers;
  std::string body;
  /// If set, `body` is ignored and this is called on the handler's worker thread; the header goes
  /// out with the first write and the body chunked. An error returned before the first write
  /// becomes an error_response(); a later one cuts the connection without the final chunk, so that
  /// a client sees that the body is incomplete. Needs a route with a worker pool.
  std::function<Result<void>(HttpBodyWriter&)> stream;
  /// What to answer instead of error_response() when `stream` fails before its first write.
  std::function<HttpResponse(const Error&)> on_error;
  /// Called when `stream` ends well without a write: may still set headers and `body`.
  std::function<void(HttpResponse&)> on_unwritten;
};

/// {"error":{"code":"not_found","message":"…"}} with the status that fits the code.
[[nodiscard]] HttpResponse error_response(const Error& error);
/// The HTTP status that error_response() uses.
[[nodiscard]] unsigned http_status(Errc code);

}  // namespace freshet::io
