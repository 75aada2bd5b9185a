// One blocking connection to a broker: TCP, with TLS and a login where the client's properties ask
// for them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/tls_connection.h"

namespace freshet::kafka {

/// One thread. Every step blocks for at most ClientSettings::request_timeout.
class BrokerLink {
 public:
  /// False: the cluster is reached in a way that only librdkafka can (Kerberos, OAuth, a key
  /// store).
  [[nodiscard]] static bool can_reach(const ClientSettings& client);
  /// Connects to "host:port" and logs in. kUnavailable: nobody is there; kRefused: one side does
  /// not accept the other; kInvalidArgument: a property cannot be used.
  static Result<BrokerLink> open(const std::string& address, const ClientSettings& client);
  BrokerLink(BrokerLink&& other) noexcept = default;
  BrokerLink& operator=(BrokerLink&& other) = delete;
  ~BrokerLink() = default;

  /// Sends a whole frame; the answer without its size.
  Result<std::string> ask(const std::string& frame);

 private:
  class Socket {
   public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    ~Socket();
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;
    [[nodiscard]] int get() const { return descriptor_; }

   private:
    int descriptor_;
  };

  explicit BrokerLink(Socket socket) : socket_(std::move(socket)) {}

  static Result<Socket> connect(const std::string& address, const std::string& host,
                                const std::string& port, const ClientSettings& client);
  Result<void> log_in(const ClientSettings& client);
  Result<void> send(std::string_view bytes);
  Result<std::string> receive(size_t size);

  Socket socket_;
  std::optional<TlsConnection> tls_;  // over socket_
};

}  // namespace freshet::kafka
