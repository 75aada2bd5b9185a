// Lets work in until asked to stop, then waits until all of it has left.
//
// Any thread may call any method. The gate must outlive its entries.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

namespace boost::asio {
template <class T, class Executor>
class awaitable;
class any_io_executor;
}  // namespace boost::asio

namespace freshet::io {

class Gate {
 public:
  /// One piece of work inside. Move-only; leaving is its destruction.
  class Entry {
   public:
    Entry(Entry&& other) noexcept : gate_(other.gate_), id_(other.id_) { other.gate_ = nullptr; }
    Entry& operator=(Entry&&) = delete;
    ~Entry() {
      if (gate_ != nullptr) gate_->leave(id_);
    }

   private:
    friend class Gate;
    Entry(Gate* gate, uint64_t id) : gate_(gate), id_(id) {}
    Gate* gate_;
    uint64_t id_;
  };

  Gate() = default;
  /// Nothing may be inside any more.
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// None if the gate is stopping. `on_stop` runs at most once, on the thread of request_stop(),
  /// and never after the entry has left; it must not block and must not touch the gate.
  [[nodiscard]] std::optional<Entry> enter(std::function<void()> on_stop = {});

  void request_stop();
  [[nodiscard]] bool stop_requested() const;
  [[nodiscard]] size_t inside() const;

  /// request_stop(), then waits until nothing is inside. Blocks the thread: not from a network
  /// thread, whose own work it may be waiting for.
  void close_blocking();

  /// Waits until nothing is inside, at most so long; true if it is empty. Asks nobody to stop.
  bool wait_empty(std::chrono::milliseconds time_max);

  /// The same as close_blocking() for coroutines: `co_await gate.close();`
  boost::asio::awaitable<void, boost::asio::any_io_executor> close();

 private:
  void leave(uint64_t id);

  mutable std::mutex mutex_;
  std::condition_variable empty_;
  // Guarded by mutex_.
  bool stopping_ = false;
  uint64_t next_id_ = 0;
  std::map<uint64_t, std::function<void()>> inside_;
  std::map<uint64_t, std::function<void()>> when_empty_;
};

}  // namespace freshet::io
