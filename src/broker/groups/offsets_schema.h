// Keys and values of the __consumer_offsets log, in Kafka's own schema, so that any tool that reads
// that topic understands ours: offset commits are key v1 with value v3, groups key v2 with value
// v3. Source: OffsetCommitKey/Value.json and GroupMetadataKey/Value.json of Apache Kafka.
//
//   key v1:   i16 1, string group, string topic, i32 partition
//   value v3: i16 3, i64 offset, i32 leader epoch, string metadata, i64 commit time
//   key v2:   i16 2, string group
//   value v3: i16 3, string protocol type, i32 generation, nullable string protocol, nullable
//             string leader, i64 time of the state, i32 members = 0
//
// Members are never written: those of a former process do not come back, but the generation does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "model/offset.h"

namespace freshet::broker {

struct CommittedOffset {
  Offset offset;
  int32_t leader_epoch = -1;
  std::string metadata;
  int64_t commit_time_ms = 0;
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

struct PersistedGroup {
  std::string protocol_type;
  int32_t generation = 0;
  int64_t state_time_ms = 0;
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
