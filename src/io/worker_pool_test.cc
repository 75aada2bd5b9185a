#include "io/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

namespace freshet::io {
namespace {

TEST(WorkerPool, returns_results_and_exceptions_through_the_future) {
  WorkerPool pool({.name = "test", .threads = 2});
  auto answer = pool.submit([] { return 42; });
  auto failure = pool.submit([]() -> int { throw std::runtime_error("no"); });
  EXPECT_EQ(answer.get(), 42);
  EXPECT_THROW(failure.get(), std::runtime_error);
}

TEST(WorkerPool, refuses_and_then_waits_when_the_queue_is_full) {
  std::latch release(1);
  std::latch started(1);
  WorkerPool pool({.name = "test", .threads = 1, .queue_tasks_max = 1});
  pool.post([&] {
    started.count_down();
    release.wait();
  });
  started.wait();
  pool.post([] {});
  WorkerPool::Task task = [] {};
  EXPECT_FALSE(pool.try_post(task));
  EXPECT_TRUE(task) << "a refused task stays with the caller";

  std::atomic<bool> ran = false;
  std::jthread waiter([&] { pool.submit([&] { ran = true; }).get(); });
  EXPECT_FALSE(ran);
  release.count_down();
  waiter.join();
  EXPECT_TRUE(ran);
}

TEST(WorkerPool, bounds_the_queue_in_bytes_but_lets_a_giant_in_alone) {
  std::latch release(1);
  std::latch started(1);
  WorkerPool pool({.name = "test", .threads = 1, .queue_bytes_max = 100});
  pool.post([&] {
    started.count_down();
    release.wait();
  });
  started.wait();
  WorkerPool::Task giant = [] {};
  WorkerPool::Task small = [] {};
  EXPECT_TRUE(pool.try_post(giant, 1000));
  EXPECT_FALSE(pool.try_post(small, 1));
  release.count_down();
}

TEST(WorkerPool, finishes_what_is_queued_when_stopped) {
  std::atomic<int> done = 0;
  WorkerPool pool({.name = "test", .threads = 2});
  for (int i = 0; i < 100; ++i) pool.post([&] { ++done; });
  pool.stop();
  EXPECT_EQ(done, 100);
  EXPECT_FALSE(pool.post([] {}));
  EXPECT_THROW(pool.submit([] {}).get(), std::future_error);
}

TEST(WorkerPoolDeathTest, aborts_when_a_posted_task_throws) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        WorkerPool pool({.name = "test"});
        pool.post([] { throw std::runtime_error("lost"); });
        pool.stop();
      },
      "a task of a worker pool threw.*lost");
}

}  // namespace
}  // namespace freshet::io
