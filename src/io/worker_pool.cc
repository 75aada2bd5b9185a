#include "io/worker_pool.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"
#include "io/thread_name.h"
#include "observe/log.h"

namespace freshet::io {
namespace {

const Logger& logger() {
  static const Logger instance("io");
  return instance;
}

}  // namespace

struct WorkerPool::State {
  struct Queued {
    Task task;
    size_t bytes;
  };

  explicit State(Options given) : options(std::move(given)) {}

  [[nodiscard]] bool has_room(size_t bytes) const {
    if (queue.empty()) return true;
    return queue.size() < options.queue_tasks_max &&
           bytes <= options.queue_bytes_max - std::min(queue_bytes, options.queue_bytes_max);
  }

  void push(Task task, size_t bytes) {
    queue.push_back({std::move(task), bytes});
    queue_bytes += bytes;
    work.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      work.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      Queued next = std::move(queue.front());
      queue.pop_front();
      queue_bytes -= next.bytes;
      lock.unlock();
      room.notify_all();
      try {
        next.task();
      } catch (const std::exception& failure) {
        logger().error("a task of a worker pool threw", kv("pool", options.name),
                       kv("what", failure.what()));
        std::abort();
      }
      next.task = nullptr;  // what it captured dies outside the lock
      lock.lock();
    }
  }

  const Options options;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable room;
  // Guarded by mutex.
  std::deque<Queued> queue;
  size_t queue_bytes = 0;
  bool stopping = false;
  std::vector<std::thread> threads;
};

WorkerPool::WorkerPool(Options options) : state_(std::make_unique<State>(std::move(options))) {
  FRESHET_CHECK_GT(state_->options.threads, size_t{0});
  for (size_t i = 0; i < state_->options.threads; ++i) {
    state_->threads.emplace_back([state = state_.get(), i] {
      name_this_thread(state->options.name, i);
      state->run();
    });
  }
}

WorkerPool::~WorkerPool() { stop(); }

bool WorkerPool::post(Task task, size_t bytes) {
  std::unique_lock lock(state_->mutex);
  state_->room.wait(lock, [&] { return state_->stopping || state_->has_room(bytes); });
  if (state_->stopping) return false;
  state_->push(std::move(task), bytes);
  return true;
}

bool WorkerPool::try_post(Task& task, size_t bytes) {
  const std::scoped_lock lock(state_->mutex);
  if (state_->stopping || !state_->has_room(bytes)) return false;
  state_->push(std::move(task), bytes);
  return true;
}

void WorkerPool::stop() {
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
    threads.swap(state_->threads);
  }
  state_->work.notify_all();
  state_->room.notify_all();
  for (auto& thread : threads) thread.join();
}

size_t WorkerPool::threads() const { return state_->options.threads; }

size_t WorkerPool::queued() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->queue.size();
}

const std::string& WorkerPool::name() const { return state_->options.name; }

}  // namespace freshet::io
