#include "io/http_connection.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "io/polled_socket.h"
#include "io/tls_client_context.h"

namespace freshet::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using std::chrono::seconds;

using TlsOverSocket = asio::ssl::stream<PolledSocket&>;

Error transfer_error(std::string_view doing, const beast::error_code& error) {
  if (error == beast::errc::timed_out) {
    return {Errc::kTimeout, fmt::format("{}: silence for too long", doing)};
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated) {
    return {Errc::kUnavailable, fmt::format("{}: the other side ended the connection", doing)};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {Errc::kTooLarge, fmt::format("{}: the header of the answer is too large", doing)};
  }
  // Not HTTP, too: who answers may be somebody else after a while.
  return {Errc::kUnavailable, fmt::format("{}: {}", doing, error.message())};
}

bool is_address(const std::string& host) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool may_stand_in_header(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

/// Of "timeout=10, max=9999".
seconds keep_alive_timeout(std::string_view header) {
  constexpr std::string_view kName = "timeout=";
  const size_t at = header.find(kName);
  unsigned value = 0;
  if (at != std::string_view::npos) {
    header.remove_prefix(at + kName.size());
    std::from_chars(header.data(), header.data() + header.size(), value);
  }
  return seconds(std::min(value, 3'600U));
}

}  // namespace

struct HttpConnection::State {
  State(const HttpUrl& url, PolledSocket connected, std::shared_ptr<TlsClientContext> context,
        const Options& options)
      : url(url), options(options), socket(std::move(connected)), tls_context(std::move(context)) {}

  Result<void> shake_hands();
  /// Calls `work` with the stream, which is TLS or the socket itself.
  template <class Work>
  auto on_stream(const Work& work) {
    return tls ? work(*tls) : work(socket);
  }
  Result<void> send_all(std::string_view bytes);
  Result<void> send(const Request& request);
  Result<HttpReply> receive(bool head, const OnBody& on_body);
  Result<void> read_body(http::response_parser<http::buffer_body>& parser, const OnBody& on_body,
                         HttpReply& reply);

  const HttpUrl url;
  const Options options;
  PolledSocket socket;
  std::shared_ptr<TlsClientContext> tls_context;
  std::unique_ptr<TlsOverSocket> tls;  // over socket; none: plain
  beast::flat_buffer buffer;
  bool at_rest = true;
  bool answered = false;
  seconds kept{0};
};

Result<void> HttpConnection::State::shake_hands() {
  tls = std::make_unique<TlsOverSocket>(socket, tls_context->native());
  SSL* const raw = tls->native_handle();
  if (!is_address(url.host)) SSL_set_tlsext_host_name(raw, url.host.c_str());
  if (tls_context->checks_certificate()) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(raw);
    const int set = is_address(url.host)
                        ? X509_VERIFY_PARAM_set1_ip_asc(rules, url.host.c_str())
                        : X509_VERIFY_PARAM_set1_host(rules, url.host.data(), url.host.size());
    if (set != 1) return fail(Errc::kInvalidArgument, "TLS: {} is no name of a host", url.host);
  }
  beast::error_code error;
  tls->handshake(asio::ssl::stream_base::client, error);
  if (!error) return {};
  if (const long verdict = SSL_get_verify_result(raw); verdict != X509_V_OK) {
    return fail(Errc::kRefused,
                "TLS: the certificate of {} is not trusted: {}; name its authority (tls: {{ ca: "
                "file.pem }}), or mend the certificate",
                url.authority(), X509_verify_cert_error_string(verdict));
  }
  const Error failure = transfer_error("TLS handshake with " + url.authority(), error);
  return fail(failure.code(), "{}; does it speak TLS?", failure.message());
}

Result<void> HttpConnection::State::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    beast::error_code error;
    const size_t sent = on_stream([&](auto& stream) {
      return stream.write_some(asio::const_buffer(bytes.data(), bytes.size()), error);
    });
    if (error) return std::unexpected(transfer_error("sending to " + url.authority(), error));
    bytes.remove_prefix(sent);
  }
  return {};
}

Result<void> HttpConnection::State::send(const Request& request) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n",
                                 request.method, request.target, url.authority());
  for (const auto& [name, value] : request.headers) {
    if (!may_stand_in_header(value)) {
      return fail(Errc::kInvalidArgument, "the value of the header {} has a line break", name);
    }
    head += fmt::format("{}: {}\r\n", name, value);
  }
  head += fmt::format("Content-Length: {}\r\n\r\n", request.body.size());
  const size_t middle = request.body.size() / 2;
  // A small body goes in one packet with its head.
  constexpr size_t kTogetherMax = size_t{16} << 10;
  if (request.body.size() <= kTogetherMax && !request.in_mid_body) {
    head += request.body;
    return send_all(head);
  }
  FRESHET_TRY(send_all(head));
  FRESHET_TRY(send_all(request.body.substr(0, middle)));
  if (request.in_mid_body) request.in_mid_body();
  return send_all(request.body.substr(middle));
}

Result<void> HttpConnection::State::read_body(http::response_parser<http::buffer_body>& parser,
                                              const OnBody& on_body, HttpReply& reply) {
  std::array<char, 64 * 1024> piece;
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    beast::error_code error;
    on_stream([&](auto& stream) { http::read_some(stream, buffer, parser, error); });
    if (error == http::error::need_buffer) error = {};
    if (error) {
      return std::unexpected(transfer_error("the answer of " + url.authority(), error));
    }
    const std::string_view bytes(piece.data(), piece.size() - body.size);
    if (bytes.empty()) continue;
    if (on_body && reply.ok()) {
      if (!on_body(reply, bytes)) return fail(Errc::kCancelled, "stopped by the receiver");
    } else if (reply.body.size() + bytes.size() > options.body_bytes_max) {
      return fail(Errc::kTooLarge, "the answer of {} has more than {} bytes", url.authority(),
                  options.body_bytes_max);
    } else {
      reply.body += bytes;
    }
  }
  return {};
}

Result<HttpReply> HttpConnection::State::receive(bool head, const OnBody& on_body) {
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  parser.header_limit(static_cast<std::uint32_t>(options.header_bytes_max));
  parser.skip(head);
  beast::error_code error;
  on_stream([&](auto& stream) { http::read_header(stream, buffer, parser, error); });
  answered = answered || buffer.size() > 0 || !error;
  if (error) {
    return std::unexpected(transfer_error("the answer of " + url.authority(), error));
  }
  HttpReply reply;
  reply.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    reply.headers.emplace_back(field.name_string(), field.value());
  }
  FRESHET_TRY(read_body(parser, on_body, reply));
  kept = keep_alive_timeout(find_header(reply.headers, "Keep-Alive"));
  // Bytes behind the answer belong to nothing that was asked.
  at_rest = parser.keep_alive() && buffer.size() == 0;
  return reply;
}

HttpConnection::HttpConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpConnection::~HttpConnection() = default;

Result<std::unique_ptr<HttpConnection>> HttpConnection::open(const HttpUrl& url,
                                                             std::shared_ptr<TlsClientContext> tls,
                                                             const Options& options) {
  FRESHET_ASSIGN(PolledSocket socket,
                 PolledSocket::connect_tcp(url.host, url.port, options.connect_timeout));
  socket.keep_alive();
  auto state = std::make_unique<State>(url, std::move(socket), std::move(tls), options);
  if (url.tls) {
    FRESHET_CHECK(state->tls_context != nullptr, "{} without a TLS context", url.display());
    FRESHET_TRY(state->shake_hands());
  }
  state->socket.set_silence_timeout(options.silence_timeout);
  return std::unique_ptr<HttpConnection>(new HttpConnection(std::move(state)));
}

Result<HttpReply> HttpConnection::ask(const Request& request, const OnBody& on_body) {
  State& state = *state_;
  FRESHET_CHECK(state.at_rest, "a spent connection");
  state.at_rest = false;
  state.answered = false;
  const auto sent = state.send(request);
  if (!sent && sent.error().code() != Errc::kUnavailable) return std::unexpected(sent.error());
  // A server that refuses a large body may answer and close while we still write: read that answer.
  auto reply = state.receive(request.method == "HEAD", on_body);
  if (!sent) {
    state.at_rest = false;
    if (!reply || reply->ok()) return std::unexpected(sent.error());
  }
  return reply;
}

bool HttpConnection::is_reusable() const { return state_->at_rest && !state_->socket.has_news(); }
bool HttpConnection::was_answered() const { return state_->answered; }
seconds HttpConnection::kept_for() const { return state_->kept; }

}  // namespace freshet::io
