// A named pool of threads for work that blocks: fsync, the ClickHouse engine, librdkafka, libpq.
// One pool per outside system, so that a slow one cannot starve another.
//
// The queue is bounded in tasks and in bytes: submit() waits while it is full (back-pressure),
// try_submit() refuses. Any thread may call any method; a task of the pool must not submit() to its
// own pool (it could wait for itself). stop() runs what is queued, then joins; the destructor does
// the same.
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace freshet::io {

class WorkerPool {
 public:
  using Task = std::move_only_function<void()>;

  struct Options {
    std::string name;  // of the threads, shown in ps and debuggers; at most 12 characters are seen
    size_t threads = 1;
    size_t queue_tasks_max = 1024;
    size_t queue_bytes_max = SIZE_MAX;
  };

  explicit WorkerPool(Options options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues `work`; waits for room. `bytes` counts against the queue until the work has begun. One
  /// task larger than the whole queue is let in alone. An exception of `work` ends in the future.
  /// After stop() the future is broken (std::future_error).
  template <class F>
  auto submit(F work, size_t bytes = 0) -> std::future<std::invoke_result_t<F&>> {
    std::packaged_task<std::invoke_result_t<F&>()> task(std::move(work));
    auto future = task.get_future();
    post(Task(std::move(task)), bytes);
    return future;
  }

  /// As submit() without a result. An exception that leaves `task` is a bug: logged, then abort.
  /// False if the pool is stopped (the task is destroyed).
  bool post(Task task, size_t bytes = 0);

  /// As post(), but false at once when the queue is full; `task` is then untouched.
  bool try_post(Task& task, size_t bytes = 0);

  /// Takes no more work, finishes what is queued, joins the threads. May be called twice.
  void stop();

  [[nodiscard]] size_t threads() const;
  /// Tasks waiting, not those running.
  [[nodiscard]] size_t queued() const;
  [[nodiscard]] const std::string& name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet::io
