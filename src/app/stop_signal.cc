#include "app/stop_signal.h"

#include <ctime>

namespace freshet::app {

StopSignal::StopSignal() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

bool StopSignal::wait(std::chrono::milliseconds time) {
  if (came_) return true;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec limit{
      .tv_sec = seconds.count(),
      .tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(time - seconds).count()};
  came_ = sigtimedwait(&set_, nullptr, &limit) > 0;
  return came_;
}

}  // namespace freshet::app
