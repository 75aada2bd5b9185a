#include "kafka/messages/sync_group.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

void handle_sync_group(CallPtr call, kafka::SyncGroupRequest request) {
  if (request.group_id.empty()) {
    kafka::SyncGroupResponse refused;
    refused.error_code = kafka::ErrorCode::kInvalidGroupId;
    return call->answer(refused);
  }
  SyncRequest sync;
  sync.who = {std::move(request.member_id), std::move(request.group_instance_id),
              request.generation_id};
  sync.protocol_type = std::move(request.protocol_type);
  sync.protocol = std::move(request.protocol_name);
  for (auto& assignment : request.assignments) {
    sync.assignments.emplace_back(std::move(assignment.member_id),
                                  std::move(assignment.assignment));
  }
  GroupCoordinator& groups = call->services().groups;
  groups.sync(request.group_id, std::move(sync), [call = std::move(call)](SyncResult result) {
    kafka::SyncGroupResponse response;
    response.error_code = result.error;
    if (result.error == kafka::ErrorCode::kNone) {
      response.protocol_type = std::move(result.protocol_type);
      response.protocol_name = std::move(result.protocol);
    }
    response.assignment = std::move(result.assignment);
    call->answer(response);
  });
}

}  // namespace freshet::broker
