#include "kafka/remote/cluster.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "io/thread_name.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/find_coordinator.h"

namespace freshet::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kIdlePerBroker = 16;
constexpr size_t kHostBytesMax = 255;
constexpr milliseconds kNewTopicPoll{20};
constexpr milliseconds kProbePause{250};
/// How long after a topic was made a broker may not have heard of it.
constexpr std::chrono::seconds kHeardWithin{30};
/// Of the time for a question, each of several brokers gets at least this part of what is left.
constexpr size_t kSharesMax = 3;
/// From version 4 on several groups are asked for at once.
constexpr int16_t kFindOneCoordinator = 3;

/// What a broker says about where another one is.
Result<BrokerAddress> address_of(const std::string& host, int32_t port) {
  if (host.empty() || host.size() > kHostBytesMax || port < 1 || port > 65'535) {
    return fail(Errc::kUnavailable,
                "Kafka names the address '{}:{}', which is none; check advertised.listeners of its "
                "brokers",
                host.substr(0, kHostBytesMax), port);
  }
  return BrokerAddress{host, static_cast<uint16_t>(port)};
}

Result<std::vector<BrokerAddress>> addresses_of(std::string_view bootstrap) {
  std::vector<BrokerAddress> addresses;
  std::string_view rest = bootstrap;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view one = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    const size_t colon = one.rfind(':');
    uint16_t port = 0;
    const std::string_view digits = colon == one.npos ? "" : one.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    std::string_view host = one.substr(0, std::min(colon, one.size()));
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty() || parsed.ec != std::errc() || port == 0 ||
        parsed.ptr != digits.data() + digits.size()) {
      return fail(Errc::kInvalidArgument,
                  "bootstrap: '{}' is not an address; expected host:port, such as k1:9092", one);
    }
    addresses.push_back({std::string(host), port});
  }
  return addresses;
}

/// Whether every partition of the topic can be worked with.
bool is_complete(const RemoteTopic& topic) {
  return !topic.leaders.empty() && std::ranges::find(topic.leaders, -1) == topic.leaders.end();
}

}  // namespace

Error remote_error(ErrorCode code, std::string_view what) {
  Error error = to_error(code).with_context(what);
  if (is_retriable(code) && !is_retriable(error.code())) {
    return Error(Errc::kUnavailable, error.message());
  }
  return error;
}

// ---- connections

Cluster::Lease::Lease(Cluster& owner, BrokerAddress address,
                      std::unique_ptr<BrokerConnection> connection)
    : owner_(&owner), address_(std::move(address)), connection_(std::move(connection)) {}

Cluster::Lease& Cluster::Lease::operator=(Lease&& other) noexcept {
  give_back();
  owner_ = other.owner_;
  address_ = std::move(other.address_);
  connection_ = std::move(other.connection_);
  return *this;
}

Cluster::Lease::~Lease() { give_back(); }

void Cluster::Lease::give_back() {
  if (connection_ == nullptr) return;
  if (connection_->timed_out()) return owner_->hangs(address_);
  if (!connection_->usable()) return;
  const std::lock_guard lock(owner_->mutex_);
  if (owner_->hanging_.contains(address_)) return;
  auto& idle = owner_->idle_[address_];
  if (idle.size() < kIdlePerBroker) idle.push_back(std::move(connection_));
}

Result<std::shared_ptr<Cluster>> Cluster::open(RemoteSettings settings) {
  std::shared_ptr<Cluster> cluster(new Cluster(std::move(settings)));
  FRESHET_ASSIGN(cluster->bootstrap_, addresses_of(cluster->settings_.bootstrap));
  FRESHET_ASSIGN(cluster->tls_, make_tls_client(cluster->settings_.tls));
  FRESHET_TRY(cluster->metadata(nullptr, cluster->deadline()));
  return cluster;
}

Result<Cluster::Lease> Cluster::connect(const BrokerAddress& address, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (hanging_.contains(address)) {
      return fail(Errc::kUnavailable, "Kafka broker {} does not answer", address.display());
    }
    auto& idle = idle_[address];
    while (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      if (connection->usable()) return Lease(*this, address, std::move(connection));
    }
  }
  auto connection = BrokerConnection::open(address, settings_, tls_, deadline);
  if (!connection) {
    if (connection.error().code() == Errc::kTimeout) hangs(address);
    return std::unexpected(std::move(connection).error());
  }
  return Lease(*this, address, std::move(*connection));
}

void Cluster::hangs(const BrokerAddress& address) {
  const std::lock_guard lock(mutex_);
  hanging_.insert(address);
  idle_.erase(address);
  if (!prober_.joinable()) {
    prober_ = std::jthread([this](const std::stop_token& stop) {
      io::name_this_thread("kafka.probe", 0);
      try_hanging(stop);
    });
  }
  changed_.notify_all();
}

void Cluster::try_hanging(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, stop, [&] { return !hanging_.empty(); });
    if (stop.stop_requested()) return;
    const std::vector<BrokerAddress> all(hanging_.begin(), hanging_.end());
    for (const BrokerAddress& address : all) {
      lock.unlock();
      auto connection = BrokerConnection::open(address, settings_, tls_,
                                               steady_clock::now() + settings_.connect_timeout);
      lock.lock();
      if (stop.stop_requested()) return;
      // One that refuses does so at once: it holds nobody up.
      if (!connection && connection.error().code() == Errc::kTimeout) continue;
      hanging_.erase(address);
      if (connection) idle_[address].push_back(std::move(*connection));
    }
    changed_.wait_for(lock, stop, kProbePause, [] { return false; });
  }
}

std::vector<BrokerAddress> Cluster::candidates() {
  std::vector<BrokerAddress> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, address] : nodes_) all.push_back(address);
  for (const auto& address : bootstrap_) {
    if (std::ranges::find(all, address) == all.end()) all.push_back(address);
  }
  // Those that hang come last: they are refused at once, but nothing else may be left.
  std::vector<BrokerAddress> last;
  std::erase_if(all, [&](const BrokerAddress& address) {
    if (!hanging_.contains(address)) return false;
    last.push_back(address);
    return true;
  });
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

Result<void> Cluster::with_any(Deadline deadline, const Exchange& exchange) {
  const auto all = candidates();
  std::string reasons;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto now = steady_clock::now();
    if (i > 0 && now >= deadline) break;
    const auto shares = static_cast<int>(std::min(all.size() - i, kSharesMax));
    const Deadline until = now + (deadline - now) / shares;
    auto lease = connect(all[i], until);
    Result<void> asked;
    if (lease) {
      asked = exchange(**lease, until);
    } else {
      asked = std::unexpected(std::move(lease).error());
    }
    if (asked || !is_retriable(asked.error().code())) return asked;
    if (reasons.find(asked.error().message()) == std::string::npos) {
      reasons += (reasons.empty() ? "" : "; ") + asked.error().message();
    }
  }
  return fail(Errc::kUnavailable,
              "no Kafka broker answers at {}: {}; check the address and that it is running there",
              settings_.bootstrap, reasons);
}

Result<Cluster::Lease> Cluster::node(int32_t id, Deadline deadline) {
  BrokerAddress address;
  {
    const std::lock_guard lock(mutex_);
    const auto known = nodes_.find(id);
    if (known == nodes_.end()) {
      topics_.clear();
      return fail(Errc::kUnavailable, "Kafka broker {} is not in the cluster now", id);
    }
    address = known->second;
  }
  auto lease = connect(address, deadline);
  if (!lease) {
    // Perhaps others lead now.
    const std::lock_guard lock(mutex_);
    topics_.clear();
  }
  return lease;
}

Result<Cluster::Lease> Cluster::leader(const TopicPartition& tp, Deadline deadline) {
  FRESHET_ASSIGN(const int32_t id, leader_id(tp, deadline));
  return node(id, deadline);
}

Result<Cluster::Lease> Cluster::coordinator(const std::string& group, Deadline deadline) {
  BrokerAddress address;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = coordinators_.find(group); known != coordinators_.end()) {
      address = known->second;
    }
  }
  if (address.host.empty()) {
    FindCoordinatorRequest request;
    request.key = group;
    FRESHET_ASSIGN(const auto answer,
                   ask_any<FindCoordinatorResponse>(request, deadline, kFindOneCoordinator));
    if (answer.error_code != ErrorCode::kNone) {
      return std::unexpected(remote_error(answer.error_code, "coordinator of group " + group));
    }
    FRESHET_ASSIGN_CONTEXT(address, address_of(answer.host, answer.port), "coordinator of group {}",
                           group);
    const std::lock_guard lock(mutex_);
    coordinators_[group] = address;
  }
  auto lease = connect(address, deadline);
  if (!lease) forget_coordinator(group);
  return lease;
}

void Cluster::forget_coordinator(const std::string& group) {
  const std::lock_guard lock(mutex_);
  coordinators_.erase(group);
}

// ---- topics

Result<MetadataResponse> Cluster::metadata(const std::string* topic, Deadline deadline) {
  MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics.emplace();
  if (topic != nullptr) {
    request.topics->emplace_back();
    request.topics->back().name = *topic;
  }
  FRESHET_ASSIGN(auto answer, ask_any<MetadataResponse>(request, deadline));
  const std::lock_guard lock(mutex_);
  nodes_.clear();
  for (const auto& node : answer.brokers) {
    // One that names no address cannot be asked; the others may do without it.
    if (auto address = address_of(node.host, node.port)) nodes_[node.node_id] = std::move(*address);
  }
  return answer;
}

Result<RemoteTopic> Cluster::refresh_topic(const std::string& name, Deadline deadline) {
  auto found = ask_topic(name, deadline);
  if (found || found.error().code() != Errc::kNotFound) return found;
  const std::lock_guard lock(mutex_);
  const auto made = made_until_.find(name);
  if (made == made_until_.end() || steady_clock::now() >= made->second) return found;
  return fail(Errc::kUnavailable, "topic {} is so new that not every broker knows it", name);
}

Result<RemoteTopic> Cluster::ask_topic(const std::string& name, Deadline deadline) {
  FRESHET_ASSIGN(const auto answer, metadata(&name, deadline));
  if (answer.topics.size() != 1) {
    return fail(Errc::kInternal, "Kafka answers {} topics when asked for {}", answer.topics.size(),
                name);
  }
  const auto& found = answer.topics.front();
  if (found.error_code != ErrorCode::kNone) forget_topic(name);
  if (found.error_code == ErrorCode::kUnknownTopicOrPartition) {
    return fail(Errc::kNotFound, "topic {} does not exist", name);
  }
  if (found.error_code != ErrorCode::kNone) {
    return std::unexpected(remote_error(found.error_code, "topic " + name));
  }
  RemoteTopic topic{.id = found.topic_id, .leaders = {}};
  topic.leaders.resize(found.partitions.size(), -1);
  for (const auto& partition : found.partitions) {
    const auto index = static_cast<size_t>(partition.partition_index);
    if (partition.partition_index < 0 || index >= found.partitions.size()) {
      return fail(Errc::kInternal, "topic {}: Kafka names partition {} of {}", name,
                  partition.partition_index, found.partitions.size());
    }
    topic.leaders[index] = partition.leader_id;
  }
  const std::lock_guard lock(mutex_);
  topics_[name] = topic;
  return topic;
}

Result<RemoteTopic> Cluster::topic(const std::string& name, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = topics_.find(name); known != topics_.end()) return known->second;
  }
  return refresh_topic(name, deadline);
}

Result<int32_t> Cluster::leader_id(const TopicPartition& tp, Deadline deadline) {
  const auto index = static_cast<size_t>(tp.partition);
  const auto leader_in = [&](const RemoteTopic& topic) -> std::optional<int32_t> {
    if (tp.partition < 0 || index >= topic.leaders.size()) return std::nullopt;
    return topic.leaders[index];
  };
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = topics_.find(tp.topic); known != topics_.end()) {
      if (const auto leader = leader_in(known->second); leader && *leader >= 0) return *leader;
    }
  }
  FRESHET_ASSIGN(const auto found, refresh_topic(tp.topic, deadline));
  const auto leader = leader_in(found);
  if (!leader) return fail(Errc::kNotFound, "partition {} does not exist", tp);
  if (*leader < 0) return fail(Errc::kUnavailable, "partition {} has no leader now", tp);
  return *leader;
}

void Cluster::forget_topic(const std::string& name) {
  const std::lock_guard lock(mutex_);
  topics_.erase(name);
}

Result<void> Cluster::create_topic(const RemoteTopicSpec& spec, Deadline deadline) {
  CreateTopicsRequest request;
  request.timeout_ms = static_cast<int32_t>(settings_.request_timeout.count() / 4 * 3);
  auto& topic = request.topics.emplace_back();
  topic.name = spec.name;
  topic.num_partitions = spec.partitions;
  topic.replication_factor = -1;
  for (const auto& [name, value] : spec.configs) {
    auto& config = topic.configs.emplace_back();
    config.name = name;
    config.value = value;
  }
  FRESHET_ASSIGN(const auto known, metadata(nullptr, deadline));
  if (known.controller_id < 0) {
    return fail(Errc::kUnavailable, "Kafka has no controller now; topic {} cannot be created",
                spec.name);
  }
  FRESHET_ASSIGN(auto controller, node(known.controller_id, deadline));
  FRESHET_ASSIGN(const auto answer, controller->call<CreateTopicsResponse>(request, deadline));
  if (answer.topics.size() != 1) return fail(Errc::kInternal, "Kafka answers no topic");
  const auto& made = answer.topics.front();
  if (made.error_code == ErrorCode::kNone || made.error_code == ErrorCode::kTopicAlreadyExists) {
    const std::lock_guard lock(mutex_);
    made_until_[spec.name] = steady_clock::now() + kHeardWithin;
    return {};
  }
  return std::unexpected(
      remote_error(made.error_code,
                   fmt::format("topic {} cannot be created{}{}", spec.name,
                               made.error_message ? ": " : "", made.error_message.value_or(""))));
}

Result<RemoteTopic> Cluster::ensure_topic(const RemoteTopicSpec& spec) {
  const auto until = deadline();
  while (true) {
    auto found = ask_topic(spec.name, until);
    if (found && is_complete(*found)) return found;
    if (!found && found.error().code() == Errc::kNotFound) {
      auto made = create_topic(spec, until);
      // Whoever was asked may not have heard of it yet; to make it again does no harm.
      found = std::unexpected(made ? Error(Errc::kUnavailable, found.error().message())
                                   : std::move(made).error());
    }
    if (!found && !is_retriable(found.error().code())) return found;
    if (steady_clock::now() >= until) {
      if (!found) return found;
      return fail(Errc::kTimeout, "topic {}: not every partition has a leader", spec.name);
    }
    std::this_thread::sleep_for(kNewTopicPoll);
  }
}

}  // namespace freshet::kafka
