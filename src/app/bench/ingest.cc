#include "app/bench/ingest.h"

#include <algorithm>
#include <thread>

#include "app/disk_probe.h"
#include "app/embedded_services.h"
#include "app/platform_runtime.h"
#include "pipeline/column_plan.h"
#include "pipeline/range_preparer.h"
#include "pipeline/range_sink.h"
#include "sink/clickhouse_sink.h"
#include "warehouse/ddl.h"
#include "warehouse/insert_ceiling.h"

namespace freshet::app {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kPollInterval = 5ms;
constexpr auto kPhaseMax = 10min;
constexpr auto kMergesMax = 2min;
constexpr auto kDiskPhase = 5s;
constexpr size_t kBlockRows = 250'000;
constexpr uint64_t kCeilingRowsAtOnce = 1'000'000;  // as ready blocks in memory

std::string events_table(const std::string& name) {
  return fmt::format(
      "CREATE TABLE bench.{} (user_id String, event_type LowCardinality(String), timestamp "
      "DateTime64(3, 'UTC'), session_id String, device LowCardinality(String), inserted_at "
      "DateTime DEFAULT now()) ENGINE = ReplacingMergeTree() ORDER BY (timestamp, user_id) "
      "PARTITION BY toYYYYMMDD(timestamp) SETTINGS index_granularity = 8192",
      name);
}

/// A platform of one topic, one table and one pipeline between them, all of that name.
config::Platform bench_platform(const std::string& name, int32_t partitions) {
  config::Platform platform{.name = "bench", .file = "bench ingest"};
  platform.topics.push_back({.name = name, .partitions = partitions});
  platform.tables.push_back({.sql = events_table(name)});
  config::PipelineSettings pipeline{.name = name, .from = {name}, .table = "bench." + name};
  pipeline.flush = {.rows = kBlockRows, .bytes = 64ULL << 20, .after = 1000ms};
  platform.pipelines.push_back(std::move(pipeline));
  return platform;
}

config::SourceSettings generated(const std::string& topic, uint64_t count,
                                 std::optional<double> rate) {
  return {
      .name = topic, .from = config::GenerateSettings{.rate = rate, .count = count}, .to = topic};
}

class IngestBench {
 public:
  IngestBench(const IngestBenchSettings& settings, EmbeddedServices& services)
      : settings_(settings), services_(services) {}

  Result<PhaseResult> fill();
  Result<PhaseResult> prefilled();
  Result<PhaseResult> live();
  Result<PhaseResult> disk();
  Result<PhaseResult> latency();
  Result<PhaseResult> ceiling();

 private:
  /// Runs the platform until it is drained and, if it has a pipeline, proves it.
  Result<PhaseResult> run(const std::string& phase, config::Platform platform, uint64_t events);
  Result<void> wait_for_merges();

  const IngestBenchSettings& settings_;
  EmbeddedServices& services_;
  // Of the last phase with a pipeline. Where records wait in the log on purpose it says nothing.
  double visible_p50_ms_ = 0;
  double visible_p99_ms_ = 0;
};

Result<void> IngestBench::wait_for_merges() {
  const auto deadline = steady_clock::now() + kMergesMax;
  while (steady_clock::now() < deadline) {
    FRESHET_ASSIGN(const auto merges,
                   services_.warehouse().query("SELECT count() FROM system.merges"));
    if (merges.bytes == "0\n") return {};
    std::this_thread::sleep_for(100ms);
  }
  return fail(Errc::kTimeout, "the engine was still merging parts after 2 minutes");
}

Result<PhaseResult> IngestBench::run(const std::string& phase, config::Platform platform,
                                     uint64_t events) {
  FRESHET_TRY(wait_for_merges());
  PhaseResult result{.name = phase, .events = events};
  const bool has_pipeline = !platform.pipelines.empty();
  const PhaseMeter meter;
  FRESHET_ASSIGN(auto runtime, PlatformRuntime::start(std::move(platform), services_));
  const auto deadline = steady_clock::now() + kPhaseMax;
  while (!runtime->drained()) {
    const auto failures = runtime->failures();
    if (!failures.empty()) return fail(Errc::kInternal, "phase {}: {}", phase, failures.front());
    if (steady_clock::now() > deadline) {
      return fail(Errc::kTimeout, "phase {} was not done after 10 minutes", phase);
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  result.cost = meter.cost();
  if (has_pipeline) {
    const auto status = runtime->pipelines().front();
    visible_p50_ms_ = status.visible_p50_ms;
    visible_p99_ms_ = status.visible_p99_ms;
    FRESHET_ASSIGN(const auto verdicts, runtime->verify(std::nullopt));
    result.missing = verdicts.front().missing;
    result.doubled = verdicts.front().doubled;
    if (verdicts.front().records != events) {
      return fail(Errc::kInternal, "phase {}: {} records in the log, expected {}", phase,
                  verdicts.front().records, events);
    }
  }
  FRESHET_TRY(runtime->stop(pipeline::StopMode::kFinish));
  return result;
}

Result<PhaseResult> IngestBench::fill() {
  config::Platform platform = bench_platform("prefilled", settings_.partitions);
  platform.pipelines.clear();
  platform.sources.push_back(generated("prefilled", settings_.events, std::nullopt));
  return run("fill", std::move(platform), settings_.events);
}

Result<PhaseResult> IngestBench::prefilled() {
  FRESHET_ASSIGN(auto result, run("prefilled", bench_platform("prefilled", settings_.partitions),
                                  settings_.events));
  // The records waited in the log on purpose: their latency says nothing.
  result.p50_ms = result.p99_ms = std::nullopt;
  return result;
}

Result<PhaseResult> IngestBench::live() {
  config::Platform platform = bench_platform("live", settings_.partitions);
  platform.sources.push_back(generated("live", settings_.live_events, std::nullopt));
  return run("live", std::move(platform), settings_.live_events);
}

Result<PhaseResult> IngestBench::disk() {
  FRESHET_TRY(wait_for_merges());
  FRESHET_ASSIGN(const auto syncs, measure_syncs(settings_.data_dir, kDiskPhase, 10ms));
  return PhaseResult{.name = "disk",
                     .cost = {.seconds = syncs.seconds},
                     .p50_ms = syncs.p50_ms,
                     .p99_ms = syncs.p99_ms,
                     .longest_ms = syncs.longest_ms};
}

Result<PhaseResult> IngestBench::latency() {
  config::Platform platform = bench_platform("latency", settings_.partitions);
  const auto events = static_cast<uint64_t>(settings_.latency_rate * settings_.latency_seconds);
  platform.sources.push_back(generated("latency", events, settings_.latency_rate));
  platform.pipelines.front().flush.after = 100ms;
  FRESHET_ASSIGN(auto result, run("latency", std::move(platform), events));
  result.p50_ms = visible_p50_ms_;
  result.p99_ms = visible_p99_ms_;
  return result;
}

/// Cuts the ranges of the pre-filled topic as the pipeline does and keeps their blocks.
class BlockReader {
 public:
  BlockReader(pipeline::RangePreparer& preparer, std::string topic, int32_t partitions)
      : preparer_(preparer), topic_(std::move(topic)), partitions_(partitions) {}

  /// Blocks of about `rows_min` rows together; none at the end of the topic.
  Result<std::vector<sink::EncodedBlock>> next(uint64_t rows_min) {
    std::vector<sink::EncodedBlock> blocks;
    for (uint64_t rows = 0; rows < rows_min && partition_ < partitions_;) {
      FRESHET_ASSIGN(auto range, preparer_.cut({topic_, partition_}, first_, {}));
      if (!range) {
        ++partition_;
        first_ = Offset(0);
        continue;
      }
      first_ = range->range.last + 1;
      rows += range->block.rows;
      blocks.push_back(std::move(range->block));
    }
    return blocks;
  }

 private:
  pipeline::RangePreparer& preparer_;
  const std::string topic_;
  const int32_t partitions_;
  int32_t partition_ = 0;
  Offset first_{0};
};

Result<PhaseResult> IngestBench::ceiling() {
  FRESHET_TRY(wait_for_merges());
  config::Platform platform = bench_platform("ceiling", settings_.partitions);
  FRESHET_TRY(warehouse::apply_tables(services_.warehouse(), {platform.tables[0].sql}));
  FRESHET_ASSIGN(auto table, sink::ClickHouseSink::open(services_.warehouse(), "bench.ceiling"));
  const warehouse::InsertStatement statement = table->insert_statement();
  const pipeline::ClickHouseRangeSink sink(std::move(table));
  FRESHET_ASSIGN(auto plan,
                 pipeline::plan_columns(sink.columns(), platform.pipelines[0], sink.display()));
  const auto consumer = services_.log().make_consumer({.group = "bench", .topics = {"prefilled"}});
  FRESHET_ASSIGN(const auto preparer,
                 pipeline::RangePreparer::create(
                     {.limits = {.rows = kBlockRows}, .plan = std::move(plan)}, *consumer, sink));
  BlockReader reader(*preparer, "prefilled", settings_.partitions);
  PhaseResult result{.name = "ceiling"};
  const PhaseMeter meter;
  while (true) {
    FRESHET_ASSIGN(const auto blocks, reader.next(kCeilingRowsAtOnce));
    if (blocks.empty()) break;
    uint64_t rows = 0;
    std::vector<std::string_view> bytes;
    for (const auto& block : blocks) {
      rows += block.rows;
      bytes.emplace_back(block.bytes);
    }
    FRESHET_ASSIGN(const auto measured,
                   warehouse::measure_insert_ceiling(services_.engine(), statement, bytes, rows));
    result.events += measured.rows;
    result.cost.seconds += measured.seconds;
    result.cost.cpu_seconds += measured.cpu_seconds;
  }
  result.cost.rss_mb = meter.cost().rss_mb;
  return result;
}

}  // namespace

const PhaseResult* IngestBenchResult::phase(const std::string& name) const {
  const auto found = std::ranges::find(phases, name, &PhaseResult::name);
  return found == phases.end() ? nullptr : &*found;
}

double IngestBenchResult::ratio(const std::string& name) const {
  const PhaseResult* over = phase(name);
  const PhaseResult* ceiling = phase("ceiling");
  if (over == nullptr || ceiling == nullptr || ceiling->events_per_second() == 0) return 0;
  return over->events_per_second() / ceiling->events_per_second();
}

Result<IngestBenchResult> run_ingest_bench(
    const IngestBenchSettings& settings, const std::function<void(const PhaseResult&)>& on_phase) {
  FRESHET_ASSIGN(auto services,
                 EmbeddedServices::start({.data_dir = settings.data_dir, .listen = false}));
  FRESHET_TRY(services->warehouse().query("CREATE DATABASE IF NOT EXISTS bench"));
  IngestBench bench(settings, *services);
  IngestBenchResult result;
  for (const auto phase : {&IngestBench::fill, &IngestBench::prefilled, &IngestBench::live,
                           &IngestBench::disk, &IngestBench::latency, &IngestBench::ceiling}) {
    FRESHET_ASSIGN(const auto& done, (bench.*phase)());
    result.phases.push_back(done);
    on_phase(result.phases.back());
  }
  FRESHET_TRY(services->stop());
  return result;
}

}  // namespace freshet::app
