// The embedded Kafka-protocol broker: one durable node that lives inside this process.
//
// A facade: it owns the log store, the topic registry, the group coordinator, the TCP server and
// the timers, starts them in order and stops them in reverse. Other modules see only this header,
// local_consumer.h and local_producer.h.
//
// Threads: every method may be called from any thread but the broker's own I/O threads; start()
// and stop() once each. Consumers and producers made here must be destroyed before the Broker.
//
// Durability: an acknowledged record, a committed offset and a created topic have been fdatasync'ed
// when the call that made them returns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/security/listener_security.h"
#include "kafka/group_consumer.h"
#include "kafka/record_producer.h"
#include "kafka/transactional_producer.h"
#include "model/offset.h"
#include "model/topic_id.h"
#include "observe/metrics.h"

namespace freshet::broker {

class Disk;

struct BrokerOptions {
  std::filesystem::path data_dir;  // made if missing; the caller holds the lock on it

  bool listen = true;  // false: only the in-process clients
  std::string host = "127.0.0.1";
  uint16_t port = 9092;         // 0 picks a free one
  std::string advertised_host;  // empty: host; what Metadata tells clients to connect to
  size_t io_threads = 2;
  /// Beyond loopback the listener starts only with TLS and authentication.
  ListenerSecurity security;

  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  bool clamp_replication_factor = true;  // false: more than 1 is INVALID_REPLICATION_FACTOR
  Millis initial_rebalance_delay{0};     // Kafka's group.initial.rebalance.delay.ms
  Millis session_timeout_min{6'000};
  Millis session_timeout_max{1'800'000};
  size_t group_members_max = 10'000;
  Millis offsets_retention{std::chrono::hours(7 * 24)};  // after a group became empty
  Millis offsets_retention_check{600'000};
  size_t topics_max = 20'000;
  size_t partitions_max = 100'000;

  Millis retention_check_interval{300'000};
  Millis compaction_check_interval{5'000};

  Millis transaction_timeout_max{900'000};  // Kafka's transaction.max.timeout.ms

  size_t append_queue_bytes_max = 64 << 20;  // accepted and not yet on disk; producers wait above
  uint64_t wal_file_bytes = uint64_t{128} << 20;      // of each write-ahead log file
  uint64_t free_bytes_min = uint64_t{64} << 20;       // below it nothing is appended
  uint64_t state_segment_bytes = uint64_t{16} << 20;  // of the logs of topics, groups, transactions
  Disk* disk = nullptr;  // outlives the broker; nullptr: the real one, tests record and fail writes

  size_t frame_bytes_max = 100 << 20;
  size_t connections_max = 10'000;
  size_t connections_per_address_max = 5'000;
  size_t request_memory_max = 64 << 20;  // bytes of requests received and not yet answered
  size_t pipelined_requests_max = 32;    // unanswered requests of one connection
  Millis connection_idle_max{600'000};
  Millis write_stall_max{60'000};  // a client that reads nothing for so long is closed
  /// A request must be complete so long after its first byte, and a second for every 64 KiB.
  Millis frame_time_max{30'000};
  Millis login_time_max{15'000};  // from the connection to the end of TLS handshake and SASL
  size_t login_frame_bytes_max = 64 << 10;   // what strangers may send at once
  Millis certificate_check_interval{5'000};  // how soon a renewed certificate is used
};

struct TopicSpec {
  std::string name;
  int32_t partitions = -1;                     // -1: BrokerOptions::default_partitions
  int16_t replication_factor = -1;             // -1: 1
  std::map<std::string, std::string> configs;  // Kafka's topic config names
};

struct TopicDescription {
  std::string name;
  TopicId id;
  int32_t partitions = 0;
  std::map<std::string, std::string> configs;  // only what was set
};

struct PartitionDescription {
  kafka::PartitionBounds bounds;
  int32_t leader_epoch = 0;
  uint64_t bytes = 0;
};

struct GroupMemberDescription {
  std::string member_id;
  std::string instance_id;  // empty: a dynamic member
  std::string client_id;
  std::string client_host;
  std::vector<TopicPartition> partitions;
};

struct GroupOffset {
  TopicPartition tp;
  Offset offset;
  std::string metadata;
};

struct GroupDescription {
  std::string group;
  std::string state;  // Kafka's names: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead
  std::string protocol_type;
  std::string protocol;
  int32_t generation = 0;
  std::vector<GroupMemberDescription> members;
  std::vector<GroupOffset> offsets;
};

struct ConsumerOptions {
  std::string group;
  std::vector<std::string> topics;
  std::string client_id = "freshet";
  /// How long after the last poll() the group takes this member's partitions away.
  Millis session_timeout{30'000};
  Millis rebalance_timeout{60'000};
  /// Not empty: a static member (Kafka's group.instance.id).
  std::string static_member_name;
};

class Broker {
 public:
  /// Recovers the log, then listens. On return clients are served. Fails with one sentence when
  /// the directory cannot be used, the log cannot be read or the port is taken.
  static Result<std::unique_ptr<Broker>> start(BrokerOptions options, Clock& clock,
                                               MetricRegistry& metrics);
  /// Calls stop() if nobody did.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// The TCP port clients connect to; 0 when BrokerOptions::listen is false.
  [[nodiscard]] uint16_t port() const;

  /// Closes connections, completes or fails what is held, writes the clean-shutdown state. Local
  /// consumers and producers answer kCancelled from now on.
  Result<void> stop();

  /// kAlreadyExists, kInvalidArgument (name, partitions, config). Durable on return.
  Result<TopicDescription> create_topic(const TopicSpec& spec);
  /// Creates it, or returns the one that is there unchanged, whatever its settings.
  Result<TopicDescription> ensure_topic(const TopicSpec& spec);
  Result<void> delete_topic(const std::string& name);
  [[nodiscard]] std::vector<TopicDescription> topics() const;
  Result<TopicDescription> topic(const std::string& name) const;
  Result<PartitionDescription> partition(const TopicPartition& tp) const;

  [[nodiscard]] std::vector<GroupDescription> groups() const;
  Result<GroupDescription> group(const std::string& name) const;

  std::unique_ptr<kafka::GroupConsumer> make_consumer(ConsumerOptions options);
  /// `client_id`: whose quota it uses.
  std::unique_ptr<kafka::RecordProducer> make_producer(std::string client_id = "freshet");
  /// Takes over the transactional id. `timeout`: after so long an open transaction is rolled back
  /// by itself.
  Result<std::unique_ptr<kafka::TransactionalProducer>> make_transactional_producer(
      std::string transactional_id, Millis timeout = Millis(60'000));

 private:
  struct State;
  explicit Broker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::broker
