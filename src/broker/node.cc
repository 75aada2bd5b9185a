#include "broker/node.h"

#include <array>
#include <utility>

namespace freshet::broker {

Node::Node(BrokerOptions options, MetricRegistry& metrics)
    : options_(std::move(options)), probe_(metrics) {}

Node::~Node() { stop(); }

Result<std::unique_ptr<Node>> Node::open(BrokerOptions options, Clock& clock,
                                         MetricRegistry& metrics) {
  std::unique_ptr<Node> node(new Node(std::move(options), metrics));
  FRESHET_TRY(node->open(clock, metrics));
  return node;
}

Result<void> Node::open(Clock& clock, MetricRegistry& metrics) {
  LogStoreOptions store_options;
  store_options.directory = options_.data_dir;
  store_options.append_queue_bytes_max = options_.append_queue_bytes_max;
  store_options.wal_file_bytes = options_.wal_file_bytes;
  store_options.free_bytes_min = options_.free_bytes_min;
  store_options.disk = options_.disk;
  store_options.clock = &clock;
  store_options.metrics = &metrics;
  FRESHET_ASSIGN(store_, LogStore::open(std::move(store_options)));

  const KeyedLog::Options state{.segment_bytes = options_.state_segment_bytes};
  FRESHET_ASSIGN(auto meta_log, TopicRegistry::ensure_internal(*store_, kMetaTopic));
  FRESHET_ASSIGN(meta_, KeyedLog::open(std::move(meta_log), state));
  FRESHET_ASSIGN(auto offsets_log, TopicRegistry::ensure_internal(*store_, kOffsetsTopic));
  FRESHET_ASSIGN(auto offsets, KeyedLog::open(std::move(offsets_log), state));
  FRESHET_ASSIGN(auto transactions_log,
                 TopicRegistry::ensure_internal(*store_, kTransactionsTopic));
  FRESHET_ASSIGN(auto transactions, KeyedLog::open(std::move(transactions_log), state));

  FRESHET_ASSIGN(producer_ids_, ProducerIds::open(*meta_));
  FRESHET_ASSIGN(users_, UserStore::open(*meta_, options_.security.users));
  FRESHET_ASSIGN(quotas_, ClientQuotas::open(*meta_, clock));
  TopicLimits limits;
  limits.default_partitions = options_.default_partitions;
  limits.clamp_replication_factor = options_.clamp_replication_factor;
  limits.topics_max = options_.topics_max;
  limits.partitions_max = options_.partitions_max;
  FRESHET_ASSIGN(topics_, TopicRegistry::open(*store_, *meta_, limits));
  CoordinatorSettings settings;
  settings.group.initial_rebalance_delay = options_.initial_rebalance_delay;
  settings.group.session_timeout_min = options_.session_timeout_min;
  settings.group.session_timeout_max = options_.session_timeout_max;
  settings.group.members_max = options_.group_members_max;
  settings.offsets_retention = options_.offsets_retention;
  FRESHET_ASSIGN(groups_, GroupCoordinator::open(std::move(offsets), settings, clock));
  std::array<Gauge*, 5> gauges{};
  for (size_t i = 0; i < gauges.size(); ++i) {
    gauges[i] = &probe_.groups_in(static_cast<GroupState>(i));
  }
  groups_->set_gauges(gauges);
  groups_->set_on_room([store = store_.get()](std::move_only_function<void()> ready) {
    store->on_room(std::move(ready));
  });
  groups_->forget_topics_unless(
      [this](const std::string& topic) { return topics_->find(topic) != nullptr; });
  TransactionSettings transaction_settings;
  transaction_settings.timeout_max = options_.transaction_timeout_max;
  FRESHET_ASSIGN(transactions_,
                 TransactionCoordinator::open(
                     std::move(transactions), transaction_settings,
                     {.store = *store_,
                      .groups = *groups_,
                      .producer_ids = *producer_ids_,
                      .clock = clock,
                      .find_partition = [topics = topics_.get()](const TopicPartition& tp) {
                        const TopicPtr topic = topics->find(tp.topic);
                        return topic ? topic->partition(tp.partition) : nullptr;
                      }}));
  services_.reset(new Services{options_, clock, *store_, *topics_, *groups_, *producer_ids_,
                               *users_, *transactions_, *quotas_, probe_});
  services_->advertised_host =
      options_.advertised_host.empty() ? options_.host : options_.advertised_host;
  return {};
}

void Node::stop() {
  if (services_) services_->stopping = true;
  if (transactions_) transactions_->stop();
  if (groups_) groups_->stop();
}

Result<void> Node::close() {
  stop();
  return store_ ? store_->close() : Result<void>();
}

}  // namespace freshet::broker
