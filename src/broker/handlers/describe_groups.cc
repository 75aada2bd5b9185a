#include "kafka/messages/describe_groups.h"

#include "broker/handlers/answered_once.h"
#include "broker/handlers/authorized_operations.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

void handle_describe_groups(CallPtr call, kafka::DescribeGroupsRequest request) {
  kafka::DescribeGroupsResponse response;
  drop_repeated(request.groups, [](const std::string& name) { return name; });
  for (const std::string& name : request.groups) {
    GroupSnapshot group = call->services().groups.describe(name);
    kafka::DescribeGroupsResponse::Group out;
    out.group_id = name;
    // A group that is not there reads as Dead; from version 6 on it is an error (KIP-1043).
    if (group.state == GroupState::kDead && call->version() >= 6) {
      out.error_code = kafka::ErrorCode::kGroupIdNotFound;
      out.error_message = fmt::format("Group {} not found.", name);
    }
    out.group_state = group_state_name(group.state);
    out.protocol_type = std::move(group.protocol_type);
    out.protocol_data = std::move(group.protocol);
    for (auto& member : group.members) {
      out.members.push_back({std::move(member.id), std::move(member.instance_id),
                             std::move(member.client_id), std::move(member.client_host),
                             std::move(member.metadata), std::move(member.assignment)});
    }
    const bool found = out.error_code == kafka::ErrorCode::kNone;
    if (request.include_authorized_operations && found)
      out.authorized_operations = kGroupOperations;
    response.groups.push_back(std::move(out));
  }
  call->answer(response);
}

}  // namespace freshet::broker
