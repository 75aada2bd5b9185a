// DescribeAcls, CreateAcls and DeleteAcls as Apache Kafka answers them without an authorizer.
#include "broker/handlers/handlers.h"
#include "kafka/messages/create_acls.h"
#include "kafka/messages/delete_acls.h"
#include "kafka/messages/describe_acls.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;

constexpr const char* kNoAuthorizer = "No Authorizer is configured.";

}  // namespace

void handle_describe_acls(CallPtr call, kafka::DescribeAclsRequest request) {
  static_cast<void>(request);
  kafka::DescribeAclsResponse response;
  response.error_code = ErrorCode::kSecurityDisabled;
  response.error_message = kNoAuthorizer;
  call->answer(response);
}

void handle_create_acls(CallPtr call, kafka::CreateAclsRequest request) {
  kafka::CreateAclsResponse response;
  response.results.assign(request.creations.size(), {ErrorCode::kSecurityDisabled, kNoAuthorizer});
  call->answer(response);
}

void handle_delete_acls(CallPtr call, kafka::DeleteAclsRequest request) {
  kafka::DeleteAclsResponse response;
  response.filter_results.assign(request.filters.size(),
                                 {ErrorCode::kSecurityDisabled, kNoAuthorizer, {}});
  call->answer(response);
}

}  // namespace freshet::broker
