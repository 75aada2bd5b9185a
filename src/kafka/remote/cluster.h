// A Kafka cluster seen from outside: which broker leads what, and connections to them.
//
// Connections are taken for one exchange and given back; each is used by one thread at a time, so
// as many are open as threads talk to one broker at once. What is known about topics and
// coordinators is remembered until somebody finds it wrong and says forget_….
//
// A broker that hangs must not hold up what other brokers do:
//
//   answers ──an answer is overdue──> hangs: whoever wants to ask it is refused at once
//   (kUnavailable)
//      ^                                │ a thread of the cluster's own tries to connect
//      └──────── it answers, or refuses ┘
//
// Any thread. Every call ends at its deadline, by default RemoteSettings::request_timeout away.
// Errors: kUnavailable and kTimeout may be gone the next time; kNotFound, kRefused and kUnsupported
// are for people.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "kafka/messages/metadata.h"
#include "kafka/remote/broker_connection.h"
#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::kafka {

struct RemoteTopic {
  TopicId id;                    // zero: the cluster is too old to say
  std::vector<int32_t> leaders;  // by partition; -1: none at the moment
};

struct RemoteTopicSpec {
  std::string name;
  int32_t partitions = 1;
  std::map<std::string, std::string> configs;  // Kafka's topic config names
};

class Cluster {
 public:
  using Deadline = BrokerConnection::Deadline;

  /// A connection on loan; goes back when the lease ends, unless it broke.
  class Lease {
   public:
    Lease(Cluster& owner, BrokerAddress address, std::unique_ptr<BrokerConnection> connection);
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) noexcept;
    ~Lease();
    BrokerConnection* operator->() { return connection_.get(); }
    BrokerConnection& operator*() { return *connection_; }

   private:
    void give_back();
    Cluster* owner_;
    BrokerAddress address_;
    std::unique_ptr<BrokerConnection> connection_;
  };

  /// Reads the TLS files and asks one broker who the others are.
  static Result<std::shared_ptr<Cluster>> open(RemoteSettings settings);

  [[nodiscard]] const RemoteSettings& settings() const { return settings_; }
  [[nodiscard]] Deadline deadline() const {
    return std::chrono::steady_clock::now() + settings_.request_timeout;
  }

  Result<Lease> leader(const TopicPartition& tp, Deadline deadline);
  Result<Lease> coordinator(const std::string& group, Deadline deadline);
  Result<Lease> node(int32_t id, Deadline deadline);

  /// What any broker can answer: the known ones are asked one after another, then those of the
  /// bootstrap list, until one has answered.
  template <Message Response, Message Request>
  Result<Response> ask_any(const Request& request, Deadline deadline,
                           int16_t cap = BrokerConnection::kAnyVersion) {
    std::optional<Response> answer;
    FRESHET_TRY(with_any(deadline, [&](BrokerConnection& broker, Deadline until) -> Result<void> {
      FRESHET_ASSIGN(answer, broker.call<Response>(request, until, cap));
      return {};
    }));
    return std::move(*answer);
  }

  /// kNotFound: there is none. Never creates one.
  Result<RemoteTopic> topic(const std::string& name) { return topic(name, deadline()); }
  Result<RemoteTopic> topic(const std::string& name, Deadline deadline);
  /// As it is now, for everybody who asks later too.
  Result<RemoteTopic> refresh_topic(const std::string& name, Deadline deadline);
  /// The leader's number, for requests that name several partitions.
  Result<int32_t> leader_id(const TopicPartition& tp, Deadline deadline);

  /// What was remembered led to the wrong broker: asked anew at the next use.
  void forget_topic(const std::string& name);
  void forget_coordinator(const std::string& group);

  /// Creates the topic with the cluster's default replication unless it is there; returns it as it
  /// is, with leaders of all partitions.
  Result<RemoteTopic> ensure_topic(const RemoteTopicSpec& spec);

 private:
  using Exchange = std::function<Result<void>(BrokerConnection&, Deadline)>;

  explicit Cluster(RemoteSettings settings) : settings_(std::move(settings)) {}

  Result<Lease> connect(const BrokerAddress& address, Deadline deadline);
  Result<void> with_any(Deadline deadline, const Exchange& exchange);
  [[nodiscard]] std::vector<BrokerAddress> candidates();
  Result<MetadataResponse> metadata(const std::string* topic, Deadline deadline);
  Result<RemoteTopic> ask_topic(const std::string& name, Deadline deadline);
  Result<void> create_topic(const RemoteTopicSpec& spec, Deadline deadline);

  void hangs(const BrokerAddress& address);
  void try_hanging(const std::stop_token& stop);

  const RemoteSettings settings_;
  std::vector<BrokerAddress> bootstrap_;  // constant once open
  TlsClient tls_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::map<int32_t, BrokerAddress> nodes_;
  std::map<std::string, RemoteTopic> topics_;
  std::map<std::string, Deadline> made_until_;  // topics made here, that not all brokers may know
  std::map<std::string, BrokerAddress> coordinators_;
  std::map<BrokerAddress, std::vector<std::unique_ptr<BrokerConnection>>> idle_;
  std::set<BrokerAddress> hanging_;

  std::jthread prober_;  // from the first broker that hangs on; last: joined before the rest goes
};

/// What a response's code means for a caller that can try again: codes that say "ask another
/// broker" or "not now" become kUnavailable.
[[nodiscard]] Error remote_error(ErrorCode code, std::string_view what);

}  // namespace freshet::kafka
