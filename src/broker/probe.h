// The broker's metrics: owns their names and labels. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

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
  /// `where`: "tls" or "sasl".
  void login_failed(std::string_view where) {
    (where == "tls" ? tls_failed_ : sasl_failed_).increment();
  }
  void request_memory(size_t bytes) { request_memory_.set(static_cast<double>(bytes)); }
  [[nodiscard]] Gauge& groups_in(GroupState state) { return *groups_[static_cast<size_t>(state)]; }

 private:
  struct Api {
    Counter* requests = nullptr;
    Histogram* seconds = nullptr;
  };
  static constexpr size_t kApiKeysMax =
      static_cast<size_t>(std::ranges::max(kafka::kApis, {}, &kafka::ApiInfo::key).key) + 1;
  std::array<Api, kApiKeysMax> apis_{};  // by key; constant after construction
  Counter& bytes_in_;
  Counter& bytes_out_;
  Gauge& connections_;
  Counter& refused_;
  Counter& tls_failed_;
  Counter& sasl_failed_;
  Gauge& request_memory_;
  std::array<Gauge*, 5> groups_{};
};

}  // namespace freshet::broker
