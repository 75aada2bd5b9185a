// Quotas for clients inside this process: what a muted connection is to a TCP client, a call that
// waits is to them.
#pragma once

#include <time.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "broker/services.h"

namespace freshet::broker {

/// Any thread.
class LocalThrottle {
 public:
  LocalThrottle(Services& services, std::string client_id)
      : services_(services), client_{.client_id = std::move(client_id)} {}

  /// Charges the processor time of its thread, from its making to its end, to request_percentage:
  /// in process the caller's own thread does what a network thread does for a TCP client.
  class Work {
   public:
    explicit Work(LocalThrottle& throttle) : throttle_(throttle) {
      if (throttle_.services_.quotas.any()) began_ = processor_time();
    }
    ~Work() {
      if (!began_) return;
      const std::chrono::duration<double> taken = processor_time() - *began_;
      throttle_.charge(QuotaKind::kRequest, taken.count() * 100);
    }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    static std::chrono::nanoseconds processor_time() {
      timespec now{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
      return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    }
    LocalThrottle& throttle_;
    std::optional<std::chrono::nanoseconds> began_;
  };

  /// Notes what was used; the next wait() lasts accordingly.
  void charge(QuotaKind kind, double amount) {
    const Millis wait = services_.quotas.charge(kind, client_, amount);
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
  const QuotaClient client_;
  std::atomic<std::chrono::steady_clock::rep> until_ = 0;
};

}  // namespace freshet::broker
