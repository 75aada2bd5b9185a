// One entry of `pipelines:` at work: topic -> decoded columns -> destination, exactly once.
//
// Life: create() checks everything that can be checked and reports every mismatch in one message ->
// start() -> stop(). After a failure that only people can mend the pipeline stops by itself: it
// leaves its group and status().failure says what happened and how to go on; other pipelines are
// not touched.
//
// Threads: start() makes one thread that polls the group (heartbeat, rebalances) and 2 x `workers`
// threads that take steps of partitions (partition_worker.h). At most `workers` ranges are being
// written at a time and as many more are prepared ahead. Any thread may call any method.
//
// Memory: what is read, decoded and encoded but not yet landed counts against one ByteBudget; when
// it is used up nothing more is fetched. A single range larger than the budget is let in alone.
//
// A destination that does not take rows is left alone by all partitions together
// (circuit_breaker.h) and holds up nobody else: threads, memory and breaker are this pipeline's
// own.
//
// FRESHET_TEST_GUARD_OFF, only for tests that must see exactly-once break: "intent" commits offsets
// without pending ranges, "probe" writes in-doubt ranges again without asking the destination.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "config/platform.h"
#include "kafka/group_consumer.h"
#include "kafka/record_producer.h"
#include "observe/metrics.h"
#include "pipeline/range_sink.h"
#include "pipeline/status.h"

namespace freshet::pipeline {

struct PipelineOptions {
  std::string platform;
  config::PipelineSettings settings;
  std::string dead_letter_topic;
  /// A landed range that no next intent confirms is confirmed alone after this long.
  std::chrono::milliseconds confirm_after{250};
  /// How long a hand-over to another member may wait for a write in flight.
  std::chrono::milliseconds revoke_wait_max{20'000};
};

/// What a pipeline works with. References outlive the pipeline.
struct PipelineParts {
  std::unique_ptr<kafka::GroupConsumer> consumer;
  std::unique_ptr<RangeSink> sink;
  kafka::RecordProducer& producer;  // dead letters; the topic exists
  MetricRegistry& metrics;
  const Clock& clock = SystemClock::instance();
};

enum class StopMode {
  kDrain,   // everything visible in the log at the time of the call is written first
  kFinish,  // only what is being written is finished
};

/// How many ranges such a pipeline writes at a time, at most.
[[nodiscard]] size_t writes_at_a_time(const config::PipelineSettings& settings);

class Pipeline {
 public:
  /// Builds the decoder's plan from the destination's columns and `columns:`. kInvalidArgument: one
  /// message with every mismatch. No threads yet.
  static Result<std::unique_ptr<Pipeline>> create(PipelineOptions options, PipelineParts parts);
  /// stop(kFinish) if it still runs.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void start();

  /// Writes nothing more until resume(), and stays in the group, so that nobody else takes the work
  /// over: its partitions stand still, wherever they go within this process. What is being written
  /// ends, and what landed is confirmed; ranges in doubt stay so, as after a crash. Returns when
  /// that is done; kTimeout after `limit`: then as soon as it is. May be called before start().
  Result<void> pause(std::chrono::milliseconds limit = std::chrono::seconds(10));
  void resume();

  /// Stops and leaves the group; every range that landed is confirmed. Takes at most about `limit`
  /// plus one write. kTimeout: not everything could be drained (it is not lost: the next start goes
  /// on there). The failure, if the pipeline had failed. One that is paused drains nothing. May be
  /// called again.
  Result<void> stop(StopMode mode, std::chrono::milliseconds limit = std::chrono::seconds(30));

  [[nodiscard]] PipelineStatus status() const;
  /// The partitions as seen last; asks nobody, for metrics.
  [[nodiscard]] std::vector<PartitionStatus> partitions() const;

  /// For verify: both may be used from any thread while the pipeline runs.
  [[nodiscard]] kafka::GroupConsumer& consumer();
  [[nodiscard]] RangeSink& sink();

 private:
  class State;
  explicit Pipeline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::pipeline
