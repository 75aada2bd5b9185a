// What members of a classic consumer group say to each other through JoinGroup and SyncGroup: the
// blobs of protocol type "consumer" (ConsumerProtocolSubscription and -Assignment of Apache Kafka),
// which a coordinator carries without looking inside, and the assignors a group leader runs.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/wire/schema.h"
#include "model/offset.h"

namespace freshet::kafka {

/// JoinGroup's protocol_type of consumers.
inline constexpr std::string_view kConsumerProtocolType = "consumer";

struct TopicPartitions {
  std::string topic;
  std::vector<int32_t> partitions;

  static constexpr auto schema() {
    return std::array{
        wire::field<&TopicPartitions::topic>("topic"),
        wire::field<&TopicPartitions::partitions>("partitions"),
    };
  }
  bool operator==(const TopicPartitions&) const = default;
};

/// What a member wants: the metadata of its protocols in JoinGroup.
struct Subscription {
  std::vector<std::string> topics;
  std::optional<std::string> user_data;           // meaning private to the assignor
  std::vector<TopicPartitions> owned_partitions;  // of its last generation
  int32_t generation_id = -1;
  std::optional<std::string> rack_id;

  static constexpr auto schema() {
    return std::array{
        wire::field<&Subscription::topics>("topics"),
        wire::bytes<&Subscription::user_data>("user_data").nullable(),
        wire::field<&Subscription::owned_partitions>("owned_partitions", wire::since(1)),
        wire::field<&Subscription::generation_id>("generation_id", wire::since(2)),
        wire::field<&Subscription::rack_id>("rack_id", wire::since(3)).nullable(),
    };
  }
  bool operator==(const Subscription&) const = default;
};

/// What a member gets from the leader, through SyncGroup.
struct Assignment {
  std::vector<TopicPartitions> assigned_partitions;
  std::optional<std::string> user_data;

  static constexpr auto schema() {
    return std::array{
        wire::field<&Assignment::assigned_partitions>("assigned_partitions"),
        wire::bytes<&Assignment::user_data>("user_data").nullable(),
    };
  }
  bool operator==(const Assignment&) const = default;
};

/// `version` 0 to 3; every client in use reads 1, and the beginning of later ones.
[[nodiscard]] std::string encode_subscription(const Subscription& subscription,
                                              int16_t version = 1);
/// Versions above 3 are read as 3, as Apache Kafka does.
Result<Subscription> decode_subscription(std::string_view blob);

[[nodiscard]] std::string encode_assignment(const Assignment& assignment, int16_t version = 0);
/// An empty blob is an empty assignment: a member for whom the leader sent nothing.
Result<Assignment> decode_assignment(std::string_view blob);

/// One member as an assignor sees it.
struct GroupMember {
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::vector<std::string> topics;
  // What it says it owns, and since which generation: for assignors that look at it.
  std::vector<TopicPartition> owned = {};
  int32_t generation = -1;
};
/// By member id; every member has an entry, possibly empty.
using GroupAssignment = std::map<std::string, std::vector<TopicPartition>>;
/// Partition counts by topic; topics that nobody knows are simply missing.
using PartitionCounts = std::map<std::string, int32_t>;

/// Per topic, consecutive partitions to the members in order; the first ones get one more. The
/// "range" of Apache Kafka, without its preference for equal racks.
[[nodiscard]] GroupAssignment assign_range(std::span<const GroupMember> members,
                                           const PartitionCounts& partition_counts);
/// All partitions of all topics dealt out in turn. The "roundrobin" of Apache Kafka.
[[nodiscard]] GroupAssignment assign_round_robin(std::span<const GroupMember> members,
                                                 const PartitionCounts& partition_counts);

/// The assignor of a name in JoinGroup ("range", "roundrobin", "cooperative-sticky"); nullptr if
/// this build has none.
using Assignor = GroupAssignment (*)(std::span<const GroupMember>, const PartitionCounts&);
[[nodiscard]] Assignor find_assignor(std::string_view protocol_name);

/// Between the two shapes that protocol and assignors use.
[[nodiscard]] std::vector<TopicPartitions> by_topic(std::span<const TopicPartition> partitions);
[[nodiscard]] std::vector<TopicPartition> one_by_one(std::span<const TopicPartitions> topics);

}  // namespace freshet::kafka
