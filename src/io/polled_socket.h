// A socket of a client whose calls block, but end after a time of silence: Beast's and Asio's
// synchronous stream over poll().
//
// Includes Asio: include this from .cc files only. An object is used by one thread at a time.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/beast/core/error.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace freshet::io {

class PolledSocket {
 public:
  // For asio::ssl::stream, which asks for them and never uses them synchronously.
  using lowest_layer_type = PolledSocket;              // NOLINT(readability-identifier-naming)
  using executor_type = boost::asio::system_executor;  // NOLINT(readability-identifier-naming)

  /// kUnavailable: nobody listens, or there is no such host; kTimeout. `timeout` holds for each
  /// address of the host.
  static Result<PolledSocket> connect_tcp(const std::string& host, uint16_t port,
                                          std::chrono::milliseconds timeout);
  static Result<PolledSocket> connect_unix(const std::filesystem::path& path,
                                           std::chrono::milliseconds timeout);

  PolledSocket(PolledSocket&& other) noexcept;
  PolledSocket& operator=(PolledSocket&&) = delete;
  ~PolledSocket();

  [[nodiscard]] int fd() const { return fd_; }
  /// Of every call from now on.
  void set_silence_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }
  /// Finds out that the other side's machine is gone although nothing is sent.
  void keep_alive() const;
  /// Something came that nobody has asked for: in a connection at rest, its end.
  [[nodiscard]] bool has_news() const;

  lowest_layer_type& lowest_layer() { return *this; }
  static executor_type get_executor() { return {}; }

  template <class Buffers>
  size_t read_some(const Buffers& buffers, boost::beast::error_code& error) {
    const boost::asio::mutable_buffer buffer = *boost::asio::buffer_sequence_begin(buffers);
    while (true) {
      const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (n > 0) return static_cast<size_t>(n);
      if (n == 0) {
        error = boost::asio::error::eof;
        return 0;
      }
      if (!retry(errno, POLLIN, error)) return 0;
    }
  }
  template <class Buffers>
  size_t read_some(const Buffers& buffers) {
    boost::beast::error_code error;
    const size_t n = read_some(buffers, error);
    if (error) throw boost::beast::system_error(error);
    return n;
  }

  template <class Buffers>
  size_t write_some(const Buffers& buffers, boost::beast::error_code& error) {
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers); ++it) {
      const boost::asio::const_buffer buffer = *it;
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
    boost::beast::error_code error;
    const size_t n = write_some(buffers, error);
    if (error) throw boost::beast::system_error(error);
    return n;
  }

 private:
  explicit PolledSocket(int fd) : fd_(fd) {}
  static Result<PolledSocket> connect_to(const sockaddr* address, socklen_t length,
                                         const std::string& where,
                                         std::chrono::milliseconds timeout);
  /// errno of the failure, 0 when the socket is ready.
  [[nodiscard]] int wait(short events) const;
  /// True when the call may be tried again.
  [[nodiscard]] bool retry(int code, short events, boost::beast::error_code& error) const;

  int fd_;
  std::chrono::milliseconds timeout_{0};
};

}  // namespace freshet::io
