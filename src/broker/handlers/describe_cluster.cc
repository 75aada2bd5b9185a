#include "kafka/messages/describe_cluster.h"

#include "broker/handlers/authorized_operations.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::DescribeClusterResponse;

constexpr int8_t kBrokers = 1;
constexpr int8_t kControllers = 2;

/// KIP-919: this listener is one of a broker.
void refuse_endpoint(int8_t wanted, int16_t version, Response& response) {
  if (version == 0) {
    response.error_code = ErrorCode::kInvalidRequest;
  } else if (wanted == kControllers) {
    response.error_code = ErrorCode::kMismatchedEndpointType;
  } else {
    response.error_code = ErrorCode::kUnsupportedEndpointType;
  }
  response.error_message = fmt::format(
      "endpoint type {} was asked for, but this is an endpoint of brokers ({})", wanted, kBrokers);
}

}  // namespace

void handle_describe_cluster(CallPtr call, kafka::DescribeClusterRequest request) {
  const Services& services = call->services();
  Response response;
  if (request.endpoint_type != kBrokers) {
    refuse_endpoint(request.endpoint_type, call->version(), response);
    return call->answer(response);
  }
  response.cluster_id = services.topics.cluster_id();
  response.controller_id = kNodeId;
  response.brokers.push_back({kNodeId, services.advertised_host, services.advertised_port.load(),
                              std::nullopt, /*is_fenced=*/false});
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kClusterOperations;
  }
  call->answer(response);
}

}  // namespace freshet::broker
