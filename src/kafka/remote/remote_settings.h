// How to reach a Kafka that runs elsewhere and who we are there: what every connection of
// kafka/remote starts from.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace freshet::kafka {

struct BrokerAddress {
  std::string host;
  uint16_t port = 9092;
  [[nodiscard]] std::string display() const {
    const bool v6 = host.contains(':');
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  }
  friend auto operator<=>(const BrokerAddress&, const BrokerAddress&) = default;
};

/// TLS 1.2 or newer. Files are PEM.
struct RemoteTls {
  bool enabled = false;
  std::string ca;           // who signed the brokers' certificates; empty: the system's list
  std::string certificate;  // ours, with its chain; empty: we show none
  std::string key;
  bool check_certificate = true;
  bool check_host_name = true;
};

struct RemoteLogin {
  std::string mechanism;  // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; empty: no login
  std::string user;
  std::string password;
};

struct RemoteSocket {
  bool keepalive = false;
  int send_buffer = 0;  // bytes; 0: the system's
  int receive_buffer = 0;
};

struct RemoteSettings {
  /// "host:port,host:port"; one that answers is enough.
  std::string bootstrap;
  std::string client_id = "freshet";
  /// How long one question to the cluster may take, connecting included.
  std::chrono::milliseconds request_timeout{10'000};
  /// How long connecting to one broker may take of that, TLS and login included.
  std::chrono::milliseconds connect_timeout{10'000};
  RemoteSocket socket;
  RemoteTls tls;
  RemoteLogin login;
};

}  // namespace freshet::kafka
