#include "pipeline/pipeline_probe.h"

#include <algorithm>
#include <map>

namespace freshet::pipeline {
namespace {

constexpr int64_t kLatencyMaxMs = 1'000'000'000;  // 11 days

std::array<Counter*, kTroubles.size()> trouble_counters(MetricRegistry& metrics,
                                                        MetricLabels labels) {
  std::array<Counter*, kTroubles.size()> counters{};
  for (const Trouble trouble : kTroubles) {
    labels["reason"] = trouble_name(trouble);
    counters.at(static_cast<size_t>(trouble)) = &metrics.counter(
        "freshet_pipeline_destination_errors_total",
        "Calls of the destination that failed though nothing is wrong with the rows, by reason; "
        "each is tried again",
        labels);
  }
  return counters;
}

}  // namespace

PipelineProbe::PipelineProbe(MetricRegistry& metrics, const std::string& platform,
                             const std::string& pipeline)
    : metrics_(metrics),
      labels_({{"platform", platform}, {"pipeline", pipeline}}),
      records_total_(metrics.counter(
          "freshet_pipeline_records_total",
          "Records of ranges that landed, rejected ones included; stands still: nothing is read "
          "or written",
          labels_)),
      rows_total_(metrics.counter("freshet_pipeline_rows_total",
                                  "Rows that are visible in the destination", labels_)),
      bytes_total_(metrics.counter("freshet_pipeline_bytes_total",
                                   "Uncompressed bytes of the record batches of landed ranges",
                                   labels_)),
      ranges_total_(metrics.counter(
          "freshet_pipeline_ranges_total",
          "Ranges that landed; rises much faster than rows: many small inserts", labels_)),
      inserts_total_(metrics.counter(
          "freshet_pipeline_inserts_total",
          "INSERTs that the destination took; each makes one part in every partition of the table "
          "that its rows touch, and likewise in the targets of materialized views",
          labels_)),
      retries_total_(metrics.counter(
          "freshet_pipeline_retries_total",
          "Steps that failed and are tried again; rises: the destination or the log is in trouble",
          labels_)),
      in_doubt_total_(metrics.counter(
          "freshet_pipeline_in_doubt_ranges_total",
          "Ranges that were settled by asking the destination, after a crash or a failed write",
          labels_)),
      commits_total_(metrics.counter("freshet_pipeline_commits_total", "Offset commits", labels_)),
      fenced_total_(metrics.counter(
          "freshet_pipeline_fenced_total",
          "Commits refused because another member owns the partition by now", labels_)),
      unrecoverable_total_(metrics.counter(
          "freshet_pipeline_unrecoverable_offsets_total",
          "Offsets that retention deleted before they were read; any rise is lost data", labels_)),
      troubles_total_(trouble_counters(metrics, labels_)),
      breaker_opened_total_(metrics.counter(
          "freshet_pipeline_breaker_opened_total",
          "Times that the circuit breaker opened: the destination is left alone for a while",
          labels_)),
      breaker_state_(metrics.gauge("freshet_pipeline_breaker_state",
                                   "Circuit breaker of the destination: 0 closed (well), 1 half "
                                   "open (one trial is made), 2 open (left alone until the next "
                                   "trial)",
                                   labels_)),
      active_parts_(metrics.gauge(
          "freshet_pipeline_table_active_parts",
          "Active parts of the destination table, looked at before a write every 10 s; grows "
          "without end: its merges do not keep up, and it will refuse inserts",
          labels_)),
      parts_made_total_(metrics.counter(
          "freshet_pipeline_table_parts_total",
          "Parts that inserts made in the destination table since the pipeline started, whoever "
          "inserted (a mutation counts as one); rate() of it is parts per second. Looked at before "
          "a write every 10 s; 0 for replicated tables",
          labels_)),
      paused_(metrics.gauge("freshet_pipeline_paused",
                            "1 while the pipeline is paused by `freshet pipeline pause`, else 0",
                            labels_)),
      in_doubt_now_(metrics.gauge("freshet_pipeline_in_doubt_ranges",
                                  "Ranges of which it is not known now whether they are in the "
                                  "destination: left by a crash, or by a write that failed",
                                  labels_)),
      lag_records_(metrics.gauge("freshet_pipeline_lag_records",
                                 "Offsets in the log that are not in the destination yet",
                                 labels_)),
      lag_seconds_(metrics.gauge("freshet_pipeline_lag_seconds",
                                 "Age of the newest record in the destination while there is a lag "
                                 "(of the partition that is worst off), else 0. Where nothing has "
                                 "landed yet: how long the partition has been here",
                                 labels_)),
      memory_bytes_(metrics.gauge(
          "freshet_pipeline_memory_bytes",
          "Bytes of ranges read but not landed; at the limit: reading waits", labels_)),
      visible_seconds_(metrics.histogram(
          "freshet_pipeline_visible_seconds",
          "From record timestamp to visible in the destination; one observation for each "
          "millisecond of record time in a range",
          latency_buckets(), labels_)),
      insert_seconds_(metrics.histogram("freshet_pipeline_insert_seconds",
                                        "Duration of one write into the destination",
                                        latency_buckets(), labels_)) {}

void PipelineProbe::range_landed(const PreparedRange& range, size_t rows, const Clock& clock) {
  SteadyTime never{};
  first_landed_.compare_exchange_strong(never, clock.steady());
  records_ += static_cast<uint64_t>(range.records);
  rows_ += rows;
  bytes_ += range.payload_bytes;
  ++ranges_;
  rejected_ += range.letters.size();
  records_total_.increment(static_cast<double>(range.records));
  rows_total_.increment(static_cast<double>(rows));
  bytes_total_.increment(static_cast<double>(range.payload_bytes));
  ranges_total_.increment();

  std::map<RejectReason, uint64_t> reasons;
  for (const auto& letter : range.letters) ++reasons[letter.reason];
  for (const auto& [reason, count] : reasons) {
    auto labels = labels_;
    labels["reason"] = reject_reason_name(reason);
    metrics_
        .counter("freshet_pipeline_rejected_total",
                 "Records that went to the dead-letter topic, by reason", labels)
        .increment(static_cast<double>(count));
  }
  const int64_t now_ms = clock.wall().time_since_epoch().count();
  for (const auto& run : range.timestamps.runs()) {
    // Timestamps come from producers: any value.
    const int64_t sent_ms = std::clamp(run.timestamp_ms, now_ms - kLatencyMaxMs, now_ms);
    const Millis latency(now_ms - sent_ms);
    visible_.add(latency, run.records);
    visible_seconds_.observe(std::chrono::duration<double>(latency).count());
  }
}

void PipelineProbe::insert_took(SteadyTime::duration took) {
  insert_.add(std::chrono::duration_cast<std::chrono::microseconds>(took));
  insert_seconds_.observe(std::chrono::duration<double>(took).count());
}

void PipelineProbe::inserted() { inserts_total_.increment(); }

void PipelineProbe::committed() {
  ++commits_;
  commits_total_.increment();
}

void PipelineProbe::retried() {
  ++retries_;
  retries_total_.increment();
}

void PipelineProbe::destination_failed(Trouble trouble) {
  troubles_total_.at(static_cast<size_t>(trouble))->increment();
}

void PipelineProbe::see_breaker(const CircuitBreaker::Status& breaker) {
  const uint64_t before = breaker_opened_.exchange(breaker.times_opened);
  if (breaker.times_opened > before) {
    breaker_opened_total_.increment(static_cast<double>(breaker.times_opened - before));
  }
  breaker_state_.set(static_cast<double>(breaker.state));
}

void PipelineProbe::see_parts(const sink::PartCounts& parts) {
  active_parts_.set(static_cast<double>(parts.active));
  const uint64_t before = parts_made_.exchange(parts.made);
  if (parts.made > before) parts_made_total_.increment(static_cast<double>(parts.made - before));
}

void PipelineProbe::set_paused(bool paused) { paused_.set(paused ? 1 : 0); }

void PipelineProbe::range_in_doubt() {
  ++in_doubt_;
  in_doubt_total_.increment();
}

void PipelineProbe::commit_refused() { fenced_total_.increment(); }

void PipelineProbe::offsets_unrecoverable(OffsetRange deleted) {
  unrecoverable_ += static_cast<uint64_t>(deleted.span());
  unrecoverable_total_.increment(static_cast<double>(deleted.span()));
}

void PipelineProbe::set_lag(int64_t records, double seconds) {
  lag_records_.set(static_cast<double>(records));
  lag_seconds_.set(seconds);
}

void PipelineProbe::set_in_doubt(size_t ranges) { in_doubt_now_.set(static_cast<double>(ranges)); }

void PipelineProbe::set_memory(size_t bytes) { memory_bytes_.set(static_cast<double>(bytes)); }

void PipelineProbe::fill(PipelineStatus& status, SteadyTime now) const {
  status.records = records_;
  status.rows = rows_;
  status.bytes = bytes_;
  status.ranges = ranges_;
  status.rejected = rejected_;
  status.retries = retries_;
  status.ranges_in_doubt = in_doubt_;
  status.commits = commits_;
  status.offsets_unrecoverable = unrecoverable_;
  const SteadyTime started = started_;
  const SteadyTime first = first_landed_;
  if (started != SteadyTime{}) status.running = now - started;
  if (first != SteadyTime{}) status.first_landed_after = first - started;
  status.visible_p50_ms = visible_.quantile(0.50).count();
  status.visible_p99_ms = visible_.quantile(0.99).count();
  status.insert_p50_ms = insert_.quantile(0.50).count();
  status.insert_p99_ms = insert_.quantile(0.99).count();
}

}  // namespace freshet::pipeline
