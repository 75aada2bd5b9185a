#include "observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

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

class HistogramSeries final : public Histogram {
 public:
  explicit HistogramSeries(prometheus::Histogram& series) : series_(series) {}
  void observe(double value) override { series_.Observe(value); }

 private:
  prometheus::Histogram& series_;
};

using CounterFamily = prometheus::Family<prometheus::Counter>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;

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
  std::map<SeriesKey, std::unique_ptr<Histogram>> histograms;

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
  auto& family = state_->family<HistogramFamily>(name, help, [&]() -> HistogramFamily& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
  });
  auto& series = state_->histograms[{name, labels}];
  if (!series) series = std::make_unique<HistogramSeries>(family.Add(labels, upper_bounds));
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
  std::string text = prometheus::TextSerializer().Serialize(state_->registry.Collect());
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
