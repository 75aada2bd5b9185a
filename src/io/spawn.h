// Starting coroutines that somebody waits for, and stopping them.
//
// A Gate belongs to the object whose members the coroutines use. spawn() holds the gate open while
// the coroutine runs; request_stop() lets no new one in and cancels the waits of those inside
// (their operations end with operation_aborted); close() returns when the last has left. After that
// the owner may be destroyed.
//
// Includes Asio: include this from .cc files only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "io/gate.h"

namespace freshet::io {

namespace detail {
/// Text for the log; empty if the failure only says that an operation was cancelled.
[[nodiscard]] std::string describe_failure(const std::exception_ptr& failure);
void log_failure(const std::string& name, const std::string& text);
}  // namespace detail

/// Runs `work` (a callable that returns awaitable<void>) on `executor` until it ends; false if the
/// gate is already stopping. The callable is kept alive as long as the coroutine. An exception that
/// leaves it is logged under `name` and, unless it only says "cancelled", handed to `on_failure` as
/// text, on `executor`.
template <class Executor, class Work>
bool spawn(Gate& gate, const Executor& executor, const std::string& name, Work work,
           std::function<void(const std::string&)> on_failure = {}) {
  auto signal = std::make_shared<boost::asio::cancellation_signal>();
  auto entered = gate.enter([signal, executor] {
    boost::asio::post(executor,
                      [signal] { signal->emit(boost::asio::cancellation_type::terminal); });
  });
  if (!entered) return false;
  auto entry = std::make_shared<Gate::Entry>(std::move(*entered));
  boost::asio::dispatch(
      executor, [&gate, executor, signal, name, work = std::move(work), entry = std::move(entry),
                 on_failure = std::move(on_failure)]() mutable {
        if (gate.stop_requested()) return;  // its cancellation may have come before the slot
        boost::asio::co_spawn(
            executor, std::move(work),
            boost::asio::bind_cancellation_slot(
                signal->slot(), [signal, name = std::move(name), entry = std::move(entry),
                                 on_failure = std::move(on_failure)](std::exception_ptr failure) {
                  if (!failure) return;
                  const std::string text = detail::describe_failure(failure);
                  if (text.empty()) return;
                  detail::log_failure(name, text);
                  if (on_failure) on_failure(text);
                }));
      });
  return true;
}

}  // namespace freshet::io
