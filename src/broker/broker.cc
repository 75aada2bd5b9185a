#include "broker/broker.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <utility>

#include "broker/exporter_metrics.h"
#include "broker/local_consumer.h"
#include "broker/local_producer.h"
#include "broker/local_transactional_producer.h"
#include "broker/node.h"
#include "broker/server.h"
#include "io/io_threads.h"
#include "io/worker_pool.h"
#include "kafka/consumer_protocol.h"
#include "observe/log.h"

namespace freshet::broker {

namespace asio = boost::asio;

namespace {

const Logger logger("broker");

/// Descriptors that segments, the write-ahead log and the rest of the program may need.
constexpr size_t kDescriptorsKept = 512;

/// Clients may hold many sockets; the soft limit of most systems (1,024) would starve the log.
size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  rlimit wanted = limit;
  wanted.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1 << 16);
  if (wanted.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  return static_cast<size_t>(limit.rlim_cur);
}

TopicDescription describe(const Topic& topic) {
  return {topic.name, topic.id, static_cast<int32_t>(topic.partitions.size()), topic.configs};
}

GroupDescription describe(const GroupSnapshot& group) {
  GroupDescription out;
  out.group = group.group;
  out.state = group_state_name(group.state);
  out.protocol_type = group.protocol_type;
  out.protocol = group.protocol;
  out.generation = group.generation;
  for (const auto& member : group.members) {
    GroupMemberDescription copy;
    copy.member_id = member.id;
    copy.instance_id = member.instance_id.value_or("");
    copy.client_id = member.client_id;
    copy.client_host = member.client_host;
    if (group.protocol_type == kafka::kConsumerProtocolType) {
      if (const auto assignment = kafka::decode_assignment(member.assignment)) {
        copy.partitions = kafka::one_by_one(assignment->assigned_partitions);
      }
    }
    out.members.push_back(std::move(copy));
  }
  return out;
}

}  // namespace

struct Broker::State {
  State(Clock& broker_clock, MetricRegistry& registry, size_t io_threads)
      : clock(broker_clock),
        metrics(registry),
        threads("broker", std::max<size_t>(io_threads, 1)),
        group_timer(threads.at(0)),
        transaction_timer(threads.at(0)),
        retention_timer(threads.at(0)),
        compaction_timer(threads.at(0)),
        expiry_timer(threads.at(0)),
        certificate_timer(threads.at(0)),
        chores({.name = "broker.chores"}),
        compactor({.name = "broker.compact"}) {}

  Result<void> listen();
  void wake_groups_at(SteadyTime at);
  void wake_transactions_at(SteadyTime at);
  void apply_retention_later();
  void compact_later();
  void expire_offsets_later();
  void renew_certificate_later();
  Result<void> stop();
  [[nodiscard]] Services& services() const { return node->services(); }

  Clock& clock;
  MetricRegistry& metrics;
  uint64_t exporter = 0;  // our source in metrics, once there
  // Before all that posts to it: replies may come as late as the log store's destruction.
  io::IoThreads threads;
  asio::steady_timer group_timer;
  asio::steady_timer transaction_timer;
  asio::steady_timer retention_timer;
  asio::steady_timer compaction_timer;
  asio::steady_timer expiry_timer;
  asio::steady_timer certificate_timer;
  io::WorkerPool chores;     // what blocks and nobody waits for
  io::WorkerPool compactor;  // the same for what may take minutes
  // Ends after the node, whose last callbacks answer through it.
  std::unique_ptr<Server> server;
  std::unique_ptr<Node> node;
  std::atomic<bool> stopped = false;
};

Result<void> Broker::State::listen() {
  BrokerOptions& options = node->options();
  if (!options.listen) return {};
  const size_t descriptors = raise_descriptor_limit();
  const size_t kept = std::min(kDescriptorsKept, descriptors / 2);
  options.connections_max = std::min(options.connections_max, descriptors - kept);
  options.connections_per_address_max =
      std::min(options.connections_per_address_max, options.connections_max);
  FRESHET_ASSIGN(server, Server::start(services(), threads));
  logger.info("serving Kafka clients",
              kv("address", fmt::format("{}:{}", options.host, server->port())),
              kv("topics", services().topics.list().size()));
  return {};
}

void Broker::State::wake_groups_at(SteadyTime at) {
  asio::post(threads.at(0), [this, at] {
    group_timer.expires_after(std::max(SteadyTime::duration::zero(), at - clock.steady()));
    group_timer.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopped) services().groups.tick();
    });
  });
}

void Broker::State::wake_transactions_at(SteadyTime at) {
  asio::post(threads.at(0), [this, at] {
    transaction_timer.expires_after(std::max(SteadyTime::duration::zero(), at - clock.steady()));
    transaction_timer.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopped) services().transactions.tick();
    });
  });
}

void Broker::State::apply_retention_later() {
  retention_timer.expires_after(node->options().retention_check_interval);
  retention_timer.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped) return;
    chores.post([this] {
      services().store.apply_retention();
      services().transactions.expire_ids();
    });
    apply_retention_later();
  });
}

void Broker::State::expire_offsets_later() {
  expiry_timer.expires_after(node->options().offsets_retention_check);
  expiry_timer.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped) return;
    chores.post([this] { services().groups.expire_offsets(); });
    expire_offsets_later();
  });
}

void Broker::State::compact_later() {
  compaction_timer.expires_after(node->options().compaction_check_interval);
  compaction_timer.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped) return;
    compactor.post([this] {
      services().store.compact([this] { return stopped.load(); });
      // The next look comes that long after the end of this one.
      asio::post(threads.at(0), [this] {
        if (!stopped) compact_later();
      });
    });
  });
}

void Broker::State::renew_certificate_later() {
  if (!server || !server->has_certificate()) return;
  certificate_timer.expires_after(node->options().certificate_check_interval);
  certificate_timer.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped) return;
    chores.post([this] { server->renew_certificate(); });
    renew_certificate_later();
  });
}

Result<void> Broker::State::stop() {
  if (stopped.exchange(true) || !node) return {};
  services().stopping = true;
  if (exporter != 0) metrics.remove_source(exporter);
  if (server) server->stop();
  node->stop();
  threads.stop();
  chores.stop();
  compactor.stop();
  return node->close();
}

Broker::Broker(std::unique_ptr<State> state) : state_(std::move(state)) {}

Broker::~Broker() {
  if (auto stopped = stop(); !stopped) {
    logger.error("the log was not closed cleanly; the next start recovers it",
                 kv("error", stopped.error()));
  }
}

Result<std::unique_ptr<Broker>> Broker::start(BrokerOptions options, Clock& clock,
                                              MetricRegistry& metrics) {
  auto state = std::make_unique<State>(clock, metrics, options.io_threads);
  FRESHET_ASSIGN(state->node, Node::open(std::move(options), clock, metrics));
  State* const raw = state.get();
  raw->services().groups.set_wake_at([raw](SteadyTime at) { raw->wake_groups_at(at); });
  raw->services().transactions.set_wake_at([raw](SteadyTime at) { raw->wake_transactions_at(at); });
  auto broker = std::unique_ptr<Broker>(new Broker(std::move(state)));
  raw->exporter = metrics.add_source(
      [raw](MetricText& text) { write_exporter_metrics(raw->services(), text); });
  FRESHET_TRY(raw->listen());
  broker->state_->apply_retention_later();
  broker->state_->compact_later();
  broker->state_->expire_offsets_later();
  broker->state_->renew_certificate_later();
  return broker;
}

Result<void> Broker::stop() { return state_->stop(); }

uint16_t Broker::port() const { return state_->server ? state_->server->port() : 0; }

// ---- topics

namespace {

/// Blocks until the callback that `start` was given has run.
template <class T, class Start>
T wait_for(Start start) {
  std::promise<T> promise;
  auto future = promise.get_future();
  // The callback owns the promise: the waiting side may be gone before set_value() has returned.
  start([promise = std::move(promise)](T value) mutable { promise.set_value(std::move(value)); });
  return future.get();
}

}  // namespace

Result<TopicDescription> Broker::create_topic(const TopicSpec& spec) {
  FRESHET_ASSIGN(const TopicPtr topic, wait_for<Result<TopicPtr>>([&](auto done) {
                   state_->services().topics.create(spec, std::move(done));
                 }));
  return describe(*topic);
}

Result<TopicDescription> Broker::ensure_topic(const TopicSpec& spec) {
  FRESHET_ASSIGN(const TopicPtr topic, wait_for<Result<TopicPtr>>([&](auto done) {
                   state_->services().topics.ensure(spec, std::move(done));
                 }));
  return describe(*topic);
}

Result<void> Broker::delete_topic(const std::string& name) {
  FRESHET_TRY(wait_for<Result<void>>(
      [&](auto done) { state_->services().topics.remove(name, std::move(done)); }));
  state_->services().groups.forget_topics({&name, 1});
  return {};
}

std::vector<TopicDescription> Broker::topics() const {
  std::vector<TopicDescription> all;
  for (const TopicPtr& topic : state_->services().topics.list()) {
    if (!topic->internal) all.push_back(describe(*topic));
  }
  return all;
}

Result<TopicDescription> Broker::topic(const std::string& name) const {
  const TopicPtr topic = state_->services().topics.find(name);
  if (!topic) return fail(Errc::kNotFound, "topic {} does not exist", name);
  return describe(*topic);
}

Result<PartitionDescription> Broker::partition(const TopicPartition& tp) const {
  const TopicPtr topic = state_->services().topics.find(tp.topic);
  const PartitionLogPtr log = topic ? topic->partition(tp.partition) : nullptr;
  if (!log) return fail(Errc::kNotFound, "partition {} does not exist", tp);
  return PartitionDescription{
      {log->log_start(), log->high_watermark()}, log->leader_epoch(), log->size_bytes()};
}

// ---- groups

std::vector<GroupDescription> Broker::groups() const {
  std::vector<GroupDescription> all;
  for (const GroupSnapshot& group : state_->services().groups.list())
    all.push_back(describe(group));
  return all;
}

Result<GroupDescription> Broker::group(const std::string& name) const {
  const GroupSnapshot snapshot = state_->services().groups.describe(name);
  if (snapshot.state == GroupState::kDead) {
    return fail(Errc::kNotFound, "group {} does not exist", name);
  }
  GroupDescription out = describe(snapshot);
  auto offsets = wait_for<std::vector<FetchedOffset>>(
      [&](auto done) { state_->services().groups.fetch(name, std::nullopt, std::move(done)); });
  for (FetchedOffset& offset : offsets) {
    out.offsets.push_back(
        {std::move(offset.tp), offset.committed.offset, std::move(offset.committed.metadata)});
  }
  return out;
}

std::unique_ptr<kafka::GroupConsumer> Broker::make_consumer(ConsumerOptions options) {
  return std::make_unique<LocalConsumer>(state_->services(), std::move(options));
}

std::unique_ptr<kafka::RecordProducer> Broker::make_producer(std::string client_id) {
  return std::make_unique<LocalProducer>(state_->services(), std::move(client_id));
}

Result<std::unique_ptr<kafka::TransactionalProducer>> Broker::make_transactional_producer(
    std::string transactional_id, Millis timeout) {
  return LocalTransactionalProducer::make(state_->services(), std::move(transactional_id), timeout);
}

}  // namespace freshet::broker
