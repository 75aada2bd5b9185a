#include "kafka/messages/offset_delete.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

using kafka::ErrorCode;

void handle_offset_delete(CallPtr call, kafka::OffsetDeleteRequest request) {
  const Services& services = call->services();
  kafka::OffsetDeleteResponse response;
  if (request.group_id.empty()) {
    response.error_code = ErrorCode::kInvalidGroupId;
    return call->answer(response);
  }
  std::vector<TopicPartition> tps;
  // Where the code of each offset handed to the coordinator belongs in the response.
  std::vector<std::pair<size_t, size_t>> places;
  for (const auto& topic : request.topics) {
    const TopicPtr found = services.topics.find(topic.name);
    auto& topic_out = response.topics.emplace_back();
    topic_out.name = topic.name;
    for (const auto& partition : topic.partitions) {
      const int32_t index = partition.partition_index;
      topic_out.partitions.push_back({index, ErrorCode::kNone});
      if (!found || !found->partition(index)) {
        topic_out.partitions.back().error_code = ErrorCode::kUnknownTopicOrPartition;
        continue;
      }
      places.emplace_back(response.topics.size() - 1, topic_out.partitions.size() - 1);
      tps.push_back({topic.name, index});
    }
  }
  GroupCoordinator& groups = call->services().groups;
  groups.delete_offsets(
      request.group_id, std::move(tps),
      [call = std::move(call), response = std::move(response), places = std::move(places)](
          ErrorCode error, const std::vector<ErrorCode>& codes) mutable {
        response.error_code = error;
        if (error != ErrorCode::kNone) response.topics.clear();
        for (size_t i = 0; error == ErrorCode::kNone && i < places.size(); ++i) {
          const auto [topic, partition] = places[i];
          response.topics[topic].partitions[partition].error_code = codes[i];
        }
        call->answer(response);
      });
}

}  // namespace freshet::broker
