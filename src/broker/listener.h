// What the connections of one listener share.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "broker/request_memory.h"
#include "broker/security/sasl_mechanism.h"

namespace freshet::io {
class TlsContext;
class WorkerPool;
}  // namespace freshet::io

namespace freshet::broker {

/// Constant once clients connect, but for the memory's count and a renewed certificate; any thread.
struct Listener {
  explicit Listener(size_t request_memory_max) : memory(request_memory_max) {}

  /// For a new connection.
  [[nodiscard]] std::shared_ptr<io::TlsContext> tls_now() const {
    const std::lock_guard lock(tls_mutex);
    return tls;
  }
  void renew_tls(std::shared_ptr<io::TlsContext> context) {
    const std::lock_guard lock(tls_mutex);
    tls = std::move(context);
  }

  RequestMemory memory;
  std::vector<SaslMechanism> mechanisms;  // empty: nobody has to log in
  /// Where passwords are checked; nullptr without mechanisms. Its one thread is all the processor
  /// time that guessing can take.
  io::WorkerPool* logins = nullptr;

  mutable std::mutex tls_mutex;
  std::shared_ptr<io::TlsContext> tls;  // guarded by tls_mutex; nullptr: plain TCP
};

}  // namespace freshet::broker
