#include "kafka/messages/heartbeat.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

void handle_heartbeat(CallPtr call, kafka::HeartbeatRequest request) {
  kafka::HeartbeatResponse response;
  if (request.group_id.empty()) {
    response.error_code = kafka::ErrorCode::kInvalidGroupId;
    return call->answer(response);
  }
  response.error_code = call->services().groups.heartbeat(
      request.group_id,
      {std::move(request.member_id), std::move(request.group_instance_id), request.generation_id});
  call->answer(response);
}

}  // namespace freshet::broker
