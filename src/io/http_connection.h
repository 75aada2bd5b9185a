// One HTTP/1.1 connection of a client, kept for one request after the other; TCP, with TLS or
// without.
//
//   open() ─▶ at rest ──ask()──▶ request goes out ──▶ answer comes in ──▶ at rest
//                                      │                    │
//                                      └──── any failure ───┴──▶ spent: is_reusable() is false
//
// A request carries its size before its body, so that one that is cut in the middle, by whatever,
// is never taken for a whole one. Nothing is ever sent a second time here: only the caller knows
// what that would mean.
//
// Blocking; one thread at a time; never on a network thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/http_url.h"
#include "io/http_client.h"
#include "io/http_message.h"

namespace freshet::io {

class TlsClientContext;

class HttpConnection {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{5'000};  // TLS handshake included, each
    /// Longest silence while the request goes out, or while the answer is waited for.
    std::chrono::milliseconds silence_timeout{120'000};
    size_t body_bytes_max = size_t{256} << 20;  // of an answer that is collected
    size_t header_bytes_max = size_t{64} << 10;
  };
  struct Request {
    std::string_view method;
    std::string_view target;  // escaped; begins with "/"
    const HttpHeaders& headers;
    std::string_view body;
    /// Runs when about half of the body has been handed to the kernel: a place for tests.
    std::function<void()> in_mid_body = {};
  };

  /// kUnavailable, kTimeout: nobody is there, or does not speak TLS; kRefused: its certificate is
  /// not trusted, with the reason. `tls` is for a url with TLS.
  static Result<std::unique_ptr<HttpConnection>> open(const HttpUrl& url,
                                                      std::shared_ptr<TlsClientContext> tls,
                                                      const Options& options);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// Takes pieces of the body of an answer whose status and headers stand in `head`; false ends it
  /// (kCancelled).
  using OnBody = std::function<bool(const HttpReply& head, std::string_view piece)>;

  /// Sends the request and returns the answer, of whatever status; with `on_body`, bodies of status
  /// 2xx go there. After kUnavailable or kTimeout the server may have done what was asked, or may
  /// still do it. kCancelled: `on_body` gave up; kTooLarge.
  Result<HttpReply> ask(const Request& request, const OnBody& on_body = {});

  /// At rest, the last answer read to its end, and the other side has not closed.
  [[nodiscard]] bool is_reusable() const;
  /// A byte of the answer to the last request has come.
  [[nodiscard]] bool was_answered() const;
  /// How long the server keeps the connection at rest, by its own words; none: it does not say.
  [[nodiscard]] std::chrono::seconds kept_for() const;

 private:
  struct State;
  explicit HttpConnection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::io
