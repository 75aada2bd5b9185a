#include "io/http_client.h"

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "io/polled_socket.h"

namespace freshet::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

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
                       ? PolledSocket::connect_tcp(tcp->host, tcp->port, options_.connect_timeout)
                       : PolledSocket::connect_unix(std::get<std::filesystem::path>(address_),
                                                    options_.connect_timeout);
  if (!connected) return std::unexpected(std::move(connected).error());
  PolledSocket socket = std::move(*connected);
  socket.set_silence_timeout(options_.silence_timeout);

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
