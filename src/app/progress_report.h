// Progress of a running platform on stderr: one line per pipeline that is drawn over and over on a
// terminal, a line per pipeline every 10 s elsewhere. From one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "app/platform_runtime.h"

namespace freshet::app {

/// What a pipeline did over time, as seen at each sample().
struct PipelinePace {
  uint64_t records = 0;
  double records_per_second = 0;  // between the last two samples, smoothed
  std::optional<std::chrono::steady_clock::time_point> first_seen;  // last sample without records
  std::optional<std::chrono::steady_clock::time_point> last_grown;

  /// Average from the first record to the last; 0 if there were none.
  [[nodiscard]] double average() const;
};

class ProgressReport {
 public:
  /// `terminal`: stderr understands cursor movement.
  explicit ProgressReport(bool terminal) : terminal_(terminal) {}

  /// Takes a sample and, when it is time, prints. Call several times a second.
  void update(const PlatformRuntime& runtime);
  /// Leaves the last state on the screen and goes below it.
  void finish(const PlatformRuntime& runtime);

  [[nodiscard]] const std::map<std::string, PipelinePace>& paces() const { return paces_; }

 private:
  void sample(const PlatformRuntime& runtime);
  void print(const PlatformRuntime& runtime);

  const bool terminal_;
  std::map<std::string, PipelinePace> paces_;
  std::optional<std::chrono::steady_clock::time_point> sampled_;
  std::optional<std::chrono::steady_clock::time_point> printed_;
  size_t lines_drawn_ = 0;
};

/// "events        812,345 ev/s      640,000 rows  lag 12,345 (0.2 s)  ETA 1 s". Before anything has
/// landed the lag in seconds is not known: "lag 12,345 (- s)".
[[nodiscard]] std::string progress_line(const pipeline::PipelineStatus& status,
                                        const PipelinePace& pace,
                                        std::optional<uint64_t> records_to_come);

}  // namespace freshet::app
