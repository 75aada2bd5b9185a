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
#include <optional>
#include <string>
#include <utility>

#include "io/gate.h"

namespace freshet::io {

namespace detail {
/// Text for the log; empty if the failure only says that an operation was cancelled.
[[nodiscard]] std::string describe_failure(const std::exception_ptr& failure);
void log_failure(const std::string& name, const std::string& text);

// What the caller gave to spawn(). All of it is destroyed before the gate lets its owner go, which
// the lifetime of coroutine frames alone does not guarantee.
template <class Work>
struct Inside {
  Inside(Work given_work, std::function<void(const std::string&)> given_on_failure,
         Gate::Entry& given_entry)
      : work(std::move(given_work)),
        on_failure(std::move(given_on_failure)),
        entry(std::move(given_entry)) {}

  void leave() {
    on_failure = nullptr;
    work.reset();
    entry.reset();
  }

  std::optional<Work> work;
  std::function<void(const std::string&)> on_failure;
  std::optional<Gate::Entry> entry;
};
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
  auto inside =
      std::make_shared<detail::Inside<Work>>(std::move(work), std::move(on_failure), *entered);
  boost::asio::dispatch(executor, [&gate, executor, signal, name, inside] {
    if (gate.stop_requested()) return inside->leave();  // the signal may have come before the slot
    boost::asio::co_spawn(
        executor, [inside] { return (*inside->work)(); },
        boost::asio::bind_cancellation_slot(
            signal->slot(), [signal, name, inside](const std::exception_ptr& failure) {
              const std::string text = failure ? detail::describe_failure(failure) : "";
              if (!text.empty()) {
                detail::log_failure(name, text);
                if (inside->on_failure) inside->on_failure(text);
              }
              inside->leave();
            }));
  });
  return true;
}

}  // namespace freshet::io
