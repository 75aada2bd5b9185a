#include "broker/groups/offsets_schema.h"

#include "broker/byte_fields.h"

namespace freshet::broker {

namespace {

constexpr int16_t kOffsetKeyVersion = 1;
constexpr int16_t kGroupKeyVersion = 2;
constexpr int16_t kValueVersion = 3;

}  // namespace

std::string encode_offset_key(std::string_view group, const TopicPartition& tp) {
  return FieldWriter()
      .put(kOffsetKeyVersion)
      .put_string(group)
      .put_string(tp.topic)
      .put(tp.partition)
      .take();
}

std::string encode_group_key(std::string_view group) {
  return FieldWriter().put(kGroupKeyVersion).put_string(group).take();
}

std::string encode_offset_value(const CommittedOffset& value) {
  return FieldWriter()
      .put(kValueVersion)
      .put(value.offset.value())
      .put(value.leader_epoch)
      .put_string(value.metadata)
      .put(value.commit_time_ms)
      .take();
}

std::string encode_group_value(const PersistedGroup& value) {
  return FieldWriter()
      .put(kValueVersion)
      .put_string(value.protocol_type)
      .put(value.generation)
      .put_null_string()
      .put_null_string()
      .put(value.state_time_ms)
      .put(int32_t{0})
      .take();
}

Result<StateKey> decode_state_key(std::string_view bytes) {
  FieldReader in(bytes);
  StateKey key;
  switch (in.get<int16_t>()) {
    case 0:
    case kOffsetKeyVersion: {
      OffsetKey offset;
      offset.group = in.get_string();
      offset.tp.topic = in.get_string();
      offset.tp.partition = in.get<int32_t>();
      key = std::move(offset);
      break;
    }
    case kGroupKeyVersion:
      key = GroupKey{in.get_string()};
      break;
    default:
      return StateKey();
  }
  if (!in.ok()) return fail(Errc::kCorrupt, "key of {} bytes ends early", bytes.size());
  return key;
}

Result<CommittedOffset> decode_offset_value(std::string_view bytes) {
  FieldReader in(bytes);
  const auto version = in.get<int16_t>();
  if (version != kValueVersion) {
    return fail(Errc::kCorrupt, "offset commit has value version {}, expected {}", version,
                kValueVersion);
  }
  CommittedOffset value;
  value.offset = Offset(in.get<int64_t>());
  value.leader_epoch = in.get<int32_t>();
  value.metadata = in.get_string();
  value.commit_time_ms = in.get<int64_t>();
  if (!in.ok()) return fail(Errc::kCorrupt, "offset commit of {} bytes ends early", bytes.size());
  return value;
}

Result<PersistedGroup> decode_group_value(std::string_view bytes) {
  FieldReader in(bytes);
  const auto version = in.get<int16_t>();
  if (version != kValueVersion) {
    return fail(Errc::kCorrupt, "group has value version {}, expected {}", version, kValueVersion);
  }
  PersistedGroup value;
  value.protocol_type = in.get_string();
  value.generation = in.get<int32_t>();
  in.get_nullable_string();
  in.get_nullable_string();
  value.state_time_ms = in.get<int64_t>();
  if (!in.ok()) return fail(Errc::kCorrupt, "group of {} bytes ends early", bytes.size());
  return value;
}

}  // namespace freshet::broker
