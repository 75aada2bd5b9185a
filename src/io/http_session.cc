#include "io/http_session.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "io/worker_pool.h"
#include "observe/log.h"

namespace freshet::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

const Logger& logger() {
  static const Logger instance("io.http");
  return instance;
}

Error text_error(Errc code, std::string text) { return {code, std::move(text)}; }

// A handler's exception is a bug in it, but must not take the other connections down.
HttpResponse call_handler(const HttpRouter::Route& route, const HttpRequest& request) {
  try {
    return route.handler(request);
  } catch (const std::exception& failure) {
    logger().error("a handler threw", kv("method", request.method), kv("path", request.path),
                   kv("what", failure.what()));
    return error_response(text_error(Errc::kInternal, "the server failed; its log says why"));
  }
}

std::optional<HttpResponse> response_to_bad_request(const beast::error_code& error,
                                                    const HttpServer::Options& options) {
  HttpResponse response;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    response = error_response(text_error(
        Errc::kTooLarge,
        fmt::format("the request's header is larger than {} bytes", options.header_bytes_max)));
    response.status = 431;
    return response;
  }
  if (error == http::error::body_limit) {
    return error_response(text_error(
        Errc::kTooLarge,
        fmt::format("the request's body is larger than {} bytes", options.body_bytes_max)));
  }
  const bool malformed = error.category() == make_error_code(http::error::bad_value).category() &&
                         error != http::error::end_of_stream &&
                         error != http::error::partial_message;
  if (!malformed) return std::nullopt;
  return error_response(
      text_error(Errc::kInvalidArgument, "not an HTTP/1.1 request: " + error.message()));
}

}  // namespace

// What a handler's thread and the session's thread hand each other. The handler's side blocks; the
// session's side waits on a timer that the other cancels.
class HttpSession::Exchange : public std::enable_shared_from_this<HttpSession::Exchange> {
 public:
  // `wake` belongs to the session's coroutine, because the last owner of this object may be a
  // worker thread that outlives the network threads.
  Exchange(HttpRequest request, const std::shared_ptr<asio::steady_timer>& wake)
      : request_(std::move(request)), executor_(wake->get_executor()), wake_(wake) {
    request_.on_client_gone = [this](std::function<void()> call) {
      const std::scoped_lock lock(mutex_);
      if (gone_) {
        call();
      } else {
        on_gone_ = std::move(call);
      }
    };
  }

  [[nodiscard]] const HttpRequest& request() const { return request_; }

  // --- the handler's thread

  Result<void> hand_over(std::string_view bytes, const HttpResponse* head) {
    std::unique_lock lock(mutex_);
    if (cut_) return gone();
    head_ = head;
    chunk_ = bytes;
    wake_session();
    taken_.wait(lock, [this] { return !chunk_; });
    if (cut_) return gone();
    return {};
  }

  void finish(std::optional<HttpResponse> response, bool complete) {
    const std::scoped_lock lock(mutex_);
    response_ = std::move(response);
    complete_ = complete;
    finished_ = true;
    on_gone_ = {};
    wake_session();
  }

  // --- the session's thread

  // Returns when there is a chunk or the handler has finished.
  asio::awaitable<void> wait(asio::steady_timer& wake) {
    while (!signalled_) co_await wake.async_wait(kTuple);
    signalled_ = false;
  }

  std::optional<std::string_view> chunk() {
    const std::scoped_lock lock(mutex_);
    return chunk_;
  }
  // Of the response whose first chunk this is.
  const HttpResponse* head() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(head_, nullptr);
  }
  void chunk_done(bool written) {
    {
      const std::scoped_lock lock(mutex_);
      chunk_.reset();
      cut_ = cut_ || !written;
    }
    taken_.notify_one();
  }
  [[nodiscard]] bool finished() {
    const std::scoped_lock lock(mutex_);
    return finished_;
  }
  void client_gone() {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
    if (on_gone_) std::exchange(on_gone_, {})();
  }
  // After finished(): the whole response, if it was not streamed.
  std::optional<HttpResponse> take_response() { return std::move(response_); }
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  static Result<void> gone() {
    return fail(Errc::kCancelled, "the client has gone away before the answer was complete");
  }

  void wake_session() {
    asio::post(executor_, [self = shared_from_this()] {
      self->signalled_ = true;
      if (const auto wake = self->wake_.lock()) wake->cancel();
    });
  }

  HttpRequest request_;  // constant after construction
  const HttpStream::executor_type executor_;
  // Used by the session's thread only.
  const std::weak_ptr<asio::steady_timer> wake_;
  bool signalled_ = false;

  std::mutex mutex_;
  std::condition_variable taken_;
  // Guarded by mutex_.
  std::optional<std::string_view> chunk_;  // valid until chunk_done()
  const HttpResponse* head_ = nullptr;     // as chunk_
  bool cut_ = false;
  bool gone_ = false;
  std::function<void()> on_gone_;
  bool finished_ = false;
  bool complete_ = false;
  std::optional<HttpResponse> response_;
};

class HttpSession::ExchangeWriter final : public HttpBodyWriter {
 public:
  ExchangeWriter(Exchange& exchange, const HttpResponse& head)
      : exchange_(exchange), head_(&head) {}

  Result<void> write(std::string_view bytes) override {
    if (bytes.empty()) return {};
    return exchange_.hand_over(bytes, std::exchange(head_, nullptr));
  }
  [[nodiscard]] bool has_begun() const { return head_ == nullptr; }

 private:
  Exchange& exchange_;
  const HttpResponse* head_;  // until it has been sent
};

HttpSession::HttpSession(const HttpSessionSettings& settings, HttpStream stream, bool is_tcp)
    : settings_(settings),
      stream_(std::move(stream)),
      buffer_(settings.options.header_bytes_max + 64 * 1024),
      is_tcp_(is_tcp) {}

void HttpSession::close_if_idle() {
  if (idle_) close();
}

void HttpSession::close() { stream_.close(); }

asio::awaitable<void> HttpSession::run() {
  // Stopping goes through close(): a cancelled coroutine could not wait for its handler.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  while (keep_alive_ && !settings_.stopping) {
    if (!co_await wait_for_request()) break;
    Parser parser;
    parser.header_limit(static_cast<uint32_t>(settings_.options.header_bytes_max));
    parser.body_limit(settings_.options.body_bytes_max);
    const bool whole = co_await read_request(parser);
    if (whole) co_await serve(parser);
    release_body();
    if (!whole) break;
  }
  stream_.close();
}

asio::awaitable<bool> HttpSession::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  constexpr size_t kFirstRead = 8 * 1024;
  stream_.expires_after(settings_.options.idle_timeout);
  idle_ = true;
  const auto [error, bytes] = co_await stream_.async_read_some(buffer_.prepare(kFirstRead), kTuple);
  idle_ = false;
  buffer_.commit(bytes);
  co_return !error;
}

// False if all bodies of this server are too much with that.
bool HttpSession::hold_body(size_t bytes) {
  const size_t more = bytes - std::exchange(body_bytes_, bytes);
  return (settings_.body_bytes += more) <= settings_.options.all_bodies_bytes_max;
}

void HttpSession::release_body() { settings_.body_bytes -= std::exchange(body_bytes_, 0); }

asio::awaitable<bool> HttpSession::read_request(Parser& parser) {
  stream_.expires_after(settings_.options.request_timeout);
  auto [error, bytes] = co_await http::async_read_header(stream_, buffer_, parser, kTuple);
  if (!error && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [write_error, written] =
        co_await asio::async_write(stream_, asio::buffer(kContinue), kTuple);
    error = write_error;
  }
  parser.eager(true);
  while (!error && !parser.is_done()) {
    const auto [read_error, more] =
        co_await http::async_read_some(stream_, buffer_, parser, kTuple);
    error = read_error;
    if (!hold_body(parser.get().body().size())) {
      keep_alive_ = false;
      co_await respond(error_response(text_error(
          Errc::kUnavailable, "the bodies of all requests together are too large; try again")));
      co_return false;
    }
  }
  if (!error) co_return true;
  keep_alive_ = false;
  if (auto response = response_to_bad_request(error, settings_.options)) {
    co_await respond(std::move(*response));
  }
  co_return false;
}

bool HttpSession::may_ask(const HttpRequest& request) const {
  if (!is_tcp_) return true;
  std::string_view host = find_header(request.headers, "Host");
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  // 127.0.0.1.example.org is somebody's name, not an address.
  const bool is_loopback =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host.empty() || host == "localhost" || host == "[::1]" || is_loopback;
}

asio::awaitable<void> HttpSession::serve(Parser& parser) {
  auto message = parser.release();
  HttpRequest request;
  request.method = std::string(message.method_string());
  for (const auto& field : message) {
    request.headers.emplace_back(field.name_string(), field.value());
  }
  request.body = std::move(message.body());
  keep_alive_ = message.keep_alive();
  head_only_ = message.method() == http::verb::head;
  version_ = message.version();

  if (!may_ask(request)) {
    co_return co_await respond(error_response(text_error(
        Errc::kRefused,
        "the Host header names no loopback address; ask by http://localhost or http://127.0.0.1")));
  }
  if (auto split = read_target(message.target(), request); !split) {
    co_return co_await respond(error_response(split.error()));
  }
  auto match = settings_.router.find(request.method, request.path);
  if (!match) co_return co_await respond(error_response(match.error()));
  if (match->route == nullptr) {
    HttpResponse response = error_response(text_error(
        Errc::kInvalidArgument,
        fmt::format("{} takes {}, not {}", request.path, match->allowed, request.method)));
    response.status = 405;
    response.headers.emplace_back("Allow", match->allowed);
    co_return co_await respond(std::move(response));
  }
  request.captures = std::move(match->captures);
  if (match->route->pool != nullptr) {
    co_return co_await run_on_pool(*match->route, std::move(request));
  }
  HttpResponse response = call_handler(*match->route, request);
  FRESHET_CHECK(!response.stream, "route {} streams but has no worker pool", request.path);
  co_await respond(std::move(response));
}

// `watching` and the socket belong to the session's thread, which also runs the handler below: once
// it is false, the session may be gone.
void HttpSession::watch_client(const std::shared_ptr<Exchange>& exchange,
                               const std::shared_ptr<bool>& watching) {
  stream_.socket().async_wait(
      HttpStream::socket_type::wait_read,
      [exchange, watching, socket = stream_.socket().native_handle()](beast::error_code error) {
        if (error || !*watching) return;
        char byte = 0;
        const ssize_t got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        // A byte is the next request: whoever sends one is still there.
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) exchange->client_gone();
      });
}

asio::awaitable<void> HttpSession::run_on_pool(const HttpRouter::Route& route,
                                               HttpRequest request) {
  const auto wake = std::make_shared<asio::steady_timer>(stream_.get_executor(),
                                                         asio::steady_timer::time_point::max());
  auto exchange = std::make_shared<Exchange>(std::move(request), wake);
  WorkerPool::Task task = [exchange, &route] {
    HttpResponse response = call_handler(route, exchange->request());
    if (!response.stream) return exchange->finish(std::move(response), true);
    ExchangeWriter writer(*exchange, response);
    Result<void> streamed;
    try {
      streamed = response.stream(writer);
    } catch (const std::exception& failure) {
      logger().error("a streaming handler threw", kv("path", exchange->request().path),
                     kv("what", failure.what()));
      streamed = fail(Errc::kInternal, "the server failed; its log says why");
    }
    if (!writer.has_begun()) {
      response.body.clear();
      if (!streamed) {
        const auto on_error = std::exchange(response.on_error, {});
        response = on_error ? on_error(streamed.error()) : error_response(streamed.error());
      } else if (response.on_unwritten) {
        std::exchange(response.on_unwritten, {})(response);
      }
    }
    // What the handler keeps for the stream goes before the client knows that the answer is whole:
    // its next request may need it.
    response.stream = {};
    response.on_error = {};
    response.on_unwritten = {};
    if (writer.has_begun()) return exchange->finish(std::nullopt, streamed.has_value());
    exchange->finish(std::move(response), true);
  };
  stream_.expires_never();
  if (!route.pool->try_post(task)) {
    co_return co_await respond(error_response(text_error(
        Errc::kUnavailable, "too many requests are waiting already; try again in a moment")));
  }
  const auto watching = std::make_shared<bool>(true);
  watch_client(exchange, watching);
  bool broken = false;
  while (true) {
    co_await exchange->wait(*wake);
    if (const auto chunk = exchange->chunk()) {
      const HttpResponse* head = exchange->head();
      bool written = !broken;
      if (written && head != nullptr) written = co_await write_stream_head(*head);
      if (written) written = co_await write_chunk(*chunk);
      broken = !written;
      exchange->chunk_done(written);
    }
    if (exchange->finished()) break;
  }
  *watching = false;
  beast::error_code ignored;
  stream_.socket().cancel(ignored);
  if (auto response = exchange->take_response()) {
    co_return co_await respond(std::move(*response));
  }
  if (broken || !exchange->complete()) {
    keep_alive_ = false;  // without the last chunk the client knows that the body is cut off
  } else if (version_ >= 11 && !head_only_) {
    const auto [error, bytes] =
        co_await asio::async_write(stream_, http::make_chunk_last(), kTuple);
    if (error) keep_alive_ = false;
  }
}

template <class Message>
void HttpSession::fill_head(Message& message, const HttpResponse& response) const {
  message.version(version_);
  message.result(response.status);
  message.set(http::field::content_type, response.content_type);
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
}

asio::awaitable<bool> HttpSession::write_stream_head(const HttpResponse& response) {
  http::response<http::empty_body> message;
  fill_head(message, response);
  if (version_ >= 11) {
    message.chunked(true);
  } else {
    keep_alive_ = false;  // HTTP/1.0: the body ends with the connection
  }
  message.keep_alive(keep_alive_ && !settings_.stopping);
  http::response_serializer<http::empty_body> serializer(message);
  stream_.expires_after(settings_.options.write_timeout);
  const auto [error, bytes] = co_await http::async_write_header(stream_, serializer, kTuple);
  co_return !error;
}

asio::awaitable<bool> HttpSession::write_chunk(std::string_view bytes) {
  if (head_only_) co_return true;
  stream_.expires_after(settings_.options.write_timeout);
  const asio::const_buffer buffer(bytes.data(), bytes.size());
  if (version_ < 11) {
    const auto [error, written] = co_await asio::async_write(stream_, buffer, kTuple);
    co_return !error;
  }
  const auto [error, written] =
      co_await asio::async_write(stream_, http::make_chunk(buffer), kTuple);
  co_return !error;
}

asio::awaitable<void> HttpSession::respond(HttpResponse response) {
  if (settings_.stopping) keep_alive_ = false;
  http::response<http::string_body> message;
  fill_head(message, response);
  message.body() = std::move(response.body);
  message.keep_alive(keep_alive_);
  message.prepare_payload();
  stream_.expires_after(settings_.options.write_timeout);
  if (head_only_) {
    http::response_serializer<http::string_body> serializer(message);
    const auto [error, bytes] = co_await http::async_write_header(stream_, serializer, kTuple);
    if (error) keep_alive_ = false;
  } else {
    const auto [error, bytes] = co_await http::async_write(stream_, message, kTuple);
    if (error) keep_alive_ = false;
  }
}

}  // namespace freshet::io
