// Opens listening sockets under the house's rules: loopback only, unless the service knows who
// connects; a taken port is explained in one sentence that names the port, its holder if the system
// tells, and the flag that helps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::io {

/// A listening socket; closes it unless released.
class ListeningSocket {
 public:
  ListeningSocket(int fd, uint16_t port) : fd_(fd), port_(port) {}
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;

  [[nodiscard]] int fd() const { return fd_; }
  /// The port that was bound, also when 0 was asked for; 0 for a unix socket.
  [[nodiscard]] uint16_t port() const { return port_; }
  /// Gives the descriptor away, to an asio acceptor's assign() for example.
  [[nodiscard]] int release();

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

/// Who may be able to connect. kAnywhere is for a service that has authentication and TLS.
enum class Reach { kLoopback, kAnywhere };

/// Binds and listens on an address (IPv4 or IPv6 literal, or "localhost"); port 0 takes a free one.
/// `service` is for messages: "Kafka", "HTTP". kRefused for an address beyond `reach`.
/// kAlreadyExists when the port is taken.
Result<ListeningSocket> listen_tcp(std::string_view service, const std::string& address,
                                   uint16_t port, Reach reach = Reach::kLoopback);

/// Binds and listens on a unix socket that only its owner may use (mode 0600). A dead socket file
/// (nobody accepts) is replaced; a living one is kAlreadyExists. The caller removes the file.
Result<ListeningSocket> listen_unix(const std::filesystem::path& path);

/// "pid 4711 (kcat)" of the process that listens on that TCP port, empty if the system does not
/// tell. Linux only, best effort: other users' processes stay unknown.
[[nodiscard]] std::string find_port_holder(uint16_t port);

}  // namespace freshet::io
