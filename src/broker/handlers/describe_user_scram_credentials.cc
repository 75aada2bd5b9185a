#include "kafka/messages/describe_user_scram_credentials.h"

#include <set>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

void handle_describe_user_scram_credentials(CallPtr call,
                                            kafka::DescribeUserScramCredentialsRequest request) {
  using Response = kafka::DescribeUserScramCredentialsResponse;
  Response response;
  const auto users = call->services().users.list();
  const auto describe = [](const std::string& user, const UserStore::Iterations& credentials) {
    Response::Result result;
    result.user = user;
    for (const auto& [mechanism, iterations] : credentials) {
      result.credential_infos.push_back({static_cast<int8_t>(mechanism), iterations});
    }
    return result;
  };
  if (!request.users || request.users->empty()) {
    for (const auto& [user, credentials] : users) {
      response.results.push_back(describe(user, credentials));
    }
    return call->answer(response);
  }
  std::set<std::string> seen;
  std::set<std::string> twice;
  for (const auto& user : *request.users) {
    if (!seen.insert(user.name).second) twice.insert(user.name);
  }
  for (const std::string& name : seen) {
    Response::Result result;
    result.user = name;
    const auto found = users.find(name);
    if (twice.contains(name)) {
      result.error_code = kafka::ErrorCode::kDuplicateResource;
      result.error_message = fmt::format(
          "Cannot describe SCRAM credentials for the same user twice in a single request: {}",
          name);
    } else if (found == users.end()) {
      result.error_code = kafka::ErrorCode::kResourceNotFound;
      result.error_message =
          fmt::format("Attempt to describe a user credential that does not exist: {}", name);
    } else {
      result = describe(name, found->second);
    }
    response.results.push_back(std::move(result));
  }
  call->answer(response);
}

}  // namespace freshet::broker
