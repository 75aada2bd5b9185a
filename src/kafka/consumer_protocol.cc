#include "kafka/consumer_protocol.h"

#include <algorithm>

#include "base/check.h"
#include "kafka/sticky_assignor.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

constexpr int16_t kVersionMax = 3;

template <class T>
std::string encode_blob(const T& blob, int16_t version) {
  FRESHET_CHECK(version >= 0 && version <= kVersionMax, "version {}", version);
  wire::Writer writer;
  writer.fixed(version);
  wire::encode_struct(wire::kMessageType<T>, &blob, version, /*flexible=*/false, writer);
  return std::move(writer).finish().flatten();
}

template <class T>
Result<T> decode_blob(std::string_view bytes, std::string_view what) {
  wire::Reader reader(bytes);
  const auto version = reader.fixed<int16_t>();
  if (version < 0) reader.fail(Errc::kCorrupt, fmt::format("version {} is negative", version));
  T blob;
  FRESHET_TRY_CONTEXT(
      wire::decode_struct(wire::kMessageType<T>, reader, std::min(version, kVersionMax),
                          /*flexible=*/false, &blob),
      "consumer protocol {}", what);
  return blob;
}

// Static members by instance id before the others by member id: after a restart a static member
// has a new member id but keeps its place.
bool comes_before(const GroupMember* a, const GroupMember* b) {
  if (a->group_instance_id.has_value() != b->group_instance_id.has_value()) {
    return a->group_instance_id.has_value();
  }
  if (a->group_instance_id) return *a->group_instance_id < *b->group_instance_id;
  return a->member_id < b->member_id;
}

std::vector<const GroupMember*> in_order(std::span<const GroupMember> members) {
  std::vector<const GroupMember*> order;
  order.reserve(members.size());
  for (const auto& member : members) order.push_back(&member);
  std::ranges::sort(order, comes_before);
  return order;
}

GroupAssignment empty_assignment(std::span<const GroupMember> members) {
  GroupAssignment assignment;
  for (const auto& member : members) assignment[member.member_id];
  return assignment;
}

bool subscribes(const GroupMember& member, const std::string& topic) {
  return std::ranges::find(member.topics, topic) != member.topics.end();
}

}  // namespace

std::string encode_subscription(const Subscription& subscription, int16_t version) {
  return encode_blob(subscription, version);
}

Result<Subscription> decode_subscription(std::string_view blob) {
  return decode_blob<Subscription>(blob, "subscription");
}

std::string encode_assignment(const Assignment& assignment, int16_t version) {
  return encode_blob(assignment, version);
}

Result<Assignment> decode_assignment(std::string_view blob) {
  if (blob.empty()) return Assignment();
  return decode_blob<Assignment>(blob, "assignment");
}

GroupAssignment assign_range(std::span<const GroupMember> members,
                             const PartitionCounts& partition_counts) {
  auto assignment = empty_assignment(members);
  const auto order = in_order(members);
  for (const auto& [topic, partition_count] : partition_counts) {
    std::vector<const GroupMember*> takers;
    for (const auto* member : order) {
      if (subscribes(*member, topic)) takers.push_back(member);
    }
    if (takers.empty()) continue;
    const auto taker_count = static_cast<int32_t>(takers.size());
    int32_t next = 0;
    for (int32_t i = 0; i < taker_count; ++i) {
      const int32_t share =
          partition_count / taker_count + (i < partition_count % taker_count ? 1 : 0);
      for (int32_t end = next + share; next < end; ++next) {
        assignment[takers[static_cast<size_t>(i)]->member_id].push_back({topic, next});
      }
    }
  }
  return assignment;
}

GroupAssignment assign_round_robin(std::span<const GroupMember> members,
                                   const PartitionCounts& partition_counts) {
  auto assignment = empty_assignment(members);
  const auto order = in_order(members);
  size_t turn = 0;
  for (const auto& [topic, partition_count] : partition_counts) {
    if (std::ranges::none_of(order, [&](const auto* m) { return subscribes(*m, topic); })) continue;
    for (int32_t partition = 0; partition < partition_count; ++partition) {
      while (!subscribes(*order[turn % order.size()], topic)) ++turn;
      assignment[order[turn % order.size()]->member_id].push_back({topic, partition});
      ++turn;
    }
  }
  return assignment;
}

Assignor find_assignor(std::string_view protocol_name) {
  if (protocol_name == "range") return assign_range;
  if (protocol_name == "roundrobin") return assign_round_robin;
  if (protocol_name == kCooperativeSticky) return assign_cooperative_sticky;
  return nullptr;
}

std::vector<TopicPartitions> by_topic(std::span<const TopicPartition> partitions) {
  std::map<std::string, std::vector<int32_t>> grouped;
  for (const auto& tp : partitions) grouped[tp.topic].push_back(tp.partition);
  std::vector<TopicPartitions> topics;
  topics.reserve(grouped.size());
  for (auto& [topic, numbers] : grouped) topics.push_back({topic, std::move(numbers)});
  return topics;
}

std::vector<TopicPartition> one_by_one(std::span<const TopicPartitions> topics) {
  std::vector<TopicPartition> partitions;
  for (const auto& topic : topics) {
    for (const int32_t partition : topic.partitions) partitions.push_back({topic.topic, partition});
  }
  return partitions;
}

}  // namespace freshet::kafka
