// What one phase of a benchmark costs this process: wall time, CPU time and peak memory.
#pragma once

#include <chrono>

#include "base/error.h"

namespace freshet::app {

struct PhaseCost {
  double seconds = 0;
  double cpu_seconds = 0;  // user and system, all threads
  double rss_mb = 0;       // highest resident size during the phase, in MB (10^6 bytes)
};

class PhaseMeter {
 public:
  /// Begins a phase: the peak counts from now on.
  PhaseMeter();
  [[nodiscard]] PhaseCost cost() const;

 private:
  std::chrono::steady_clock::time_point began_;
  double cpu_began_;
};

}  // namespace freshet::app
