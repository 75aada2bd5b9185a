#include "app/progress_report.h"

#include <algorithm>
#include <cstdio>

#include "app/listing.h"

namespace freshet::app {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPlainInterval{10};
constexpr std::chrono::milliseconds kDrawInterval{200};

double seconds_between(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// Records that bounded sources will still add to the topics of this pipeline; none if one of its
/// sources has no known end.
std::optional<uint64_t> records_to_come(const pipeline::PipelineStatus& status,
                                        const std::vector<SourceState>& sources) {
  uint64_t sum = 0;
  for (const auto& source : sources) {
    bool feeds = false;
    for (const auto& topic : status.topics) feeds = feeds || topic == source.topic;
    if (!feeds || source.done) continue;
    if (!source.total) return std::nullopt;
    sum += *source.total - std::min(*source.total, source.position);
  }
  return sum;
}

}  // namespace

double PipelinePace::average() const {
  if (!first_seen || !last_grown) return 0;
  const double seconds = seconds_between(*first_seen, *last_grown);
  return seconds > 0 ? static_cast<double>(records) / seconds : 0;
}

std::string progress_line(const pipeline::PipelineStatus& status, const PipelinePace& pace,
                          std::optional<uint64_t> records_to_come) {
  const std::string age = status.lag_seconds ? fmt::format("{:.1f} s", *status.lag_seconds) : "- s";
  std::string line = fmt::format("{:<12} {:>9} ev/s {:>12} rows  lag {} ({})", status.name,
                                 with_thousands(static_cast<int64_t>(pace.records_per_second)),
                                 with_thousands(static_cast<int64_t>(status.rows)),
                                 with_thousands(status.lag_records), age);
  if (status.rejected > 0) {
    line += fmt::format("  rejected {}", with_thousands(static_cast<int64_t>(status.rejected)));
  }
  if (status.state == pipeline::PipelineState::kFailed) return line + "  FAILED: " + status.failure;
  if (status.state == pipeline::PipelineState::kPaused) return line + "  paused";
  if (status.breaker != "closed") line += "  destination in trouble: " + status.breaker_reason;
  const double left =
      static_cast<double>(records_to_come.value_or(0)) + static_cast<double>(status.lag_records);
  if (records_to_come && left > 0 && pace.records_per_second > 1) {
    line += fmt::format("  ETA {:.0f} s", left / pace.records_per_second);
  }
  return line;
}

void ProgressReport::sample(const PlatformRuntime& runtime) {
  const auto now = steady_clock::now();
  const double passed = sampled_ ? seconds_between(*sampled_, now) : 0;
  for (const auto& status : runtime.pipelines()) {
    PipelinePace& pace = paces_[status.name];
    if (status.records == 0) {
      pace.first_seen = now;
    } else if (!pace.first_seen) {
      // The first sample came after the first record: the pipeline knows when that was.
      pace.first_seen = now - std::chrono::duration_cast<steady_clock::duration>(status.running);
    }
    if (status.records > pace.records) pace.last_grown = now;
    if (passed > 0) {
      const double rate = static_cast<double>(status.records - pace.records) / passed;
      pace.records_per_second = 0.6 * pace.records_per_second + 0.4 * rate;
    }
    pace.records = status.records;
  }
  sampled_ = now;
}

void ProgressReport::print(const PlatformRuntime& runtime) {
  const auto sources = runtime.sources();
  std::string out;
  if (terminal_ && lines_drawn_ > 0) out += fmt::format("\x1b[{}A", lines_drawn_);
  lines_drawn_ = 0;
  for (const auto& status : runtime.pipelines()) {
    if (terminal_) out += "\x1b[2K";
    out += progress_line(status, paces_[status.name], records_to_come(status, sources)) + "\n";
    ++lines_drawn_;
  }
  std::fputs(out.c_str(), stderr);
  printed_ = steady_clock::now();
}

void ProgressReport::update(const PlatformRuntime& runtime) {
  sample(runtime);
  const auto now = steady_clock::now();
  if (!printed_) {
    if (terminal_) {
      print(runtime);
    } else {
      printed_ = now;  // the first plain line comes after the first interval
    }
    return;
  }
  const auto interval = terminal_ ? steady_clock::duration(kDrawInterval) : kPlainInterval;
  if (now - *printed_ >= interval) print(runtime);
}

void ProgressReport::finish(const PlatformRuntime& runtime) {
  sample(runtime);
  // The last line is about the whole run, not about the quiet at its end.
  for (auto& [name, pace] : paces_) pace.records_per_second = pace.average();
  print(runtime);
}

}  // namespace freshet::app
