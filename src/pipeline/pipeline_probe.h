// Counts what a pipeline does, for /metrics and for status(). Any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/offset.h"
#include "model/reject.h"
#include "observe/metrics.h"
#include "pipeline/circuit_breaker.h"
#include "pipeline/latency_histogram.h"
#include "pipeline/range_preparer.h"
#include "pipeline/status.h"
#include "pipeline/trouble.h"

namespace freshet::pipeline {

class PipelineProbe {
 public:
  PipelineProbe(MetricRegistry& metrics, const std::string& platform, const std::string& pipeline);

  /// A range is visible in the destination and its letters are durable.
  void range_landed(const PreparedRange& range, size_t rows, const Clock& clock);
  /// One call that writes ended, well or not.
  void insert_took(SteadyTime::duration took);
  /// The destination took rows of a range.
  void inserted();
  void committed();
  void retried();
  /// A call of the destination failed though nothing is wrong with the rows.
  void destination_failed(Trouble trouble);
  void see_breaker(const CircuitBreaker::Status& breaker);
  void set_paused(bool paused);
  void see_parts(const sink::PartCounts& parts);
  void range_in_doubt();
  void commit_refused();
  void offsets_unrecoverable(OffsetRange deleted);
  void set_lag(int64_t records, double seconds);
  /// Ranges of which it is not known now whether they are in the destination.
  void set_in_doubt(size_t ranges);
  void set_memory(size_t bytes);

  void started(SteadyTime now) { started_ = now; }
  /// Fills the counters and latencies of `status`.
  void fill(PipelineStatus& status, SteadyTime now) const;

 private:
  MetricRegistry& metrics_;
  const MetricLabels labels_;
  Counter& records_total_;
  Counter& rows_total_;
  Counter& bytes_total_;
  Counter& ranges_total_;
  Counter& inserts_total_;
  Counter& retries_total_;
  Counter& in_doubt_total_;
  Counter& commits_total_;
  Counter& fenced_total_;
  Counter& unrecoverable_total_;
  std::array<Counter*, kTroubles.size()> troubles_total_;
  Counter& breaker_opened_total_;
  Gauge& breaker_state_;
  Gauge& active_parts_;
  Counter& parts_made_total_;
  Gauge& paused_;
  Gauge& in_doubt_now_;
  Gauge& lag_records_;
  Gauge& lag_seconds_;
  Gauge& memory_bytes_;
  Histogram& visible_seconds_;
  Histogram& insert_seconds_;
  LatencyHistogram visible_;
  LatencyHistogram insert_;

  std::atomic<uint64_t> records_{0};
  std::atomic<uint64_t> rows_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> ranges_{0};
  std::atomic<uint64_t> rejected_{0};
  std::atomic<uint64_t> retries_{0};
  std::atomic<uint64_t> in_doubt_{0};
  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> unrecoverable_{0};
  std::atomic<uint64_t> breaker_opened_{0};  // as told last
  std::atomic<uint64_t> parts_made_{0};      // likewise
  std::atomic<SteadyTime> started_{SteadyTime{}};
  std::atomic<SteadyTime> first_landed_{SteadyTime{}};
};

}  // namespace freshet::pipeline
