// TLS over a TCP connection that somebody else owns, server side.
//
// Lives on the connection's I/O thread; one read and one write may be under way at a time. The
// owner closes the socket to end everything.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <tuple>

namespace freshet::io {

class TlsContext;

class TlsStream {
 public:
  using Transferred = std::tuple<boost::system::error_code, size_t>;

  /// `socket` outlives the stream.
  TlsStream(boost::asio::ip::tcp::socket& socket, std::shared_ptr<TlsContext> context);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// Before anything else. What went wrong is one of OpenSSL's reasons.
  boost::asio::awaitable<std::tuple<boost::system::error_code>> handshake();
  /// At least one byte, as on a socket.
  boost::asio::awaitable<Transferred> read_some(boost::asio::mutable_buffer into);
  /// A part of `pieces`, at least one byte; they stay valid until it is done.
  boost::asio::awaitable<Transferred> write_some(std::span<const boost::asio::const_buffer> pieces);

  /// The subject of the client's certificate as RFC 2253 writes it; empty without one.
  [[nodiscard]] std::string client_name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet::io
