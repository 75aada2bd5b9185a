#include "app/bench/phase_meter.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace freshet::app {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// proc(5): VmHWM, the peak since the last "5" written to clear_refs.
double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024 / 1e6;
  }
  return 0;
}

void reset_peak_rss() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace

PhaseMeter::PhaseMeter() : began_(std::chrono::steady_clock::now()), cpu_began_(cpu_seconds()) {
  reset_peak_rss();
}

PhaseCost PhaseMeter::cost() const {
  return {
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(),
      .cpu_seconds = cpu_seconds() - cpu_began_,
      .rss_mb = peak_rss_mb()};
}

}  // namespace freshet::app
