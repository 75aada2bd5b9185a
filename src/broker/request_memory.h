// Bytes of requests that were received and not yet answered, over all connections.
//
// A bound for beginning a frame, not for finishing one: a connection starts to receive only while
// the sum is below the limit, so the sum passes it by what is on its way just then.
#pragma once

#include <atomic>
#include <cstddef>

namespace freshet::broker {

/// Any thread.
class RequestMemory {
 public:
  explicit RequestMemory(size_t limit) : limit_(limit) {}
  [[nodiscard]] bool has_room() const { return used_.load(std::memory_order_relaxed) < limit_; }
  void charge(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const size_t limit_;
  std::atomic<size_t> used_ = 0;
};

}  // namespace freshet::broker
