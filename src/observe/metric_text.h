// Writes series in the Prometheus text exposition format 0.0.4, for values that are computed when
// somebody asks: MetricRegistry::add_source().
//
//   text.family("kafka_brokers", "Number of Brokers in the Kafka Cluster.", MetricKind::kGauge);
//   text.sample({}, 1);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace freshet {

enum class MetricKind { kCounter, kGauge };

/// One thread. Samples belong to the family that was named last.
class MetricText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;

  void family(std::string_view name, std::string_view help, MetricKind kind);
  void sample(std::initializer_list<Label> labels, int64_t value);
  void sample_real(std::initializer_list<Label> labels, double value);
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void begin_sample(std::initializer_list<Label> labels);

  std::string out_;
  std::string name_;
};

}  // namespace freshet
