// SIGINT and SIGTERM as something to wait for. Constructed in main's thread before any other thread
// starts, because they inherit its mask; one per process.
#pragma once

#include <chrono>
#include <csignal>

namespace freshet::app {

class StopSignal {
 public:
  StopSignal();

  /// True once a signal has come; waits up to `time` for it. From one thread.
  bool wait(std::chrono::milliseconds time);

 private:
  sigset_t set_{};
  bool came_ = false;
};

}  // namespace freshet::app
