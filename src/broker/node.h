// The broker without its network: log store, topics, groups and producer ids, opened in the right
// order from one directory. Broker puts I/O threads and timers around it; handler tests use it as
// it is.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "broker/broker.h"
#include "broker/probe.h"
#include "broker/services.h"

namespace freshet::broker {

/// Opens and closes on one thread; services() from any.
class Node {
 public:
  /// Recovers what is in BrokerOptions::data_dir. `clock` and `metrics` outlive the node.
  static Result<std::unique_ptr<Node>> open(BrokerOptions options, Clock& clock,
                                            MetricRegistry& metrics);
  /// Without close() it ends as a crash would.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] BrokerOptions& options() { return options_; }
  [[nodiscard]] Services& services() { return *services_; }

  /// Lets local clients go and answers what groups hold; nothing new is taken.
  void stop();
  /// Makes all durable and leaves the mark of a clean end.
  Result<void> close();

 private:
  Node(BrokerOptions options, MetricRegistry& metrics);
  Result<void> open(Clock& clock, MetricRegistry& metrics);

  BrokerOptions options_;
  BrokerProbe probe_;
  std::unique_ptr<LogStore> store_;
  std::unique_ptr<KeyedLog> meta_;
  std::unique_ptr<ProducerIds> producer_ids_;
  std::unique_ptr<UserStore> users_;
  std::unique_ptr<ClientQuotas> quotas_;
  std::unique_ptr<TopicRegistry> topics_;
  std::unique_ptr<GroupCoordinator> groups_;
  std::unique_ptr<TransactionCoordinator> transactions_;
  std::unique_ptr<Services> services_;
};

}  // namespace freshet::broker
