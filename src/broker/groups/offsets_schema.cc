#include "broker/groups/offsets_schema.h"

#include "broker/byte_fields.h"

namespace freshet::broker {

namespace {

constexpr int16_t kOffsetKeyVersion = 1;
constexpr int16_t kGroupKeyVersion = 2;
constexpr int16_t kValueVersion = 3;
constexpr int16_t kExpiringOffsetVersion = 1;

void put_optional(FieldWriter& out, const std::optional<std::string>& text) {
  if (text) {
    out.put_string(*text);
  } else {
    out.put_null_string();
  }
}

void put_bytes(FieldWriter& out, std::string_view bytes) {
  out.put(static_cast<int32_t>(bytes.size())).put_raw(bytes);
}

std::string get_bytes(FieldReader& in) {
  const auto size = in.get<int32_t>();
  return size <= 0 ? std::string() : std::string(in.get_raw(static_cast<size_t>(size)));
}

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
  if (value.expire_time_ms) {
    return FieldWriter()
        .put(kExpiringOffsetVersion)
        .put(value.offset.value())
        .put_string(value.metadata)
        .put(value.commit_time_ms)
        .put(*value.expire_time_ms)
        .take();
  }
  return FieldWriter()
      .put(kValueVersion)
      .put(value.offset.value())
      .put(value.leader_epoch)
      .put_string(value.metadata)
      .put(value.commit_time_ms)
      .take();
}

std::string encode_group_value(const PersistedGroup& value) {
  FieldWriter out;
  out.put(kValueVersion).put_string(value.protocol_type).put(value.generation);
  put_optional(out, value.protocol);
  put_optional(out, value.leader);
  out.put(value.state_time_ms).put(static_cast<int32_t>(value.members.size()));
  for (const PersistedMember& member : value.members) {
    out.put_string(member.id);
    put_optional(out, member.instance_id);
    out.put_string(member.client_id).put_string(member.client_host);
    out.put(member.rebalance_timeout_ms).put(member.session_timeout_ms);
    put_bytes(out, member.subscription);
    put_bytes(out, member.assignment);
  }
  return out.take();
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
  if (version != kValueVersion && version != kExpiringOffsetVersion) {
    return fail(Errc::kCorrupt, "offset commit has value version {}, expected {} or {}", version,
                kExpiringOffsetVersion, kValueVersion);
  }
  CommittedOffset value;
  value.offset = Offset(in.get<int64_t>());
  if (version == kValueVersion) value.leader_epoch = in.get<int32_t>();
  value.metadata = in.get_string();
  value.commit_time_ms = in.get<int64_t>();
  if (version == kExpiringOffsetVersion) value.expire_time_ms = in.get<int64_t>();
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
  value.protocol = in.get_nullable_string();
  value.leader = in.get_nullable_string();
  value.state_time_ms = in.get<int64_t>();
  for (auto left = in.get<int32_t>(); left > 0 && in.ok(); --left) {
    PersistedMember& member = value.members.emplace_back();
    member.id = in.get_string();
    member.instance_id = in.get_nullable_string();
    member.client_id = in.get_string();
    member.client_host = in.get_string();
    member.rebalance_timeout_ms = in.get<int32_t>();
    member.session_timeout_ms = in.get<int32_t>();
    member.subscription = get_bytes(in);
    member.assignment = get_bytes(in);
  }
  if (!in.ok()) return fail(Errc::kCorrupt, "group of {} bytes ends early", bytes.size());
  return value;
}

}  // namespace freshet::broker
