#include "kafka/messages/offset_commit.h"

#include <algorithm>

#include "broker/handlers/handlers.h"
#include "broker/storage/partition_log.h"

namespace freshet::broker {

using kafka::ErrorCode;

void handle_offset_commit(CallPtr call, kafka::OffsetCommitRequest request) {
  const Services& services = call->services();
  kafka::OffsetCommitResponse response;
  std::vector<OffsetToCommit> offsets;
  // Where the code of each offset handed to the coordinator belongs in the response.
  std::vector<std::pair<size_t, size_t>> places;
  for (auto& topic : request.topics) {
    const TopicPtr found = services.topics.find(topic.name);
    auto& topic_out = response.topics.emplace_back();
    topic_out.name = topic.name;
    for (auto& partition : topic.partitions) {
      topic_out.partitions.push_back({partition.partition_index, ErrorCode::kNone});
      if (!found || !found->partition(partition.partition_index)) {
        topic_out.partitions.back().error_code = ErrorCode::kUnknownTopicOrPartition;
        continue;
      }
      places.emplace_back(response.topics.size() - 1, topic_out.partitions.size() - 1);
      OffsetToCommit offset;
      offset.tp = {topic.name, partition.partition_index};
      offset.offset = Offset(partition.committed_offset);
      offset.leader_epoch = partition.committed_leader_epoch;
      offset.metadata = std::move(partition.committed_metadata).value_or("");
      if (request.retention_time_ms >= 0) {
        // Clients say "for ever" by the largest number, to which no time can be added.
        offset.retention = std::min<Millis>(Millis(request.retention_time_ms), kForever);
      }
      offsets.push_back(std::move(offset));
    }
  }
  const MemberIdentity who{std::move(request.member_id), std::move(request.group_instance_id),
                           request.generation_id_or_member_epoch};
  call->services().groups.commit(
      request.group_id, who, std::move(offsets),
      [call = std::move(call), response = std::move(response),
       places = std::move(places)](const std::vector<ErrorCode>& codes) mutable {
        for (size_t i = 0; i < places.size(); ++i) {
          const auto [topic, partition] = places[i];
          ErrorCode code = codes[i];
          // Before version 9 a member of a group that is gone learns it by its generation.
          if (code == ErrorCode::kGroupIdNotFound && call->version() < 9) {
            code = ErrorCode::kIllegalGeneration;
          }
          response.topics[topic].partitions[partition].error_code = code;
        }
        call->answer(response);
      });
}

}  // namespace freshet::broker
