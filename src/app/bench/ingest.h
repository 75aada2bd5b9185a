// The built-in ingest benchmark: how fast events of reference platform 1 get from the log, and from
// the generator, into their ReplacingMergeTree, exactly once and fsynced, beside the ceiling that
// the engine itself sets in the same run.
//
// Phases, each on a topic and table of its own, after the engine's merges have come to rest:
//   fill       generator -> log alone (also the data of the next phase)
//   prefilled  log -> table, the log full before the pipeline starts
//   live       generator -> log -> table at once
//   disk       no events: 4 KiB written and fdatasynced each 10 ms, which is what the disk adds
//   latency    100,000 events/s, flushed every 100 ms: record time -> visible, with three waits for
//              the disk (log, intent, table), so it is to be read beside `disk`
//   ceiling    the same rows as ready Native blocks, one connection, same table and fsync
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/bench/phase_meter.h"
#include "base/error.h"

namespace freshet::app {

struct IngestBenchSettings {
  std::filesystem::path data_dir;  // must not exist yet
  uint64_t events = 5'000'000;     // of fill and prefilled
  uint64_t live_events = 3'000'000;
  double latency_rate = 100'000;
  double latency_seconds = 10;
  int32_t partitions = 6;
};

struct PhaseResult {
  std::string name;
  uint64_t events = 0;
  PhaseCost cost;
  std::optional<double> p50_ms;  // latency: record time -> visible; disk: write -> durable
  std::optional<double> p99_ms;
  std::optional<double> longest_ms;  // disk phase only
  std::optional<uint64_t> missing;   // proven by verify, where there is something to prove
  std::optional<uint64_t> doubled;

  [[nodiscard]] double events_per_second() const {
    return cost.seconds > 0 ? static_cast<double>(events) / cost.seconds : 0;
  }
  [[nodiscard]] double cpu_seconds_per_million() const {
    return events > 0 ? cost.cpu_seconds * 1e6 / static_cast<double>(events) : 0;
  }
};

struct IngestBenchResult {
  std::vector<PhaseResult> phases;
  [[nodiscard]] const PhaseResult* phase(const std::string& name) const;
  /// Rate of a phase over the ceiling's; 0 if either is not there.
  [[nodiscard]] double ratio(const std::string& name) const;
};

/// Runs all phases; `on_phase` is called after each. Takes about a minute and 1 GB of disk.
Result<IngestBenchResult> run_ingest_bench(const IngestBenchSettings& settings,
                                           const std::function<void(const PhaseResult&)>& on_phase);

}  // namespace freshet::app
