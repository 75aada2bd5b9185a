// Native encoding, the engine's own insert ceiling, writes and probes, on the events table of the
// first reference platform.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "sink/clickhouse_sink.h"
#include "warehouse/ddl.h"
#include "warehouse/insert_ceiling.h"
#include "warehouse/testing/temp_engine.h"

namespace freshet::sink {
namespace {

constexpr size_t kBlockRows = 250'000;
const TopicPartition kOrigin{.topic = "events", .partition = 0};

std::string events_table(const std::string& name) {
  return "CREATE TABLE " + name + R"( (user_id String, event_type LowCardinality(String),
    timestamp DateTime64(3,'UTC'), session_id String, device LowCardinality(String),
    inserted_at DateTime DEFAULT now())
    ENGINE = ReplacingMergeTree() ORDER BY (timestamp, user_id)
    PARTITION BY toYYYYMMDD(timestamp) SETTINGS index_granularity = 8192)";
}

/// Events nearly in time order, 1,000 a second, 100,000 users.
void fill_events(ColumnBatch& batch, std::vector<Offset>& offsets, size_t rows, int64_t first) {
  static constexpr const char* kTypes[] = {"login", "view", "search", "purchase", "logout"};
  static constexpr const char* kDevices[] = {"mobile", "desktop", "tablet"};
  std::mt19937_64 random(static_cast<uint64_t>(first) + 1);
  char text[32];
  for (size_t row = 0; row < rows; ++row) {
    const int64_t offset = first + static_cast<int64_t>(row);
    std::snprintf(text, sizeof text, "user_%d", static_cast<int>(random() % 100'000));
    batch.column(0).append_string(text);
    batch.column(1).append_string(kTypes[random() % 5]);
    const int64_t at = 1'758'191'400'000 + offset + static_cast<int64_t>(random() % 2000);
    batch.column(2).append_fixed(at);
    std::snprintf(text, sizeof text, "sess_%012ld", static_cast<long>(offset));
    batch.column(3).append_string(text);
    batch.column(4).append_string(kDevices[random() % 3]);
    batch.column(5).append_fixed(static_cast<uint32_t>(at / 1000));
    offsets.push_back(Offset(offset));
  }
}

struct Bench {
  warehouse::testing::TempEngine temp;
  std::unique_ptr<ClickHouseSink> sink;
  std::vector<EncodedBlock> blocks;

  /// Null where the engine cannot be loaded.
  static Bench* get(benchmark::State& state) {
    static const auto bench = std::make_unique<Bench>();
    if (bench->sink == nullptr) {
      auto opened = bench->open();
      if (!opened) {
        state.SkipWithError(opened.error().message().c_str());
        return nullptr;
      }
    }
    return bench.get();
  }
  Result<void> open() {
    FRESHET_ASSIGN(warehouse::Engine * engine, temp.get());
    FRESHET_TRY(warehouse::apply_tables(*engine, {events_table("bitpin.events")}));
    FRESHET_ASSIGN(sink, ClickHouseSink::open(*engine, "bitpin.events"));
    return {};
  }
  void make_blocks(size_t count) {
    while (blocks.size() < count) {
      ColumnBatch batch(sink->schema());
      std::vector<Offset> offsets;
      fill_events(batch, offsets, kBlockRows, static_cast<int64_t>(blocks.size() * kBlockRows));
      blocks.push_back(sink->encode(kOrigin, batch, offsets));
    }
  }
};

void encode_events(benchmark::State& state) {
  Bench* bench = Bench::get(state);
  if (bench == nullptr) return;
  ColumnBatch batch(bench->sink->schema());
  std::vector<Offset> offsets;
  fill_events(batch, offsets, kBlockRows, 0);
  size_t bytes = 0;
  for (auto _ : state) {
    EncodedBlock block = bench->sink->encode(kOrigin, batch, offsets);
    benchmark::DoNotOptimize(block.bytes.data());
    bytes = block.bytes.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBlockRows));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
}
BENCHMARK(encode_events)->Unit(benchmark::kMillisecond);

void insert_ceiling(benchmark::State& state) {
  Bench* bench = Bench::get(state);
  if (bench == nullptr) return;
  bench->make_blocks(8);
  std::vector<std::string_view> blocks;
  for (const EncodedBlock& block : bench->blocks) blocks.emplace_back(block.bytes);
  warehouse::InsertCeiling total;
  int round = 0;
  for (auto _ : state) {
    const std::string table = "ceiling_" + std::to_string(round++);
    warehouse::Engine& engine = **bench->temp.get();
    warehouse::InsertStatement statement = bench->sink->insert_statement();
    statement.table = table;
    state.PauseTiming();
    const auto made = warehouse::apply_tables(engine, {events_table(table)});
    state.ResumeTiming();
    const auto one =
        warehouse::measure_insert_ceiling(engine, statement, blocks, blocks.size() * kBlockRows);
    if (!made || !one) {
      state.SkipWithError((made ? one.error() : made.error()).message().c_str());
      return;
    }
    total.rows += one->rows;
    total.seconds += one->seconds;
    total.cpu_seconds += one->cpu_seconds;
  }
  state.counters["rows/s"] = total.rows_per_second();
  state.counters["cpu_s_per_M"] = total.cpu_seconds_per_million();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  state.counters["rss_peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}
BENCHMARK(insert_ceiling)->Unit(benchmark::kMillisecond)->UseRealTime();

void write_small_ranges(benchmark::State& state) {
  Bench* bench = Bench::get(state);
  if (bench == nullptr) return;
  const auto rows = static_cast<size_t>(state.range(0));
  static int64_t next = int64_t{1} << 40;
  for (auto _ : state) {
    state.PauseTiming();
    ColumnBatch batch(bench->sink->schema());
    std::vector<Offset> offsets;
    fill_events(batch, offsets, rows, next);
    const OffsetRange range{.first = offsets.front(), .last = offsets.back()};
    next += static_cast<int64_t>(rows);
    state.ResumeTiming();
    const RangeWrite write{.tp = kOrigin,
                           .topic_id = {},
                           .range = range,
                           .token = range_token("bench", 0, {}, 0, range)};
    if (auto written = bench->sink->write(write, bench->sink->encode(kOrigin, batch, offsets));
        !written) {
      state.SkipWithError(written.error().message().c_str());
      return;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * rows));
}
BENCHMARK(write_small_ranges)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace freshet::sink
