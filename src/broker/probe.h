// The broker's metrics: owns their names and labels. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <map>

#include "broker/groups/group.h"
#include "kafka/api.h"
#include "observe/metrics.h"

namespace freshet::broker {

class BrokerProbe {
 public:
  explicit BrokerProbe(MetricRegistry& metrics);

  void request_answered(kafka::ApiKey api, std::chrono::nanoseconds took);
  void bytes_received(size_t count) { bytes_in_.increment(static_cast<double>(count)); }
  void bytes_sent(size_t count) { bytes_out_.increment(static_cast<double>(count)); }
  void connection_opened() { connections_.add(1); }
  void connection_closed() { connections_.add(-1); }
  /// A connection that was closed for what it sent, or did not read.
  void connection_refused() { refused_.increment(); }
  void request_memory(size_t bytes) { request_memory_.set(static_cast<double>(bytes)); }
  [[nodiscard]] Gauge& groups_in(GroupState state) { return *groups_[static_cast<size_t>(state)]; }

 private:
  struct Api {
    Counter* requests;
    Histogram* seconds;
  };
  std::map<kafka::ApiKey, Api> apis_;  // constant after construction
  Counter& bytes_in_;
  Counter& bytes_out_;
  Gauge& connections_;
  Counter& refused_;
  Gauge& request_memory_;
  std::array<Gauge*, 5> groups_{};
};

}  // namespace freshet::broker
