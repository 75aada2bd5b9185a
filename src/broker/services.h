// What request handlers and in-process clients work on. Owned by Broker, which outlives them all.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/groups/group_coordinator.h"
#include "broker/probe.h"
#include "broker/producer_ids.h"
#include "broker/quotas/client_quotas.h"
#include "broker/security/user_store.h"
#include "broker/storage/log_store.h"
#include "broker/topic_registry.h"
#include "broker/transactions/transaction_coordinator.h"

namespace freshet::broker {

/// The one node; its id never changes.
inline constexpr int32_t kNodeId = 1;

struct Services {
  const BrokerOptions& options;
  Clock& clock;
  LogStore& store;
  TopicRegistry& topics;
  GroupCoordinator& groups;
  ProducerIds& producer_ids;
  UserStore& users;
  TransactionCoordinator& transactions;
  ClientQuotas& quotas;
  BrokerProbe& probe;
  std::string advertised_host{};
  std::atomic<uint16_t> advertised_port = 0;
  std::atomic<bool> stopping = false;
};

}  // namespace freshet::broker
