#include "io/http_client.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <cstring>
#include <memory>

namespace freshet::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

using std::chrono::milliseconds;

// A socket whose calls end after a time of silence; Beast's synchronous stream over poll().
class PolledSocket {
 public:
  explicit PolledSocket(int fd) : fd_(fd) {}
  PolledSocket(PolledSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), timeout_(other.timeout_) {}
  PolledSocket& operator=(PolledSocket&&) = delete;
  ~PolledSocket() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int fd() const { return fd_; }
  void set_timeout(milliseconds timeout) { timeout_ = timeout; }

  // errno of the failure, 0 when the socket is ready.
  [[nodiscard]] int wait(short events) const {
    pollfd item{fd_, events, 0};
    while (true) {
      const int ready = ::poll(&item, 1, static_cast<int>(timeout_.count()));
      if (ready > 0) return 0;
      if (ready == 0) return ETIMEDOUT;
      if (errno != EINTR) return errno;
    }
  }

  template <class Buffers>
  size_t read_some(const Buffers& buffers, beast::error_code& error) {
    const asio::mutable_buffer buffer = *asio::buffer_sequence_begin(buffers);
    while (true) {
      const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (n > 0) return static_cast<size_t>(n);
      if (n == 0) {
        error = asio::error::eof;
        return 0;
      }
      if (!retry(errno, POLLIN, error)) return 0;
    }
  }
  template <class Buffers>
  size_t read_some(const Buffers& buffers) {
    beast::error_code error;
    const size_t n = read_some(buffers, error);
    if (error) throw beast::system_error(error);
    return n;
  }

  template <class Buffers>
  size_t write_some(const Buffers& buffers, beast::error_code& error) {
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
         ++it) {
      const asio::const_buffer buffer = *it;
      if (buffer.size() == 0) continue;
      while (true) {
        const ssize_t n = ::send(fd_, buffer.data(), buffer.size(), MSG_NOSIGNAL);
        if (n >= 0) return static_cast<size_t>(n);
        if (!retry(errno, POLLOUT, error)) return 0;
      }
    }
    return 0;
  }
  template <class Buffers>
  size_t write_some(const Buffers& buffers) {
    beast::error_code error;
    const size_t n = write_some(buffers, error);
    if (error) throw beast::system_error(error);
    return n;
  }

 private:
  // True when the call may be tried again.
  [[nodiscard]] bool retry(int code, short events, beast::error_code& error) const {
    if (code == EINTR) return true;
    if (code == EAGAIN) code = wait(events);
    if (code == 0) return true;
    error.assign(code, beast::system_category());
    return false;
  }

  int fd_;
  milliseconds timeout_{0};
};

Error connect_error(const std::string& where, int code) {
  Error error = errno_error("connect to " + where, code);
  if (code == ECONNREFUSED || code == ENOENT) return {Errc::kUnavailable, error.message()};
  if (code == ETIMEDOUT) return {Errc::kTimeout, error.message()};
  return error;
}

Result<PolledSocket> connect_to(const sockaddr* address, socklen_t length, const std::string& where,
                                const HttpClient::Options& options) {
  PolledSocket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return std::unexpected(connect_error(where, errno));
  socket.set_timeout(options.connect_timeout);
  if (::connect(socket.fd(), address, length) != 0) {
    // A unix socket with a full backlog says EAGAIN and never becomes writable.
    if (errno != EINPROGRESS) return std::unexpected(connect_error(where, errno));
    int code = socket.wait(POLLOUT);
    socklen_t size = sizeof code;
    if (code == 0) ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) return std::unexpected(connect_error(where, code));
  }
  socket.set_timeout(options.silence_timeout);
  return socket;
}

Result<PolledSocket> connect_unix(const std::filesystem::path& path,
                                  const HttpClient::Options& options) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalidArgument, "socket {}: the path is longer than {} bytes", name,
                sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, name, options);
}

Result<PolledSocket> connect_tcp(const std::string& host, uint16_t port,
                                 const HttpClient::Options& options) {
  const std::string where = fmt::format("{}:{}", host, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) {
    return fail(Errc::kUnavailable, "connect to {}: {}", where, ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Result<PolledSocket> socket = fail(Errc::kUnavailable, "connect to {}: no address", where);
  for (const addrinfo* item = found; item != nullptr && !socket; item = item->ai_next) {
    auto attempt = connect_to(item->ai_addr, item->ai_addrlen, where, options);
    if (attempt) return attempt;
    socket = std::unexpected(std::move(attempt).error());
  }
  return socket;
}

Error transfer_error(const std::string& what, const beast::error_code& error) {
  if (error == beast::errc::timed_out) {
    return {Errc::kTimeout, fmt::format("{}: no answer in time", what)};
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error == asio::error::eof || error == asio::error::connection_reset) {
    return {Errc::kInternal, fmt::format("{}: the answer was cut off before its end", what)};
  }
  if (error == http::error::body_limit) {
    return {Errc::kTooLarge, fmt::format("{}: the answer is too large", what)};
  }
  return {Errc::kIo, fmt::format("{}: {}", what, error.message())};
}

// Reads the body piece by piece into `reply` or the callback.
Result<void> read_body(PolledSocket& socket, beast::flat_buffer& buffer,
                       http::response_parser<http::buffer_body>& parser, const std::string& what,
                       const HttpClient::OnBody& on_body, size_t body_bytes_max, HttpReply& reply) {
  std::array<char, 64 * 1024> piece;
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    beast::error_code error;
    http::read_some(socket, buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error) return std::unexpected(transfer_error(what, error));
    const std::string_view bytes(piece.data(), piece.size() - body.size);
    if (bytes.empty()) continue;
    if (on_body && reply.ok()) {
      if (!on_body(bytes)) return fail(Errc::kCancelled, "{}: stopped by the receiver", what);
    } else if (reply.body.size() + bytes.size() > body_bytes_max) {
      return fail(Errc::kTooLarge, "{}: the answer has more than {} bytes", what, body_bytes_max);
    } else {
      reply.body += bytes;
    }
  }
  return {};
}

// Value of a string member of a small JSON object of our own making; empty if it is not there.
std::string json_member(std::string_view json, std::string_view name) {
  const std::string key = fmt::format("\"{}\":\"", name);
  size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  std::string value;
  for (at += key.size(); at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\' && at + 1 < json.size()) {
      ++at;
      value += json[at] == 'n' ? '\n' : json[at];
    } else {
      value += json[at];
    }
  }
  return value;
}

}  // namespace

HttpClient::HttpClient(Address address, Options options)
    : address_(std::move(address)), options_(options) {}

HttpClient HttpClient::unix_socket(std::filesystem::path path) {
  return unix_socket(std::move(path), Options());
}
HttpClient HttpClient::unix_socket(std::filesystem::path path, Options options) {
  return {std::move(path), options};
}
HttpClient HttpClient::tcp(std::string host, uint16_t port) {
  return tcp(std::move(host), port, Options());
}
HttpClient HttpClient::tcp(std::string host, uint16_t port, Options options) {
  return {Tcp{std::move(host), port}, options};
}

Result<HttpReply> HttpClient::request(const std::string& method, const std::string& target,
                                      std::string body, const HttpHeaders& headers,
                                      const OnBody& on_body) {
  const std::string what = method + " " + target;
  const auto* tcp = std::get_if<Tcp>(&address_);
  auto connected = tcp != nullptr
                       ? connect_tcp(tcp->host, tcp->port, options_)
                       : connect_unix(std::get<std::filesystem::path>(address_), options_);
  if (!connected) return std::unexpected(std::move(connected).error());
  PolledSocket socket = std::move(*connected);

  http::request<http::string_body> request;
  request.method_string(method);
  request.target(target);
  request.version(11);
  request.set(http::field::host,
              tcp != nullptr ? fmt::format("{}:{}", tcp->host, tcp->port) : "localhost");
  request.set(http::field::connection, "close");
  for (const auto& [name, value] : headers) request.set(name, value);
  request.body() = std::move(body);
  request.prepare_payload();
  beast::error_code error;
  http::write(socket, request, error);
  // A server that refuses a large body answers and closes while we still write: read that answer.
  if (error && error != asio::error::broken_pipe && error != asio::error::connection_reset) {
    return std::unexpected(transfer_error(what, error));
  }

  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  parser.skip(method == "HEAD");
  http::read_header(socket, buffer, parser, error);
  if (error) return std::unexpected(transfer_error(what, error));
  HttpReply reply;
  reply.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    reply.headers.emplace_back(field.name_string(), field.value());
  }
  FRESHET_TRY(read_body(socket, buffer, parser, what, on_body, options_.body_bytes_max, reply));
  return reply;
}

Error error_of_reply(const HttpReply& reply) {
  const std::string message = json_member(reply.body, "message");
  const std::string name = json_member(reply.body, "code");
  for (int i = 0; i <= static_cast<int>(Errc::kInternal); ++i) {
    const auto code = static_cast<Errc>(i);
    if (errc_name(code) == name && !message.empty()) return {code, message};
  }
  return {reply.status == 404 ? Errc::kNotFound : Errc::kInternal,
          fmt::format("the server answered with HTTP status {}", reply.status)};
}

}  // namespace freshet::io
