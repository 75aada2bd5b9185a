#include "kafka/messages/delete_groups.h"

#include <atomic>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

struct Deletion {
  CallPtr call;
  kafka::DeleteGroupsResponse response;
  std::atomic<size_t> outstanding = 1;

  void done() {
    if (outstanding.fetch_sub(1) == 1) call->answer(response);
  }
};

}  // namespace

void handle_delete_groups(CallPtr call, kafka::DeleteGroupsRequest request) {
  GroupCoordinator& groups = call->services().groups;
  auto deletion = std::make_shared<Deletion>();
  deletion->call = std::move(call);
  deletion->response.results.resize(request.groups_names.size());
  deletion->outstanding += request.groups_names.size();
  for (size_t i = 0; i < request.groups_names.size(); ++i) {
    deletion->response.results[i].group_id = request.groups_names[i];
    groups.remove_group(request.groups_names[i], [deletion, i](kafka::ErrorCode code) {
      deletion->response.results[i].error_code = code;
      deletion->done();
    });
  }
  deletion->done();
}

}  // namespace freshet::broker
