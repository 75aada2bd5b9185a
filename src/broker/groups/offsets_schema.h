// Keys and values of the __consumer_offsets log, in Kafka's own schema, so that any tool that reads
// that topic understands ours: offset commits are key v1 with value v3 (v1 if the client set a time
// of expiry), groups key v2 with value v3. Source: OffsetCommitKey/Value.json and
// GroupMetadataKey/Value.json of Apache Kafka.
//
//   key v1:   i16 1, string group, string topic, i32 partition
//   value v3: i16 3, i64 offset, i32 leader epoch, string metadata, i64 commit time
//   value v1: i16 1, i64 offset, string metadata, i64 commit time, i64 expire time
//   key v2:   i16 2, string group
//   value v3: i16 3, string protocol type, i32 generation, nullable string protocol, nullable
//             string leader, i64 time of the state, i32 number of members, each:
//             string member id, nullable string instance id, string client id, string client host,
//             i32 rebalance timeout, i32 session timeout, i32 size and bytes of the subscription,
//             i32 size and bytes of the assignment
//
// Times are milliseconds, those of states and commits since 1970 UTC. A group with members in this
// process is written without any member: none of them comes back after a crash (Group::image()).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "model/offset.h"

namespace freshet::broker {

struct CommittedOffset {
  Offset offset;
  int32_t leader_epoch = -1;
  std::string metadata;
  int64_t commit_time_ms = 0;
  std::optional<int64_t> expire_time_ms{};  // only from clients of OffsetCommit versions 2 to 4
  /// Its place among all commits of this life of the broker; 0: before it. Not written down.
  uint64_t order = 0;
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

/// Whether `older` was committed before `newer`: of two that an earlier life left, by their times.
[[nodiscard]] inline bool was_before(const CommittedOffset& older, const CommittedOffset& newer) {
  if (older.order != newer.order) return older.order < newer.order;
  return older.order == 0 && older.commit_time_ms < newer.commit_time_ms;
}

struct PersistedMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout_ms = 0;
  int32_t session_timeout_ms = 0;
  std::string subscription;
  std::string assignment;
  friend bool operator==(const PersistedMember&, const PersistedMember&) = default;
};

struct PersistedGroup {
  std::string protocol_type;
  int32_t generation = 0;
  std::optional<std::string> protocol;  // nullopt: the group was Empty
  std::optional<std::string> leader;
  int64_t state_time_ms = 0;
  std::vector<PersistedMember> members;
  friend bool operator==(const PersistedGroup&, const PersistedGroup&) = default;
};

struct OffsetKey {
  std::string group;
  TopicPartition tp;
};
struct GroupKey {
  std::string group;
};
/// monostate: a key of a later version, to be left alone.
using StateKey = std::variant<std::monostate, OffsetKey, GroupKey>;

[[nodiscard]] std::string encode_offset_key(std::string_view group, const TopicPartition& tp);
[[nodiscard]] std::string encode_group_key(std::string_view group);
[[nodiscard]] std::string encode_offset_value(const CommittedOffset& value);
[[nodiscard]] std::string encode_group_value(const PersistedGroup& value);

/// kCorrupt when the bytes end early.
Result<StateKey> decode_state_key(std::string_view bytes);
Result<CommittedOffset> decode_offset_value(std::string_view bytes);
Result<PersistedGroup> decode_group_value(std::string_view bytes);

}  // namespace freshet::broker
