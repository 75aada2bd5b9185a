#include "app/platform_runtime.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "app/pause_marks.h"
#include "app/source_factory.h"
#include "app/source_thread.h"
#include "io/thread_name.h"
#include "kafka/record_batch.h"
#include "observe/log.h"
#include "pipeline/partition_metrics.h"
#include "pipeline/range_sink.h"
#include "sink/clickhouse_sink.h"
#include "warehouse/ddl.h"

namespace freshet::app {
namespace {

const Logger logger("app");

Result<void> apply_tables(const config::Platform& platform, warehouse::ClickHouse& clickhouse) {
  // Statements with the same provenance rule go together, so that mismatches of all of them come in
  // one message; the order of the file is kept.
  std::vector<std::string> statements;
  for (size_t i = 0; i < platform.tables.size(); ++i) {
    statements.push_back(platform.tables[i].sql);
    const bool last = i + 1 == platform.tables.size();
    if (last || platform.tables[i + 1].provenance != platform.tables[i].provenance) {
      FRESHET_ASSIGN(const auto outcomes,
                     warehouse::apply_tables(clickhouse, statements,
                                             {.provenance = platform.tables[i].provenance}));
      for (const auto& outcome : outcomes) {
        if (outcome.created) logger.info("table created", kv("table", outcome.name.display()));
      }
      statements.clear();
    }
  }
  return {};
}

Result<std::unique_ptr<pipeline::RangeSink>> open_sink(const config::PipelineSettings& settings,
                                                       warehouse::ClickHouse& clickhouse) {
  FRESHET_ASSIGN_CONTEXT(auto table, sink::ClickHouseSink::open(clickhouse, settings.table),
                         "pipeline {}", settings.name);
  if (!table->proof().by_provenance) {
    logger.warn("ranges of this pipeline cannot be proven", kv("pipeline", settings.name),
                kv("reason", table->proof().reason));
  }
  return std::make_unique<pipeline::ClickHouseRangeSink>(std::move(table));
}

LogReader reader_of(const config::Platform& platform, const config::PipelineSettings& settings) {
  return {.group = platform.consumer_group(settings),
          .topics = settings.from,
          .client_id = "freshet." + settings.name};
}

/// Whether the group has committed all that is in its topics now.
Result<bool> committed_everything(const config::PipelineSettings& settings,
                                  kafka::GroupConsumer& group, kafka::RecordProducer& topics) {
  std::vector<TopicPartition> tps;
  for (const auto& topic : settings.from) {
    FRESHET_ASSIGN(const int32_t partitions, topics.partition_count(topic));
    for (int32_t number = 0; number < partitions; ++number) tps.push_back({topic, number});
  }
  FRESHET_ASSIGN(const auto committed, group.committed(tps));
  for (const auto& partition : committed) {
    FRESHET_ASSIGN(const auto bounds, group.bounds(partition.tp));
    if (bounds.high_watermark == bounds.log_start) continue;
    if (partition.committed < bounds.high_watermark) return false;
  }
  return true;
}

/// A letter is the record as it was before it was compressed, and some headers: however large that
/// is, it must find room.
std::map<std::string, std::string> dead_letter_config() {
  return {{"max.message.bytes", fmt::format("{}", kafka::kBatchBytesMax)}};
}

/// How long the end of a program waits for a log that cannot be reached.
constexpr std::chrono::seconds kStopWait{10};

// Each source and each pipeline has a producer of its own: a partition of one that cannot be
// written now holds up nobody else.
struct RunningSource {
  const config::SourceSettings* settings;
  std::unique_ptr<kafka::RecordProducer> producer;
  std::unique_ptr<SourceThread> thread;
};
struct RunningPipeline {
  std::unique_ptr<kafka::RecordProducer> letters;
  std::unique_ptr<kafka::GroupConsumer> observer;
  std::unique_ptr<pipeline::Pipeline> pipeline;
  std::unique_ptr<std::mutex> marking = std::make_unique<std::mutex>();  // while paused or resumed
};

}  // namespace

class PlatformRuntime::State {
 public:
  State(config::Platform file, EmbeddedServices& services)
      : platform(std::move(file)), services(services), marks(services.data_dir()) {}
  ~State() {
    if (metrics_source) services.metrics().remove_source(*metrics_source);
  }

  Result<void> start();
  Result<void> start_pipelines();
  Result<void> start_sources();
  Result<void> stop(pipeline::StopMode mode);
  [[nodiscard]] bool committed_everything() const;
  void serve_partition_metrics();
  Result<RunningPipeline*> find(const std::string& name);

  const config::Platform platform;
  EmbeddedServices& services;
  PauseMarks marks;
  // Filled by start(), emptied never: readers need no lock.
  std::vector<RunningPipeline> pipelines;
  std::vector<RunningSource> sources;
  std::optional<uint64_t> metrics_source;
};

Result<void> PlatformRuntime::State::start() {
  if (!platform.tables.empty()) {
    FRESHET_TRY_CONTEXT(apply_tables(platform, services.warehouse()), "{}", platform.file.string());
  }
  FRESHET_TRY(ensure_topics(platform, services.log_service()));
  FRESHET_TRY(start_pipelines());
  return start_sources();
}

Result<void> PlatformRuntime::State::start_pipelines() {
  for (const auto& settings : platform.pipelines) {
    FRESHET_ASSIGN(auto sink, open_sink(settings, services.warehouse()));
    RunningPipeline running{
        .letters = services.log_service().make_producer(),
        .observer = services.log_service().make_observer(reader_of(platform, settings)),
        .pipeline = nullptr};
    auto pipeline = pipeline::Pipeline::create(
        {.platform = platform.name,
         .settings = settings,
         .dead_letter_topic = platform.dead_letter_topic(settings)},
        {.consumer = services.log_service().make_consumer(reader_of(platform, settings)),
         .sink = std::move(sink),
         .producer = *running.letters,
         .metrics = services.metrics()});
    if (!pipeline) {
      return std::unexpected(std::move(pipeline).error().with_context("pipeline " + settings.name));
    }
    running.pipeline = std::move(*pipeline);
    pipelines.push_back(std::move(running));
  }
  for (size_t i = 0; i < pipelines.size(); ++i) {
    const std::string& name = platform.pipelines[i].name;
    if (marks.is_set(name)) {
      logger.warn("pipeline is paused; `freshet pipeline resume` lets it go on",
                  kv("pipeline", name));
      FRESHET_TRY(pipelines[i].pipeline->pause());
    }
    pipelines[i].pipeline->start();
  }
  serve_partition_metrics();
  return {};
}

void PlatformRuntime::State::serve_partition_metrics() {
  metrics_source = services.metrics().add_source([this](MetricText& text) {
    std::vector<pipeline::PipelinePartitions> all;
    for (size_t i = 0; i < pipelines.size(); ++i) {
      all.push_back({.platform = platform.name,
                     .pipeline = platform.pipelines[i].name,
                     .partitions = pipelines[i].pipeline->partitions()});
    }
    pipeline::write_partition_metrics(text, all);
  });
}

Result<RunningPipeline*> PlatformRuntime::State::find(const std::string& name) {
  FRESHET_TRY(select_pipelines(platform, name));
  for (size_t i = 0; i < pipelines.size(); ++i) {
    if (platform.pipelines[i].name == name) return &pipelines[i];
  }
  return fail(Errc::kUnavailable, "pipeline {} is still starting", name);
}

Result<void> PlatformRuntime::State::start_sources() {
  // All are opened before the first is run: a missing file is found before anything is published.
  std::vector<std::unique_ptr<source::EventSource>> opened;
  for (const auto& settings : platform.sources) {
    FRESHET_ASSIGN(opened.emplace_back(), make_source(settings));
  }
  for (size_t i = 0; i < opened.size(); ++i) {
    const auto& settings = platform.sources[i];
    auto producer = services.log_service().make_producer();
    auto turns = services.log_service().make_turns({.group = platform.turns_group(settings),
                                                    .topics = {settings.to},
                                                    .client_id = "freshet." + settings.name});
    auto thread = std::make_unique<SourceThread>(runner_settings(settings), std::move(opened[i]),
                                                 *producer, std::move(turns));
    sources.push_back(
        {.settings = &settings, .producer = std::move(producer), .thread = std::move(thread)});
  }
  return {};
}

Result<void> PlatformRuntime::State::stop(pipeline::StopMode mode) {
  for (const auto& source : sources) source.producer->stop_waiting(kStopWait);
  for (const auto& running : pipelines) running.letters->stop_waiting(kStopWait);
  for (const auto& source : sources) source.thread->stop();
  std::vector<Result<void>> stopped(pipelines.size());
  {
    std::vector<std::jthread> stopping;
    for (size_t i = 0; i < pipelines.size(); ++i) {
      stopping.emplace_back([&, i] {
        io::name_this_thread("stop." + platform.pipelines[i].name, 0);
        stopped[i] = pipelines[i].pipeline->stop(mode);
      });
    }
  }
  for (size_t i = 0; i < pipelines.size(); ++i) {
    if (!stopped[i]) {
      return std::unexpected(
          std::move(stopped[i]).error().with_context("pipeline " + platform.pipelines[i].name));
    }
  }
  return {};
}

bool PlatformRuntime::State::committed_everything() const {
  for (size_t i = 0; i < pipelines.size(); ++i) {
    const auto done = app::committed_everything(platform.pipelines[i], *pipelines[i].observer,
                                                *pipelines[i].letters);
    if (!done || !*done) return false;
  }
  return true;
}

PlatformRuntime::PlatformRuntime(std::unique_ptr<State> state) : state_(std::move(state)) {}

PlatformRuntime::~PlatformRuntime() { static_cast<void>(stop(pipeline::StopMode::kFinish)); }

Result<std::unique_ptr<PlatformRuntime>> PlatformRuntime::start(config::Platform platform,
                                                                EmbeddedServices& services) {
  std::unique_ptr<PlatformRuntime> runtime(
      new PlatformRuntime(std::make_unique<State>(std::move(platform), services)));
  FRESHET_TRY(runtime->state_->start());
  return runtime;
}

const config::Platform& PlatformRuntime::platform() const { return state_->platform; }

std::vector<SourceState> PlatformRuntime::sources() const {
  std::vector<SourceState> states;
  for (const auto& source : state_->sources) {
    const auto status = source.thread->status();
    states.push_back({.name = source.settings->name,
                      .topic = source.settings->to,
                      .position = status.position,
                      .published = status.published,
                      .events_per_second = status.events_per_second,
                      .total = status.total,
                      .bounded = is_bounded(*source.settings),
                      .done = status.done,
                      .failure = source.thread->failure()});
  }
  return states;
}

std::vector<pipeline::PipelineStatus> PlatformRuntime::pipelines() const {
  std::vector<pipeline::PipelineStatus> statuses;
  statuses.reserve(state_->pipelines.size());
  for (const auto& running : state_->pipelines) statuses.push_back(running.pipeline->status());
  return statuses;
}

std::vector<std::string> PlatformRuntime::failures() const {
  std::vector<std::string> failures;
  for (const auto& source : state_->sources) {
    if (auto failure = source.thread->failure(); !failure.empty()) failures.push_back(failure);
  }
  for (const auto& status : pipelines()) {
    if (status.state == pipeline::PipelineState::kFailed) {
      failures.push_back(fmt::format("pipeline {}: {}", status.name, status.failure));
    }
  }
  return failures;
}

bool PlatformRuntime::drained() const {
  return std::ranges::all_of(state_->sources,
                             [](const RunningSource& source) {
                               return !is_bounded(*source.settings) || source.thread->status().done;
                             }) &&
         state_->committed_everything();
}

EmbeddedServices& PlatformRuntime::services() { return state_->services; }

Result<std::vector<pipeline::PipelineVerdict>> PlatformRuntime::verify(
    const std::optional<std::string>& name) {
  FRESHET_ASSIGN(const auto selected, select_pipelines(state_->platform, name));
  std::vector<pipeline::PipelineVerdict> verdicts;
  for (const auto* settings : selected) {
    FRESHET_ASSIGN(verdicts.emplace_back(),
                   verify_pipeline(state_->platform, *settings, state_->services));
  }
  return verdicts;
}

Result<pipeline::PipelineStatus> PlatformRuntime::pause(const std::string& name) {
  FRESHET_ASSIGN(auto* running, state_->find(name));
  const std::lock_guard lock(*running->marking);
  FRESHET_TRY(state_->marks.set(name, SystemClock::instance()));
  if (auto paused = running->pipeline->pause(); !paused) {
    // The status shows what is still on its way.
    logger.info("pipeline is not at rest yet", kv("why", paused.error().message()));
  }
  return running->pipeline->status();
}

Result<pipeline::PipelineStatus> PlatformRuntime::resume(const std::string& name) {
  FRESHET_ASSIGN(auto* running, state_->find(name));
  const std::lock_guard lock(*running->marking);
  FRESHET_TRY(state_->marks.clear(name));
  running->pipeline->resume();
  return running->pipeline->status();
}

Result<void> PlatformRuntime::stop(pipeline::StopMode mode) { return state_->stop(mode); }

Result<void> ensure_topics(const config::Platform& platform, LogService& log) {
  for (const auto& topic : platform.topics) {
    FRESHET_ASSIGN_CONTEXT(
        const int32_t partitions,
        log.ensure_topic(
            {.name = topic.name, .partitions = topic.partitions, .configs = topic.config}),
        "topic {}", topic.name);
    if (topic.declared && partitions != topic.partitions) {
      logger.warn("topic is there with another number of partitions", kv("topic", topic.name),
                  kv("partitions", partitions), kv("declared", topic.partitions));
    }
  }
  for (const auto& settings : platform.pipelines) {
    const std::string name = platform.dead_letter_topic(settings);
    FRESHET_TRY_CONTEXT(
        log.ensure_topic({.name = name, .partitions = 1, .configs = dead_letter_config()}),
        "topic {}", name);
  }
  return {};
}

Result<void> with_pipeline_data(
    const config::Platform& platform, const config::PipelineSettings& settings,
    EmbeddedServices& services,
    const std::function<Result<void>(const pipeline::VerifyInput&)>& work) {
  FRESHET_ASSIGN(const auto sink, open_sink(settings, services.warehouse()));
  const auto consumer = services.log_service().make_observer(reader_of(platform, settings));
  const auto producer = services.log_service().make_producer();
  return work({.settings = settings,
               .dead_letter_topic = platform.dead_letter_topic(settings),
               .consumer = *consumer,
               .producer = *producer,
               .sink = *sink});
}

Result<pipeline::PipelineVerdict> verify_pipeline(const config::Platform& platform,
                                                  const config::PipelineSettings& settings,
                                                  EmbeddedServices& services) {
  pipeline::PipelineVerdict verdict;
  FRESHET_TRY(with_pipeline_data(
      platform, settings, services, [&](const pipeline::VerifyInput& input) -> Result<void> {
        FRESHET_ASSIGN_CONTEXT(verdict, pipeline::verify(input), "verify {}", settings.name);
        return {};
      }));
  return verdict;
}

Result<std::vector<const config::PipelineSettings*>> select_pipelines(
    const config::Platform& platform, const std::optional<std::string>& name) {
  std::vector<const config::PipelineSettings*> selected;
  std::string names;
  for (const auto& settings : platform.pipelines) {
    if (!name || settings.name == *name) selected.push_back(&settings);
    names += (names.empty() ? "" : ", ") + settings.name;
  }
  if (name && selected.empty()) {
    return fail(Errc::kNotFound, "platform {} has no pipeline {}; it has {}", platform.name, *name,
                names.empty() ? "none" : names);
  }
  return selected;
}

}  // namespace freshet::app
