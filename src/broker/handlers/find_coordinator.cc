#include "kafka/messages/find_coordinator.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

constexpr int8_t kGroupKey = 0;
constexpr int8_t kTransactionKey = 1;

std::pair<kafka::ErrorCode, std::optional<std::string>> refusal(int8_t key_type) {
  if (key_type == kGroupKey || key_type == kTransactionKey) {
    return {kafka::ErrorCode::kNone, std::nullopt};
  }
  return {kafka::ErrorCode::kInvalidRequest, fmt::format("coordinator key type {}", key_type)};
}

}  // namespace

void handle_find_coordinator(CallPtr call, kafka::FindCoordinatorRequest request) {
  const Services& services = call->services();
  const auto [error, message] = refusal(request.key_type);
  const bool found = error == kafka::ErrorCode::kNone;
  const int32_t node = found ? kNodeId : -1;
  const std::string host = found ? services.advertised_host : "";
  const int32_t port = found ? services.advertised_port.load() : -1;

  kafka::FindCoordinatorResponse response;
  if (call->version() < 4) {
    response.error_code = error;
    response.error_message = message;
    response.node_id = node;
    response.host = host;
    response.port = port;
  }
  for (auto& key : request.coordinator_keys) {
    response.coordinators.push_back({std::move(key), node, host, port, error, message});
  }
  call->answer(response);
}

}  // namespace freshet::broker
