#include "pipeline/status.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/clock.h"
#include "pipeline/json_text.h"

namespace freshet::pipeline {
namespace {

std::string partition_json(const PartitionStatus& partition) {
  return fmt::format(
      R"({{"topic":{},"partition":{},"state":"{}","confirmed":{},"landed":{},"high_watermark":{},)"
      R"("lag_records":{},"lag_seconds":{},"in_doubt":{},"in_flight":{},"last_error":{}}})",
      json_text(partition.tp.topic), partition.tp.partition, partition_state_name(partition.state),
      partition.confirmed, partition.landed, partition.high_watermark, partition.lag_records,
      partition.lag_seconds ? fmt::format("{:.3f}", *partition.lag_seconds) : "null",
      partition.in_doubt,
      partition.in_flight ? fmt::format("\"{}\"", *partition.in_flight) : "null",
      json_text(partition.last_error));
}

/// "2026-11-22T06:10:11.123Z"
std::string utc_text(WallMillis time) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  const auto millis = time.time_since_epoch() % std::chrono::seconds(1);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), millis.count());
}

}  // namespace

std::string_view partition_state_name(PartitionState state) {
  switch (state) {
    case PartitionState::kOpening:
      return "opening";
    case PartitionState::kReplaying:
      return "replaying";
    case PartitionState::kReading:
      return "reading";
    case PartitionState::kWriting:
      return "writing";
    case PartitionState::kRetrying:
      return "retrying";
    case PartitionState::kClosing:
      return "closing";
    case PartitionState::kClosed:
      return "closed";
  }
  return "unknown";
}

std::string_view pipeline_state_name(PipelineState state) {
  switch (state) {
    case PipelineState::kStarting:
      return "starting";
    case PipelineState::kRunning:
      return "running";
    case PipelineState::kPaused:
      return "paused";
    case PipelineState::kDraining:
      return "draining";
    case PipelineState::kStopped:
      return "stopped";
    case PipelineState::kFailed:
      return "failed";
  }
  return "unknown";
}

std::string to_json(const PipelineStatus& status) {
  std::vector<std::string> topics;
  for (const auto& topic : status.topics) topics.push_back(json_text(topic));
  std::vector<std::string> partitions;
  for (const auto& partition : status.partitions) partitions.push_back(partition_json(partition));
  const auto first = status.first_landed_after;
  return fmt::format(
      R"({{"name":{},"group":{},"topics":[{}],"destination":{},"state":"{}","failure":{},)"
      R"("breaker":"{}","breaker_reason":{},"breaker_error":{},"next_trial":{},)"
      R"("records":{},"rows":{},"bytes":{},"ranges":{},"rejected":{},"retries":{},)"
      R"("ranges_in_doubt":{},"commits":{},"offsets_unrecoverable":{},"running_s":{:.3f},)"
      R"("first_landed_after_s":{},"lag_records":{},"lag_seconds":{},"caught_up":{},)"
      R"("visible_p50_ms":{:.3f},"visible_p99_ms":{:.3f},"insert_p50_ms":{:.3f},)"
      R"("insert_p99_ms":{:.3f},"partitions":[{}]}})",
      json_text(status.name), json_text(status.group), fmt::join(topics, ","),
      json_text(status.destination), pipeline_state_name(status.state), json_text(status.failure),
      status.breaker, json_text(status.breaker_reason), json_text(status.breaker_error),
      status.next_trial ? json_text(utc_text(*status.next_trial)) : "null", status.records,
      status.rows, status.bytes, status.ranges, status.rejected, status.retries,
      status.ranges_in_doubt, status.commits, status.offsets_unrecoverable, status.running.count(),
      first ? fmt::format("{:.3f}", first->count()) : "null", status.lag_records,
      status.lag_seconds ? fmt::format("{:.3f}", *status.lag_seconds) : "null", status.caught_up,
      status.visible_p50_ms, status.visible_p99_ms, status.insert_p50_ms, status.insert_p99_ms,
      fmt::join(partitions, ","));
}

}  // namespace freshet::pipeline
