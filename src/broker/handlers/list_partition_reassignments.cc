#include "kafka/messages/list_partition_reassignments.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

// One node has nowhere to move a partition to.
void handle_list_partition_reassignments(CallPtr call,
                                         kafka::ListPartitionReassignmentsRequest request) {
  static_cast<void>(request);
  call->answer(kafka::ListPartitionReassignmentsResponse());
}

}  // namespace freshet::broker
