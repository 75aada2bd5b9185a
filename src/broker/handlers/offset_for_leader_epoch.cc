#include "kafka/messages/offset_for_leader_epoch.h"

#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_epoch_check.h"

namespace freshet::broker {

void handle_offset_for_leader_epoch(CallPtr call, kafka::OffsetForLeaderEpochRequest request) {
  kafka::OffsetForLeaderEpochResponse response;
  for (auto& topic : request.topics) {
    const TopicPtr found = call->services().topics.find(topic.topic);
    auto& topic_out = response.topics.emplace_back();
    topic_out.topic = std::move(topic.topic);
    for (const auto& wanted : topic.partitions) {
      auto& out = topic_out.partitions.emplace_back();
      out.partition = wanted.partition;
      const PartitionLogPtr log = found ? found->partition(wanted.partition) : nullptr;
      out.error_code = log ? check_leader_epoch(*log, wanted.current_leader_epoch)
                           : kafka::ErrorCode::kUnknownTopicOrPartition;
      if (out.error_code != kafka::ErrorCode::kNone || wanted.leader_epoch < 0) continue;
      const auto [epoch, end] = log->end_of_epoch(wanted.leader_epoch);
      out.leader_epoch = epoch;
      out.end_offset = end.value();
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
