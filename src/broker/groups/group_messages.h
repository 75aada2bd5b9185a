// What goes into and comes out of the group state machine: plain values, without wire versions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kafka/error_code.h"

namespace freshet::broker {

/// Names a held request until its answer appears in an Outbox.
using RequestId = uint64_t;

struct MemberProtocol {
  std::string name;
  std::string metadata;
  friend bool operator==(const MemberProtocol&, const MemberProtocol&) = default;
};

struct JoinRequest {
  std::string member_id;      // empty: not a member yet
  std::string new_member_id;  // the id to give out if one is needed
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::string protocol_type;
  std::vector<MemberProtocol> protocols;
  Millis session_timeout{30'000};
  Millis rebalance_timeout{60'000};
  bool id_required = false;          // v4 and later: join again with the id that was given
  bool can_skip_assignment = false;  // v9
  bool in_process = false;           // dies with the broker
};

struct JoinedMember {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string metadata;
};

struct JoinResult {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  std::string member_id;
  bool skip_assignment = false;
  std::vector<JoinedMember> members;  // only for the leader
};

struct MemberIdentity {
  std::string member_id;
  std::optional<std::string> instance_id;
  int32_t generation = -1;
};

struct SyncRequest {
  MemberIdentity who;
  std::optional<std::string> protocol_type;                      // v5
  std::optional<std::string> protocol;                           // v5
  std::vector<std::pair<std::string, std::string>> assignments;  // member id, assignment
};

struct SyncResult {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::string protocol_type;
  std::string protocol;
  std::string assignment;
};

struct LeavingMember {
  std::string member_id;
  std::optional<std::string> instance_id;
};

/// What a call of the state machine wants done, in this order.
struct Outbox {
  std::vector<std::pair<RequestId, JoinResult>> joins;
  std::vector<std::pair<RequestId, SyncResult>> syncs;
  /// Write Group::image() durably as of now, then call Group::persisted() with this generation.
  std::optional<int32_t> persist_generation;
  /// Answers that wait for that write; a failed write turns them into its error.
  std::vector<std::pair<RequestId, JoinResult>> joins_when_durable;
};

}  // namespace freshet::broker
