// What a pipeline is doing, as a snapshot: for progress lines, `pipeline describe` and tests.
// Values only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/offset.h"
#include "model/reject.h"

namespace freshet::pipeline {

/// Of one owned partition; transitions are drawn in partition_worker.h.
enum class PartitionState {
  kOpening,    // reading what the group committed
  kReplaying,  // settling ranges that a former owner left in doubt
  kReading,    // waiting for records or for the time to cut
  kWriting,    // a range is on its way into the destination
  kRetrying,   // the last attempt failed; the next follows after a pause
  kClosing,    // finishing because of a rebalance or a stop
  kClosed,     // does nothing any more
};
[[nodiscard]] std::string_view partition_state_name(PartitionState state);

enum class PipelineState {
  kStarting,
  kRunning,
  kPaused,  // asked to; partitions stay ours, nothing new is written
  kDraining,
  kStopped,
  kFailed,
};
[[nodiscard]] std::string_view pipeline_state_name(PipelineState state);

struct PartitionStatus {
  TopicPartition tp;
  PartitionState state = PartitionState::kOpening;
  Offset confirmed = kNoOffset;       // the group's committed offset
  Offset landed = kNoOffset;          // first offset that is not in the destination
  Offset high_watermark = kNoOffset;  // as seen last
  int64_t lag_records = 0;            // high_watermark - landed
  /// Age of the newest record in the destination while there is a lag, else 0. nullopt: there is a
  /// lag and nothing has landed since the partition came here, so nobody knows.
  std::optional<double> lag_seconds = 0;
  /// The same, or where nobody knows, how long the partition has been here.
  double lag_seconds_min = 0;
  size_t in_doubt = 0;  // ranges of which it is not known whether they are in the destination

  // Since the partition came here.
  uint64_t records = 0;  // of ranges that landed, rejected ones included
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t ranges = 0;
  uint64_t retries = 0;
  std::map<RejectReason, uint64_t> rejected;  // reasons that occurred

  std::optional<OffsetRange> in_flight;
  std::string last_error;  // of the attempt that is being retried
};

struct PipelineStatus {
  std::string name;
  std::string group;
  std::vector<std::string> topics;
  std::string destination;
  PipelineState state = PipelineState::kStarting;
  std::string failure;  // kFailed: what happened and how to go on
  std::vector<PartitionStatus> partitions;

  /// Circuit breaker of the destination (circuit_breaker.h): "closed", "half_open", "open".
  std::string breaker = "closed";
  std::string breaker_reason;  // trouble_name() of the last error; empty: none since a success
  std::string breaker_error;   // the last error itself; likewise
  std::optional<WallMillis> next_trial;  // open: when the destination is asked again

  // Since the pipeline was started.
  uint64_t records = 0;  // of ranges that landed, rejected ones included
  uint64_t rows = 0;     // in the destination
  uint64_t bytes = 0;    // of record payload
  uint64_t ranges = 0;
  uint64_t rejected = 0;
  uint64_t retries = 0;
  uint64_t ranges_in_doubt = 0;  // settled by asking the destination
  uint64_t commits = 0;
  uint64_t offsets_unrecoverable = 0;  // deleted by retention before they were read
  std::chrono::duration<double> running{};
  std::optional<std::chrono::duration<double>> first_landed_after;

  int64_t lag_records = 0;
  /// Age of the newest record in the destination while there is a lag, else 0. nullopt: there is a
  /// lag and nothing has landed, so nobody knows.
  std::optional<double> lag_seconds = 0;
  /// Everything in the log as seen last has landed and is confirmed.
  bool caught_up = false;

  // Record timestamp -> visible in the destination, and duration of inserts. Milliseconds, 0 if
  // nothing landed yet.
  double visible_p50_ms = 0;
  double visible_p99_ms = 0;
  double insert_p50_ms = 0;
  double insert_p99_ms = 0;
};

/// One JSON object, as `pipeline describe --output json` prints it.
[[nodiscard]] std::string to_json(const PipelineStatus& status);

}  // namespace freshet::pipeline
