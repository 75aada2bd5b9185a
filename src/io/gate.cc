#include "io/gate.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "base/check.h"

namespace freshet::io {

namespace asio = boost::asio;

Gate::~Gate() {
  const std::scoped_lock lock(mutex_);
  FRESHET_CHECK(inside_.empty(), "{} still inside a gate that is destroyed", inside_.size());
}

std::optional<Gate::Entry> Gate::enter(std::function<void()> on_stop) {
  const std::scoped_lock lock(mutex_);
  if (stopping_) return std::nullopt;
  const uint64_t id = next_id_++;
  inside_.emplace(id, std::move(on_stop));
  return Entry(this, id);
}

void Gate::leave(uint64_t id) {
  // The callbacks run under the lock: once it is released the owner may destroy the gate.
  const std::scoped_lock lock(mutex_);
  inside_.erase(id);
  if (!inside_.empty()) return;
  for (auto& [waiter, resume] : when_empty_) resume();
  when_empty_.clear();
  empty_.notify_all();
}

void Gate::request_stop() {
  const std::scoped_lock lock(mutex_);
  if (std::exchange(stopping_, true)) return;
  for (auto& [id, on_stop] : inside_) {
    if (on_stop) on_stop();
  }
}

bool Gate::stop_requested() const {
  const std::scoped_lock lock(mutex_);
  return stopping_;
}

size_t Gate::inside() const {
  const std::scoped_lock lock(mutex_);
  return inside_.size();
}

void Gate::close_blocking() {
  request_stop();
  std::unique_lock lock(mutex_);
  empty_.wait(lock, [this] { return inside_.empty(); });
}

bool Gate::wait_empty(std::chrono::milliseconds time_max) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, time_max, [this] { return inside_.empty(); });
}

asio::awaitable<void> Gate::close() {
  request_stop();
  const auto executor = co_await asio::this_coro::executor;
  // A timer that never fires by itself is the wake-up; it outlives the callback because this
  // coroutine does not go on before the callback has run or been taken back.
  auto wake = std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
  {
    const std::scoped_lock lock(mutex_);
    if (inside_.empty()) co_return;
    when_empty_.emplace(next_id_++, [wake, executor] {
      asio::post(executor, [wake] { wake->expires_at(asio::steady_timer::time_point::min()); });
    });
  }
  while (inside() > 0) {
    boost::system::error_code ignored;
    co_await wake->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace freshet::io
