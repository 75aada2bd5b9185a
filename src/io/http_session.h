// One connection of the HTTP server. Internal to http_server.cc; includes Beast.
//
// Lives on one network thread; run() is its only coroutine. The handlers of routes with a worker
// pool run elsewhere and talk to it through an Exchange.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>

#include "io/http_router.h"
#include "io/http_server.h"

namespace freshet::io {

/// Any connected socket, TCP or unix.
using HttpStream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;

/// What sessions share with their server; outlives them.
struct HttpSessionSettings {
  HttpServer::Options options;
  HttpRouter router;
  std::atomic<bool> stopping = false;
  mutable std::atomic<size_t> body_bytes = 0;  // of all requests that are read or served
};

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(const HttpSessionSettings& settings, HttpStream stream, bool is_tcp);

  /// Serves requests until the connection ends. Throws nothing that is not a bug.
  boost::asio::awaitable<void> run();

  [[nodiscard]] HttpStream::executor_type executor() { return stream_.get_executor(); }
  /// On the session's thread: closes the connection unless a request is being served.
  void close_if_idle();
  /// On the session's thread: closes the connection in any case.
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  class Exchange;
  class ExchangeWriter;

  boost::asio::awaitable<bool> wait_for_request();
  boost::asio::awaitable<bool> read_request(Parser& parser);
  bool hold_body(size_t bytes);
  void release_body();
  boost::asio::awaitable<void> serve(Parser& parser);
  boost::asio::awaitable<void> run_on_pool(const HttpRouter::Route& route, HttpRequest request);
  void watch_client(const std::shared_ptr<Exchange>& exchange,
                    const std::shared_ptr<bool>& watching);
  boost::asio::awaitable<bool> write_stream_head(const HttpResponse& response);
  boost::asio::awaitable<bool> write_chunk(std::string_view bytes);
  boost::asio::awaitable<void> respond(HttpResponse response);
  template <class Message>
  void fill_head(Message& message, const HttpResponse& response) const;
  [[nodiscard]] bool may_ask(const HttpRequest& request) const;

  const HttpSessionSettings& settings_;
  HttpStream stream_;
  boost::beast::flat_buffer buffer_;
  const bool is_tcp_;
  // Of the request being served.
  size_t body_bytes_ = 0;
  bool idle_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
  unsigned version_ = 11;
};

}  // namespace freshet::io
