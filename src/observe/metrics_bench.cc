// What one observation costs, alone and while other threads observe the same series.
#include <benchmark/benchmark.h>

#include "observe/metrics.h"

namespace freshet {
namespace {

MetricRegistry& registry() {
  static MetricRegistry shared;
  return shared;
}

void observe_histogram(benchmark::State& state) {
  Histogram& series = registry().histogram("freshet_bench_seconds", "Nothing.", latency_buckets());
  double value = 0.00005;
  for (auto step : state) {
    series.observe(value);
    value = value > 1 ? 0.00005 : value * 1.7;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(observe_histogram)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();

void increment_counter(benchmark::State& state) {
  Counter& series = registry().counter("freshet_bench_total", "Nothing.");
  for (auto step : state) series.increment();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(increment_counter)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace freshet
