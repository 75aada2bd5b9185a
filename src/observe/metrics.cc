#include "observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <mutex>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "observe/sharded_histogram.h"

namespace freshet {
namespace {

class CounterSeries final : public Counter {
 public:
  explicit CounterSeries(prometheus::Counter& series) : series_(series) {}
  void increment(double by) override {
    FRESHET_DCHECK(by >= 0, "a counter cannot fall by {}", -by);
    series_.Increment(by);
  }
  [[nodiscard]] double value() const override { return series_.Value(); }

 private:
  prometheus::Counter& series_;
};

class GaugeSeries final : public Gauge {
 public:
  explicit GaugeSeries(prometheus::Gauge& series) : series_(series) {}
  void set(double value) override { series_.Set(value); }
  void add(double by) override { series_.Increment(by); }
  [[nodiscard]] double value() const override { return series_.Value(); }

 private:
  prometheus::Gauge& series_;
};

using CounterFamily = prometheus::Family<prometheus::Counter>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;

/// The library's own histogram takes a lock at each observation.
struct HistogramFamily {
  std::map<MetricLabels, std::unique_ptr<ShardedHistogram>> series;
};

prometheus::ClientMetric collect(const MetricLabels& labels, const ShardedHistogram& series) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  const auto totals = series.totals();
  const auto bounds = series.upper_bounds();
  auto& histogram = metric.histogram;
  for (size_t i = 0; i < totals.cumulative.size(); ++i) {
    histogram.bucket.push_back(
        {.cumulative_count = totals.cumulative[i],
         .upper_bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_count = totals.cumulative.back();
  histogram.sample_sum = totals.sum;
  return metric;
}

}  // namespace

struct MetricRegistry::State {
  struct Family {
    std::string help;
    std::variant<CounterFamily*, GaugeFamily*, HistogramFamily*> series;
  };
  using SeriesKey = std::pair<std::string, MetricLabels>;

  // The family of `name`, made by `make` at the first call; aborts when it is of another kind.
  template <class FamilyType, class Make>
  FamilyType& family(const std::string& name, const std::string& help, const Make& make) {
    auto found = families.find(name);
    if (found == families.end()) {
      found = families.emplace(name, Family{help, &make()}).first;
    }
    FRESHET_CHECK(found->second.help == help, "metric {} has two help texts", name);
    auto* const* same = std::get_if<FamilyType*>(&found->second.series);
    FRESHET_CHECK(same != nullptr, "metric {} is asked for as two kinds", name);
    return **same;
  }

  prometheus::Registry registry;  // has its own lock
  std::mutex mutex;
  // Guarded by mutex.
  std::map<std::string, Family> families;
  std::map<SeriesKey, std::unique_ptr<Counter>> counters;
  std::map<SeriesKey, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, HistogramFamily> histograms;

  std::mutex sources_mutex;  // held while they run
  // Guarded by sources_mutex.
  std::map<uint64_t, std::function<void(MetricText&)>> sources;
  uint64_t last_source = 0;
};

MetricRegistry::MetricRegistry() : state_(std::make_unique<State>()) {}
MetricRegistry::~MetricRegistry() = default;

Counter& MetricRegistry::counter(const std::string& name, const std::string& help,
                                 const MetricLabels& labels) {
  const std::scoped_lock lock(state_->mutex);
  auto& family = state_->family<CounterFamily>(name, help, [&]() -> CounterFamily& {
    return prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
  });
  auto& series = state_->counters[{name, labels}];
  if (!series) series = std::make_unique<CounterSeries>(family.Add(labels));
  return *series;
}

Gauge& MetricRegistry::gauge(const std::string& name, const std::string& help,
                             const MetricLabels& labels) {
  const std::scoped_lock lock(state_->mutex);
  auto& family = state_->family<GaugeFamily>(name, help, [&]() -> GaugeFamily& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
  });
  auto& series = state_->gauges[{name, labels}];
  if (!series) series = std::make_unique<GaugeSeries>(family.Add(labels));
  return *series;
}

Histogram& MetricRegistry::histogram(const std::string& name, const std::string& help,
                                     const std::vector<double>& upper_bounds,
                                     const MetricLabels& labels) {
  const std::scoped_lock lock(state_->mutex);
  auto& family = state_->family<HistogramFamily>(
      name, help, [&]() -> HistogramFamily& { return state_->histograms[name]; });
  auto& series = family.series[labels];
  if (!series) series = std::make_unique<ShardedHistogram>(upper_bounds);
  return *series;
}

uint64_t MetricRegistry::add_source(std::function<void(MetricText&)> source) {
  const std::scoped_lock lock(state_->sources_mutex);
  state_->sources.emplace(++state_->last_source, std::move(source));
  return state_->last_source;
}

void MetricRegistry::remove_source(uint64_t id) {
  const std::scoped_lock lock(state_->sources_mutex);
  state_->sources.erase(id);
}

std::string MetricRegistry::expose() const {
  auto families = state_->registry.Collect();
  {
    const std::scoped_lock lock(state_->mutex);
    for (const auto& [name, family] : state_->histograms) {
      auto& collected =
          families.emplace_back(prometheus::MetricFamily{.name = name,
                                                         .help = state_->families.at(name).help,
                                                         .type = prometheus::MetricType::Histogram,
                                                         .metric = {}});
      for (const auto& [labels, series] : family.series) {
        collected.metric.push_back(collect(labels, *series));
      }
    }
  }
  std::string text = prometheus::TextSerializer().Serialize(families);
  MetricText more;
  const std::scoped_lock lock(state_->sources_mutex);
  for (const auto& [id, source] : state_->sources) source(more);
  return text + more.take();
}

std::vector<double> latency_buckets() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075,
          0.1,    0.15,    0.2,    0.3,   0.5,    1,     2,    5,    10,   20,   60};
}

}  // namespace freshet
