#include "kafka/messages/leave_group.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

void handle_leave_group(CallPtr call, kafka::LeaveGroupRequest request) {
  kafka::LeaveGroupResponse response;
  if (request.group_id.empty()) {
    response.error_code = kafka::ErrorCode::kInvalidGroupId;
    return call->answer(response);
  }
  std::vector<LeavingMember> leaving;
  const bool single = call->version() < 3;
  if (single) leaving.push_back({std::move(request.member_id), std::nullopt});
  for (auto& member : request.members) {
    leaving.push_back({std::move(member.member_id), std::move(member.group_instance_id)});
  }
  const auto codes = call->services().groups.leave(request.group_id, leaving);
  if (single) {
    response.error_code = codes.front();
  } else {
    for (size_t i = 0; i < leaving.size(); ++i) {
      response.members.push_back(
          {std::move(leaving[i].member_id), std::move(leaving[i].instance_id), codes[i]});
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
