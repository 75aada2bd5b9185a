// Bytes of requests that were received and not yet answered, over all connections.
//
// A bound in two steps. A connection begins to receive a large frame only while the sum is below
// the limit. While it is above twice the limit, only one connection at a time, the finisher, goes
// on receiving a frame that has begun, so that memory comes free even if all of it is in frames
// that are not complete. Who does not finish is cut off (Connection::sweep). So the sum passes
// twice the limit by one frame and by what was on its way just then.
#pragma once

#include <atomic>
#include <cstddef>

namespace freshet::broker {

/// Any thread.
class RequestMemory {
 public:
  explicit RequestMemory(size_t limit) : limit_(limit) {}
  /// May a large frame begin?
  [[nodiscard]] bool has_room() const { return used() < limit_; }
  /// May a frame that has begun go on?
  [[nodiscard]] bool may_grow() const { return used() / 2 < limit_; }
  /// Makes the caller the finisher, if there is none; it calls finished() at the end of its frame.
  [[nodiscard]] bool become_finisher() { return !has_finisher_.exchange(true); }
  void finished() { has_finisher_ = false; }
  void charge(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] size_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t limit() const { return limit_; }

 private:
  const size_t limit_;
  std::atomic<size_t> used_ = 0;
  std::atomic<bool> has_finisher_ = false;
};

}  // namespace freshet::broker
