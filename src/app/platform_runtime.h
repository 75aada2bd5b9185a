// A platform at work: tables, topics, pipelines and sources of one platform file on its services.
//
// Life: start() brings everything up in order (tables -> topics -> pipelines -> sources); on error
// what was started is stopped again. Then it runs until stop(). A pipeline or source that fails
// stops alone; failures() says which and why.
//
// Threads: start() and stop() from one thread; everything else from any.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/embedded_services.h"
#include "base/error.h"
#include "config/platform.h"
#include "pipeline/pipeline.h"
#include "pipeline/status.h"
#include "pipeline/verify.h"

namespace freshet::app {

struct SourceState {
  std::string name;
  std::string topic;
  uint64_t position = 0;  // events durable in the log
  uint64_t published = 0;
  double events_per_second = 0;
  std::optional<uint64_t> total;
  bool bounded = false;
  bool done = false;
  std::string failure;  // empty: none
};

class PlatformRuntime {
 public:
  /// `services` outlives the runtime.
  static Result<std::unique_ptr<PlatformRuntime>> start(config::Platform platform,
                                                        EmbeddedServices& services);
  /// Stops without draining if nobody stopped it.
  ~PlatformRuntime();
  PlatformRuntime(const PlatformRuntime&) = delete;
  PlatformRuntime& operator=(const PlatformRuntime&) = delete;

  [[nodiscard]] const config::Platform& platform() const;
  [[nodiscard]] std::vector<SourceState> sources() const;
  [[nodiscard]] std::vector<pipeline::PipelineStatus> pipelines() const;

  /// One sentence for each source or pipeline that has stopped by itself.
  [[nodiscard]] std::vector<std::string> failures() const;

  /// Every bounded source is durable in the log, and every pipeline has committed all of its
  /// topics as they stand in the log now.
  [[nodiscard]] bool drained() const;

  [[nodiscard]] EmbeddedServices& services();

  /// Of one pipeline, or of all. kNotFound names the pipelines there are.
  Result<std::vector<pipeline::PipelineVerdict>> verify(const std::optional<std::string>& name);

  /// Pauses a pipeline and returns its status: nothing more is written, in this process and in the
  /// next ones on this data directory, until it is resumed. What is being written may still be on
  /// its way (`in_flight`). kNotFound names the pipelines there are.
  Result<pipeline::PipelineStatus> pause(const std::string& name);
  Result<pipeline::PipelineStatus> resume(const std::string& name);

  /// Sources first, then pipelines, which write what is visible in the log (kDrain) or only finish
  /// what they are writing; all at the same time, so that one whose destination hangs costs the
  /// others nothing. The first error of all.
  Result<void> stop(pipeline::StopMode mode);

 private:
  class State;
  explicit PlatformRuntime(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Makes the topics of the file and the dead-letter topics; those that are there stay as they are.
Result<void> ensure_topics(const config::Platform& platform, LogService& log);

/// Runs `work` with what judging and mending one pipeline need: its log, group and table, opened
/// for as long as that takes, whether the pipeline runs or not.
Result<void> with_pipeline_data(
    const config::Platform& platform, const config::PipelineSettings& settings,
    EmbeddedServices& services,
    const std::function<Result<void>(const pipeline::VerifyInput&)>& work);

/// Judges one pipeline whose platform does not run: needs log and warehouse only.
Result<pipeline::PipelineVerdict> verify_pipeline(const config::Platform& platform,
                                                  const config::PipelineSettings& settings,
                                                  EmbeddedServices& services);

/// The settings of that pipeline, or of all if `name` is none. kNotFound names those there are.
Result<std::vector<const config::PipelineSettings*>> select_pipelines(
    const config::Platform& platform, const std::optional<std::string>& name);

}  // namespace freshet::app
