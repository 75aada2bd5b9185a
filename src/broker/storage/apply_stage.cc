#include "broker/storage/apply_stage.h"

#include <pthread.h>

#include <utility>

namespace freshet::broker {

void ApplyStage::start() {
  thread_ = std::thread([this] { loop(); });
  ::pthread_setname_np(thread_.native_handle(), "log.apply");
}

void ApplyStage::give(Work work, bool brief) {
  {
    std::unique_lock lock(mutex_);
    if (!brief || running_ || !waiting_.empty()) {
      changed_.wait(lock, [this] { return waiting_.size() < kWaitingMax; });
      waiting_.push_back(std::move(work));
      changed_.notify_all();
      return;
    }
  }
  // Nobody else gives work, so nothing can get in between.
  work();
}

void ApplyStage::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !running_; });
}

void ApplyStage::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void ApplyStage::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return !waiting_.empty() || stopping_; });
    if (waiting_.empty()) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = true;
    lock.unlock();
    changed_.notify_all();
    work();
    work = nullptr;  // what it holds ends here too
    lock.lock();
    running_ = false;
    changed_.notify_all();
  }
}

}  // namespace freshet::broker
