// Quotas for clients inside this process: what a muted connection is to a TCP client, a call that
// waits is to them.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "broker/services.h"

namespace freshet::broker {

/// Any thread.
class LocalThrottle {
 public:
  LocalThrottle(Services& services, QuotaKind kind, std::string client_id)
      : services_(services), kind_(kind), client_{.client_id = std::move(client_id)} {}

  /// Notes what was used; the next wait() lasts accordingly.
  void charge(size_t bytes) {
    const Millis wait = services_.quotas.charge(kind_, client_, static_cast<double>(bytes));
    if (wait.count() == 0) return;
    const auto until = (std::chrono::steady_clock::now() + wait).time_since_epoch().count();
    auto seen = until_.load();
    while (seen < until && !until_.compare_exchange_weak(seen, until)) {
    }
  }
  /// Blocks a plain thread until the client may go on, or the broker stops.
  void wait() const {
    constexpr std::chrono::milliseconds kPause{20};
    while (!services_.stopping &&
           std::chrono::steady_clock::now().time_since_epoch().count() < until_.load()) {
      std::this_thread::sleep_for(kPause);
    }
  }

 private:
  Services& services_;
  const QuotaKind kind_;
  const QuotaClient client_;
  std::atomic<std::chrono::steady_clock::rep> until_ = 0;
};

}  // namespace freshet::broker
