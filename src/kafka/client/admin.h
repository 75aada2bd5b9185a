// Questions and orders to a Kafka cluster, through librdkafka: topics, groups, offsets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/handles.h"
#include "kafka/group_consumer.h"
#include "model/offset.h"

namespace freshet::kafka {

struct NewTopic {
  std::string name;
  int32_t partitions = 1;
  int16_t replication_factor = 1;
  std::map<std::string, std::string> config;
};

struct BrokerInfo {
  int32_t id = 0;
  std::string host;
  int32_t port = 0;
};
struct PartitionInfo {
  int32_t id = 0;
  int32_t leader = -1;  // -1: none at the moment
  std::vector<int32_t> replicas;
  std::vector<int32_t> in_sync_replicas;
};
struct TopicInfo {
  std::string name;
  std::vector<PartitionInfo> partitions;
};
struct ClusterInfo {
  std::vector<BrokerInfo> brokers;
  int32_t controller_id = -1;
  std::string cluster_id;         // empty: the cluster does not say
  std::vector<TopicInfo> topics;  // by name
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // nullopt: withheld, because it is sensitive
  bool is_default = false;
  bool is_of_topic = false;  // set on the topic itself, not inherited from the broker
  bool is_read_only = false;
  bool is_sensitive = false;
};

/// nullopt: back to the default.
using ConfigChanges = std::map<std::string, std::optional<std::string>>;

struct GroupListing {
  std::string id;
  std::string state;  // Kafka's word: "Stable", "Empty", "PreparingRebalance" …
};
struct GroupMemberInfo {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::string client_id;
  std::string host;
  std::vector<TopicPartition> assigned;
};
struct GroupDescription {
  std::string id;
  std::string state;
  std::string assignor;  // "range", …; empty without members
  BrokerInfo coordinator;
  std::vector<GroupMemberInfo> members;
};
struct CommittedOffset {
  TopicPartition tp;
  Offset offset;
  std::string metadata;
};

/// Every call blocks for at most ClientSettings::request_timeout (a call that asks several things,
/// once for each). Safe from any thread.
class Admin {
 public:
  static Result<Admin> create(const ClientSettings& client);

  /// kAlreadyExists if it does. The topic may take a moment to show up in cluster().
  Result<void> create_topic(const NewTopic& topic);
  /// kNotFound if there is none.
  Result<void> delete_topic(const std::string& name);
  /// Brokers and all topics; asking never creates one.
  Result<ClusterInfo> cluster();
  Result<TopicInfo> topic(const std::string& name);
  Result<std::vector<ConfigEntry>> topic_config(const std::string& name);
  /// Grows the topic to `total` partitions. kRefused if it has as many or more.
  Result<void> create_partitions(const std::string& topic, int32_t total);
  /// Changes these and leaves the rest as it is, whatever others change meanwhile
  /// (IncrementalAlterConfigs). Where only librdkafka can log in (Kerberos, OAuth), whose version
  /// 2.0 can only set all configs of a topic at once, they are read first, and what another client
  /// changes between the two calls is lost.
  Result<void> alter_topic_config(const std::string& topic, const ConfigChanges& changes);

  Result<std::vector<GroupListing>> groups();
  /// A group nobody knows has the state "Dead".
  Result<GroupDescription> group(const std::string& id);
  /// What the group has committed, by topic and partition.
  Result<std::vector<CommittedOffset>> committed(const std::string& group_id);
  /// Commits these in the name of the group; the cluster refuses while the group has members.
  Result<void> commit_for(const std::string& group_id, std::span<const CommittedOffset> offsets);
  /// kNotFound if there is none; the cluster refuses while it has members.
  Result<void> delete_group(const std::string& id);
  /// The cluster refuses topics that a member of the group subscribes to.
  Result<void> delete_offsets(const std::string& group_id,
                              std::span<const TopicPartition> partitions);

  /// Of each partition in the same order.
  Result<std::vector<PartitionBounds>> bounds(std::span<const TopicPartition> partitions);
  /// The first offset whose record is not older than `timestamp_ms`, of each partition in the same
  /// order; the end of the log if every record is older.
  Result<std::vector<Offset>> offsets_at(std::span<const TopicPartition> partitions,
                                         int64_t timestamp_ms);

 private:
  Admin(ClientHandle client, ClientSettings settings)
      : client_(std::move(client)),
        settings_(std::move(settings)),
        timeout_(settings_.request_timeout) {}
  Result<void> replace_topic_config(const std::string& topic,
                                    const std::map<std::string, std::string>& config);

  ClientHandle client_;
  ClientSettings settings_;
  std::chrono::milliseconds timeout_;
};

}  // namespace freshet::kafka
