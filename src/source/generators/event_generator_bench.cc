// Generated events per second, alone and into record batches.
#include <benchmark/benchmark.h>

#include "kafka/record_batch_builder.h"
#include "source/generators/event_generator.h"

namespace freshet::source {
namespace {

void make_events(benchmark::State& state) {
  const auto generator = make_generator({}).value();
  std::string key;
  std::string value;
  uint64_t index = 0;
  size_t bytes = 0;
  for (auto _ : state) {
    generator->make(index++, key, value);
    bytes += value.size();
    benchmark::DoNotOptimize(value);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(make_events);

void make_batches(benchmark::State& state) {
  const auto generator = make_generator({}).value();
  kafka::RecordBatchBuilder builder({.reserve_bytes = 1 << 20});
  std::string key;
  std::string value;
  uint64_t index = 0;
  for (auto _ : state) {
    generator->make(index++, key, value);
    builder.append(1'758'191'400'000, key, value);
    if (builder.size_bytes() > 900'000) benchmark::DoNotOptimize(builder.build());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(make_batches);

}  // namespace
}  // namespace freshet::source
