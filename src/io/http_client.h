// Small blocking HTTP/1.1 client for the command line and tests: unix sockets and plain TCP.
// One request per connection. Not for network threads. An object is used by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "io/http_message.h"

namespace freshet::io {

struct HttpReply {
  unsigned status = 0;
  HttpHeaders headers;
  std::string body;  // empty if a body callback took it

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

class HttpClient {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{5'000};
    /// Longest silence while waiting for the header or the next piece of the body.
    std::chrono::milliseconds silence_timeout{600'000};
    size_t body_bytes_max = 256 * 1024 * 1024;  // of a body that is collected
  };

  static HttpClient unix_socket(std::filesystem::path path);
  static HttpClient unix_socket(std::filesystem::path path, Options options);
  static HttpClient tcp(std::string host, uint16_t port);
  static HttpClient tcp(std::string host, uint16_t port, Options options);

  /// Takes pieces of a body as they arrive; false ends the request early (kCancelled).
  using OnBody = std::function<bool(std::string_view)>;

  /// `target` is path and query, already escaped. With `on_body`, bodies of status 2xx go there and
  /// all others into the reply. kUnavailable: nobody listens; kTimeout; kInternal: the body ended
  /// before its end.
  Result<HttpReply> request(const std::string& method, const std::string& target,
                            std::string body = {}, const HttpHeaders& headers = {},
                            const OnBody& on_body = {});

 private:
  struct Tcp {
    std::string host;
    uint16_t port;
  };
  using Address = std::variant<std::filesystem::path, Tcp>;
  HttpClient(Address address, Options options);

  Address address_;
  Options options_;
};

/// The Error that a non-2xx reply of ours carries in its JSON body, or one made from the status.
[[nodiscard]] Error error_of_reply(const HttpReply& reply);

}  // namespace freshet::io
