// Publishes one source into one topic, and goes on after any crash where the log ends.
//
// There is no second store: the last record of every batch carries a header (source_mark.h) that
// says which events of the source the batch accounts for. On start the newest marks are read from
// the end of each partition, and each partition gets exactly the events it does not have yet.
// One process runs a source at a time; other producers may write to the topic freely.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "kafka/compression.h"
#include "kafka/record_producer.h"
#include "source/event_source.h"

namespace freshet::source {

struct SourceRunnerSettings {
  std::string name;   // of the source; identifies its marks in the log
  std::string topic;  // must exist
  kafka::Codec codec = kafka::Codec::kNone;
  std::optional<double> rate;  // events per second; none: as fast as the log takes them
  /// Bytes of batches handed to the log at once. One batch may get all of it, and a topic takes
  /// batches of 1 MiB by default.
  size_t chunk_bytes = 900'000;
  std::chrono::milliseconds linger{10};  // with a rate: between two chunks
  size_t chunks_in_flight = 4;
};

struct SourceStatus {
  uint64_t position = 0;          // events of the source that are durable in the log
  uint64_t published = 0;         // by this run
  double events_per_second = 0;   // over the last few seconds
  std::optional<uint64_t> total;  // of a bounded source, if known
  bool done = false;              // bounded source, all durable
};

/// Thread: run() in one thread of its own; status() and stop() from any.
class SourceRunner {
 public:
  /// `producer` and `clock` outlive the runner.
  SourceRunner(SourceRunnerSettings settings, std::unique_ptr<EventSource> source,
               kafka::RecordProducer& producer, Clock& clock = SystemClock::instance());
  ~SourceRunner();

  /// Finds the position, then publishes until the source ends or stop() is called; when it returns,
  /// everything handed to the log is durable or the error says what is not. May be called again
  /// after an error that is_retriable: it finds the position anew.
  /// kRefused: the source is not the one that the log remembers, and how to mend that.
  Result<void> run();

  /// Makes run() return soon, after what is in flight is durable; also the next one, until allow().
  void stop();
  void allow();

  [[nodiscard]] SourceStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshet::source
