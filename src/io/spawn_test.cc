#include "io/spawn.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>

#include "io/io_threads.h"

namespace freshet::io {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<void> wait_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

TEST(IoThreads, gives_each_context_a_thread_of_its_own) {
  IoThreads threads("net", 2);
  std::set<std::thread::id> ids;
  for (size_t i = 0; i < threads.size(); ++i) {
    std::promise<std::thread::id> ran;
    asio::post(threads.at(i), [&] { ran.set_value(std::this_thread::get_id()); });
    ids.insert(ran.get_future().get());
  }
  EXPECT_EQ(ids.size(), 2);
  EXPECT_NE(&threads.next(), &threads.next());
}

TEST(Gate, lets_nothing_in_after_a_stop) {
  Gate gate;
  EXPECT_TRUE(gate.enter());
  gate.request_stop();
  EXPECT_FALSE(gate.enter());
  gate.close_blocking();
}

TEST(Gate, waits_for_what_is_inside) {
  Gate gate;
  auto entry = gate.enter();
  auto closed = std::async(std::launch::async, [&] { gate.close_blocking(); });
  EXPECT_EQ(closed.wait_for(20ms), std::future_status::timeout);
  entry.reset();
  EXPECT_EQ(closed.wait_for(10s), std::future_status::ready);
}

TEST(Spawn, reports_an_exception_once) {
  IoThreads threads("net", 1);
  Gate gate;
  std::promise<std::string> failure;
  EXPECT_TRUE(spawn(
      gate, threads.next().get_executor(), "test",
      []() -> asio::awaitable<void> {
        co_await wait_for(1ms);
        throw std::runtime_error("the wire was cut");
      },
      [&](const std::string& text) { failure.set_value(text); }));
  EXPECT_EQ(failure.get_future().get(), "the wire was cut");
  gate.close_blocking();
}

TEST(Spawn, cancels_waits_when_the_gate_stops) {
  IoThreads threads("net", 2);
  Gate gate;
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(spawn(
        gate, threads.next().get_executor(), "test", [] { return wait_for(1h); },
        [](const std::string& text) { ADD_FAILURE() << text; }));
  }
  EXPECT_EQ(gate.inside(), 50);
  gate.close_blocking();
  EXPECT_FALSE(spawn(gate, threads.next().get_executor(), "late", [] { return wait_for(1ms); }));
}

TEST(Spawn, keeps_what_the_callable_captured_alive) {
  IoThreads threads("net", 1);
  Gate gate;
  auto done = std::make_shared<std::promise<std::string>>();
  auto result = done->get_future();
  spawn(gate, threads.next().get_executor(), "test",
        [done, text = std::string(100, 'x')]() -> asio::awaitable<void> {
          co_await wait_for(2ms);
          done->set_value(text);
        });
  done.reset();
  EXPECT_EQ(result.get(), std::string(100, 'x'));
  gate.close_blocking();
}

TEST(Gate, can_be_closed_by_a_coroutine_on_another_thread) {
  IoThreads threads("net", 2);
  Gate gate;
  for (int i = 0; i < 20; ++i) {
    spawn(gate, threads.at(0).get_executor(), "test", [] { return wait_for(1h); });
  }
  auto closed = asio::co_spawn(
      threads.at(1), [&]() -> asio::awaitable<void> { co_await gate.close(); }, asio::use_future);
  ASSERT_EQ(closed.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(gate.inside(), 0);
}

}  // namespace
}  // namespace freshet::io
