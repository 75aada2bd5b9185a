// Metric registry: the only place that knows the metrics library (prometheus-cpp core).
//
// A component owns a probe struct that fetches its series once and then only calls increment(),
// set() or observe(). Names are freshet_<module>_<what>_<unit>[_total]; the help text says what a
// rise means; labels are bounded (never keys, offsets or error texts).
// Safe from any thread. Series live as long as the registry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "observe/metric_text.h"

namespace freshet {

using MetricLabels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void increment(double by = 1) = 0;
  [[nodiscard]] virtual double value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double by) = 0;
  [[nodiscard]] virtual double value() const = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

/// Bucket bounds in seconds from 100 µs to 60 s, for latencies.
[[nodiscard]] std::vector<double> latency_buckets();

class MetricRegistry {
 public:
  MetricRegistry();
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  /// The series of that name and those labels, made at the first call. The same name with another
  /// kind or help text is a bug and aborts.
  Counter& counter(const std::string& name, const std::string& help,
                   const MetricLabels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help,
                       const std::vector<double>& upper_bounds, const MetricLabels& labels = {});

  /// Asks `source` for more families at every expose(), on its thread; their names are in no other
  /// place. Returns what remove_source() takes.
  uint64_t add_source(std::function<void(MetricText&)> source);
  /// On return the source does not run and will not again.
  void remove_source(uint64_t id);

  /// Everything in the Prometheus text exposition format 0.0.4.
  [[nodiscard]] std::string expose() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet
