// Stands between clients and the broker, and cuts their connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <thread>

#include "base/error.h"

namespace freshet::history {

/// Hands bytes on in both directions until told to cut: then every connection is reset on both
/// sides, with whatever was on its way lost. Owns one thread; any thread may call.
class ResetProxy {
 public:
  ResetProxy() = default;
  ~ResetProxy();
  ResetProxy(const ResetProxy&) = delete;
  ResetProxy& operator=(const ResetProxy&) = delete;

  /// Listens on a free port of 127.0.0.1.
  Result<void> start();
  [[nodiscard]] uint16_t port() const { return port_; }
  void set_target(uint16_t port) { target_ = port; }
  void reset_connections() { cut_ = true; }

 private:
  void loop();
  void accept_one();
  /// False: the connection is over.
  bool pump(int from, int to);
  void close_pair(int fd);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<uint16_t> target_{0};
  std::atomic<bool> cut_{false};
  std::atomic<bool> stopping_{false};
  std::map<int, int> peers_;  // on the thread only; both directions
  std::thread thread_;
};

}  // namespace freshet::history
