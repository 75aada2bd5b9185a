// HTTP/1.1 server on loopback TCP and unix sockets (Boost.Beast inside).
//
// Routes are added first, then listen_*() is called as often as needed, then stop(). A connection
// lives on one network thread. Handlers of a route with a worker pool run there and may block;
// those without run on the network thread and must not. One request at a time per connection,
// keep-alive, no pipelining beyond what the socket buffers hold.
//
// Requests over TCP whose Host header names anything but loopback get 403: a web page must not
// reach this server through a name of its own that it points to 127.0.0.1 (DNS rebinding).
//
// Limits: a header over header_bytes_max gets 431, a body over body_bytes_max 413, one that takes
// the bodies of all connections over all_bodies_bytes_max 503, a request that does not arrive
// within request_timeout or an idle connection is closed, and above connections_max new connections
// get 503.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "io/http_message.h"

namespace freshet::io {

class IoThreads;
class WorkerPool;

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

class HttpServer {
 public:
  struct Options {
    std::string service = "HTTP";  // for messages and logs
    size_t header_bytes_max = 16 * 1024;
    size_t body_bytes_max = 16 * 1024 * 1024;
    size_t all_bodies_bytes_max = size_t{1} << 30;
    size_t connections_max = 4096;
    std::chrono::milliseconds request_timeout{30'000};
    std::chrono::milliseconds idle_timeout{120'000};
    /// Longest time that a client may leave one piece of a response unread.
    std::chrono::milliseconds write_timeout{60'000};
  };

  /// `threads` must outlive the server.
  HttpServer(IoThreads& threads, Options options);
  /// stop()s.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// `pattern`: "/v1/pipelines/{name}"; a capture matches one path segment. Where a literal and a
  /// capture both match, the literal wins. HEAD is answered by GET routes. A path without a route
  /// gets 404, a known path with another method 405. `pool` must outlive the server.
  void route(const std::string& method, const std::string& pattern, HttpHandler handler,
             WorkerPool* pool = nullptr);

  /// Listens on loopback; returns the port (the free one that was found for port 0). Errors as
  /// io/listen.h.
  Result<uint16_t> listen_tcp(const std::string& address, uint16_t port);

  /// Listens on a unix socket (mode 0600); stop() removes the file.
  Result<void> listen_unix(const std::filesystem::path& path);

  /// Accepts no more, cuts idle connections, lets running requests finish for up to `grace`, then
  /// cuts their connections too and waits for the handlers, whose writes fail from then on. Blocks;
  /// not from a network thread or a handler. `on_grace_over` is called if handlers still run after
  /// the grace, to make them end. May be called twice.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(5),
            const std::function<void()>& on_grace_over = {});

  [[nodiscard]] size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet::io
