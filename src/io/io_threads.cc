#include "io/io_threads.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <exception>
#include <thread>
#include <vector>

#include "base/check.h"
#include "io/thread_name.h"
#include "observe/log.h"

namespace freshet::io {
namespace {

// One network thread: the context and the guard that keeps it running while there is no work.
struct Lane {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy{
      context.get_executor()};
  std::thread thread;

  void run(const std::string& name, size_t index) {
    name_this_thread(name, index);
    try {
      context.run();
    } catch (const std::exception& failure) {
      // Handlers catch their own failures; one that comes here leaves its connection in an unknown
      // state, so going on could serve wrong bytes.
      Logger("io").error("a handler of a network thread threw", kv("thread", name),
                         kv("what", failure.what()));
      std::abort();
    }
  }
};

}  // namespace

struct IoThreads::State {
  std::vector<std::unique_ptr<Lane>> lanes;
  std::atomic<size_t> next = 0;
};

IoThreads::IoThreads(const std::string& name, size_t count) : state_(std::make_unique<State>()) {
  FRESHET_CHECK_GT(count, size_t{0});
  for (size_t i = 0; i < count; ++i) {
    auto& lane = *state_->lanes.emplace_back(std::make_unique<Lane>());
    lane.thread = std::thread([&lane, name, i] { lane.run(name, i); });
  }
}

IoThreads::~IoThreads() { stop(); }

size_t IoThreads::size() const { return state_->lanes.size(); }

boost::asio::io_context& IoThreads::at(size_t index) {
  FRESHET_CHECK_LT(index, size());
  return state_->lanes[index]->context;
}

boost::asio::io_context& IoThreads::next() {
  return at(state_->next.fetch_add(1, std::memory_order_relaxed) % size());
}

void IoThreads::stop() {
  for (auto& lane : state_->lanes) lane->context.stop();
  for (auto& lane : state_->lanes) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

}  // namespace freshet::io
