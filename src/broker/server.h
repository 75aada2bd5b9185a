// The TCP side of the broker: accepts connections and spreads them over the I/O threads.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "broker/services.h"

namespace freshet::io {
class IoThreads;
}  // namespace freshet::io

namespace freshet::broker {

/// One per Broker. start() and stop() from a thread that is not an I/O thread.
class Server {
 public:
  /// Listens; on return clients can connect. Sets Services::advertised_port. `services` and
  /// `threads` outlive the server. Fails with one sentence when the port is taken.
  static Result<std::unique_ptr<Server>> start(Services& services, io::IoThreads& threads);
  /// stop()s.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] uint16_t port() const;

  /// Whether the listener has a certificate that may be renewed.
  [[nodiscard]] bool has_certificate() const;
  /// Uses what has replaced the files of the certificate, for connections that come from now on.
  /// Reads files; on one thread.
  void renew_certificate();

  /// Accepts no more, cuts all connections and waits until none is left.
  void stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::broker
