#include "kafka/messages/join_group.h"

#include "broker/groups/member_id.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

/// The coordinator keeps this for every member; a subscription to 10,000 topics takes a tenth.
constexpr size_t kMetadataBytesMax = 4 << 20;

size_t metadata_bytes(const kafka::JoinGroupRequest& request) {
  size_t sum = 0;
  for (const auto& protocol : request.protocols) {
    sum += protocol.name.size() + protocol.metadata.size();
  }
  return sum;
}

}  // namespace

void handle_join_group(CallPtr call, kafka::JoinGroupRequest request) {
  kafka::JoinGroupResponse refused;
  refused.member_id = request.member_id;
  if (request.group_id.empty()) {
    refused.error_code = ErrorCode::kInvalidGroupId;
    return call->answer(refused);
  }
  if (metadata_bytes(request) > kMetadataBytesMax) {
    refused.error_code = ErrorCode::kInvalidRequest;
    return call->answer(refused);
  }
  JoinRequest join;
  join.member_id = std::move(request.member_id);
  join.instance_id = std::move(request.group_instance_id);
  join.client_id = call->client_id();
  join.client_host = call->client_host();
  join.new_member_id = make_member_id(join.instance_id.value_or(join.client_id));
  join.protocol_type = std::move(request.protocol_type);
  for (auto& protocol : request.protocols) {
    join.protocols.push_back({std::move(protocol.name), std::move(protocol.metadata)});
  }
  join.session_timeout = Millis(request.session_timeout_ms);
  // Version 0 had one timeout for both.
  join.rebalance_timeout = Millis(request.rebalance_timeout_ms < 0 ? request.session_timeout_ms
                                                                   : request.rebalance_timeout_ms);
  join.id_required = call->version() >= 4;
  join.can_skip_assignment = call->version() >= 9;

  GroupCoordinator& groups = call->services().groups;
  groups.join(request.group_id, std::move(join), [call = std::move(call)](JoinResult result) {
    kafka::JoinGroupResponse response;
    response.error_code = result.error;
    response.generation_id = result.generation;
    response.protocol_type = std::move(result.protocol_type);
    response.protocol_name = std::move(result.protocol);
    // Null names exist from version 7 on; before, no protocol is an empty name.
    if (!response.protocol_name && call->version() < 7) response.protocol_name = "";
    response.leader = std::move(result.leader);
    response.skip_assignment = result.skip_assignment;
    response.member_id = std::move(result.member_id);
    for (auto& member : result.members) {
      response.members.push_back(
          {std::move(member.member_id), std::move(member.instance_id), std::move(member.metadata)});
    }
    call->answer(response);
  });
}

}  // namespace freshet::broker
