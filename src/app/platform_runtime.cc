#include "app/platform_runtime.h"

#include <algorithm>
#include <set>

#include "app/source_factory.h"
#include "app/source_thread.h"
#include "kafka/record_batch.h"
#include "observe/log.h"
#include "pipeline/range_sink.h"
#include "sink/clickhouse_sink.h"
#include "warehouse/ddl.h"

namespace freshet::app {
namespace {

const Logger logger("app");

Result<void> apply_tables(const config::Platform& platform, warehouse::Engine& engine) {
  // Statements with the same provenance rule go together, so that mismatches of all of them come in
  // one message; the order of the file is kept.
  std::vector<std::string> statements;
  for (size_t i = 0; i < platform.tables.size(); ++i) {
    statements.push_back(platform.tables[i].sql);
    const bool last = i + 1 == platform.tables.size();
    if (last || platform.tables[i + 1].provenance != platform.tables[i].provenance) {
      FRESHET_ASSIGN(const auto outcomes,
                     warehouse::apply_tables(engine, statements,
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
                                                       warehouse::Engine& engine) {
  FRESHET_ASSIGN_CONTEXT(auto table, sink::ClickHouseSink::open(engine, settings.table),
                         "pipeline {}", settings.name);
  if (!table->proof().by_provenance) {
    logger.warn("ranges of this pipeline cannot be proven", kv("pipeline", settings.name),
                kv("reason", table->proof().reason));
  }
  return std::make_unique<pipeline::ClickHouseRangeSink>(std::move(table));
}

std::unique_ptr<kafka::GroupConsumer> make_consumer(const config::Platform& platform,
                                                    const config::PipelineSettings& settings,
                                                    broker::Broker& log) {
  return log.make_consumer({.group = platform.consumer_group(settings),
                            .topics = settings.from,
                            .client_id = "freshet." + settings.name});
}

/// A letter is the record as it was before it was compressed, and some headers: however large that
/// is, it must find room.
std::map<std::string, std::string> dead_letter_config() {
  return {{"max.message.bytes", fmt::format("{}", kafka::kBatchBytesMax)}};
}

struct RunningSource {
  const config::SourceSettings* settings;
  std::unique_ptr<SourceThread> thread;
};

}  // namespace

class PlatformRuntime::State {
 public:
  State(config::Platform file, EmbeddedServices& services)
      : platform(std::move(file)), services(services), producer(services.log().make_producer()) {}

  Result<void> start();
  Result<void> start_pipelines();
  Result<void> start_sources();
  Result<void> stop(pipeline::StopMode mode);
  [[nodiscard]] bool committed_everything(const config::PipelineSettings& settings) const;

  const config::Platform platform;
  EmbeddedServices& services;
  std::unique_ptr<kafka::RecordProducer> producer;
  // Filled by start(), emptied never: readers need no lock.
  std::vector<std::unique_ptr<pipeline::Pipeline>> pipelines;
  std::vector<RunningSource> sources;
};

Result<void> PlatformRuntime::State::start() {
  if (!platform.tables.empty()) {
    FRESHET_TRY_CONTEXT(apply_tables(platform, services.warehouse()), "{}", platform.file.string());
  }
  FRESHET_TRY(ensure_topics(platform, services.log()));
  FRESHET_TRY(start_pipelines());
  return start_sources();
}

Result<void> PlatformRuntime::State::start_pipelines() {
  for (const auto& settings : platform.pipelines) {
    FRESHET_ASSIGN(auto sink, open_sink(settings, services.warehouse()));
    auto pipeline =
        pipeline::Pipeline::create({.platform = platform.name,
                                    .settings = settings,
                                    .dead_letter_topic = platform.dead_letter_topic(settings)},
                                   {.consumer = make_consumer(platform, settings, services.log()),
                                    .sink = std::move(sink),
                                    .producer = *producer,
                                    .metrics = services.metrics()});
    if (!pipeline) {
      return std::unexpected(std::move(pipeline).error().with_context("pipeline " + settings.name));
    }
    pipelines.push_back(std::move(*pipeline));
  }
  for (const auto& pipeline : pipelines) pipeline->start();
  return {};
}

Result<void> PlatformRuntime::State::start_sources() {
  // All are opened before the first is run: a missing file is found before anything is published.
  std::vector<std::unique_ptr<source::EventSource>> opened;
  for (const auto& settings : platform.sources) {
    FRESHET_ASSIGN(opened.emplace_back(), make_source(settings));
  }
  for (size_t i = 0; i < opened.size(); ++i) {
    const auto& settings = platform.sources[i];
    sources.push_back({.settings = &settings,
                       .thread = std::make_unique<SourceThread>(runner_settings(settings),
                                                                std::move(opened[i]), *producer)});
  }
  return {};
}

Result<void> PlatformRuntime::State::stop(pipeline::StopMode mode) {
  for (const auto& source : sources) source.thread->stop();
  Result<void> first;
  for (const auto& pipeline : pipelines) {
    auto stopped = pipeline->stop(mode);
    if (!stopped && first) {
      first = std::unexpected(
          std::move(stopped).error().with_context("pipeline " + pipeline->status().name));
    }
  }
  return first;
}

bool PlatformRuntime::State::committed_everything(const config::PipelineSettings& settings) const {
  std::map<TopicPartition, Offset> committed;
  if (const auto group = services.log().group(platform.consumer_group(settings))) {
    for (const auto& offset : group->offsets) committed[offset.tp] = offset.offset;
  }
  for (const auto& name : settings.from) {
    const auto topic = services.log().topic(name);
    if (!topic) return false;
    for (int32_t number = 0; number < topic->partitions; ++number) {
      const TopicPartition tp{name, number};
      const auto partition = services.log().partition(tp);
      if (!partition) return false;
      if (partition->bounds.high_watermark == partition->bounds.log_start) continue;
      const auto done = committed.find(tp);
      if (done == committed.end() || done->second < partition->bounds.high_watermark) return false;
    }
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
  for (const auto& pipeline : state_->pipelines) statuses.push_back(pipeline->status());
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
         std::ranges::all_of(state_->platform.pipelines, [this](const auto& settings) {
           return state_->committed_everything(settings);
         });
}

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

Result<void> PlatformRuntime::stop(pipeline::StopMode mode) { return state_->stop(mode); }

Result<void> ensure_topics(const config::Platform& platform, broker::Broker& log) {
  for (const auto& topic : platform.topics) {
    FRESHET_ASSIGN_CONTEXT(
        const auto made,
        log.ensure_topic(
            {.name = topic.name, .partitions = topic.partitions, .configs = topic.config}),
        "topic {}", topic.name);
    if (topic.declared && made.partitions != topic.partitions) {
      logger.warn("topic is there with another number of partitions", kv("topic", topic.name),
                  kv("partitions", made.partitions), kv("declared", topic.partitions));
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

Result<pipeline::PipelineVerdict> verify_pipeline(const config::Platform& platform,
                                                  const config::PipelineSettings& settings,
                                                  EmbeddedServices& services) {
  FRESHET_ASSIGN(const auto sink, open_sink(settings, services.warehouse()));
  const auto consumer = make_consumer(platform, settings, services.log());
  const auto producer = services.log().make_producer();
  FRESHET_ASSIGN_CONTEXT(
      auto verdict,
      pipeline::verify({.settings = settings,
                        .dead_letter_topic = platform.dead_letter_topic(settings),
                        .consumer = *consumer,
                        .producer = *producer,
                        .sink = *sink}),
      "verify {}", settings.name);
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
