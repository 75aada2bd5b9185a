#include "kafka/messages/txn_offset_commit.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

using kafka::ErrorCode;

void handle_txn_offset_commit(CallPtr call, kafka::TxnOffsetCommitRequest request) {
  const Services& services = call->services();
  kafka::TxnOffsetCommitResponse response;
  std::vector<OffsetToCommit> offsets;
  // Where the code of each offset handed to the coordinator belongs in the response.
  std::vector<std::pair<size_t, size_t>> places;
  for (auto& topic : request.topics) {
    const TopicPtr found = services.topics.find(topic.name);
    auto& topic_out = response.topics.emplace_back();
    topic_out.name = topic.name;
    for (auto& partition : topic.partitions) {
      topic_out.partitions.push_back({partition.partition_index, ErrorCode::kNone});
      if (request.group_id.empty()) {
        topic_out.partitions.back().error_code = ErrorCode::kInvalidGroupId;
        continue;
      }
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
      offsets.push_back(std::move(offset));
    }
  }
  if (offsets.empty()) return call->answer(response);
  const MemberIdentity who{std::move(request.member_id), std::move(request.group_instance_id),
                           request.generation_id};
  TransactionCoordinator& transactions = call->services().transactions;
  transactions.commit_offsets(
      request.transactional_id, {request.producer_id, request.producer_epoch}, request.group_id,
      who, std::move(offsets),
      [call = std::move(call), response = std::move(response),
       places = std::move(places)](const std::vector<ErrorCode>& codes) mutable {
        for (size_t i = 0; i < places.size(); ++i) {
          const auto [topic, partition] = places[i];
          response.topics[topic].partitions[partition].error_code = codes[i];
        }
        call->answer(response);
      });
}

}  // namespace freshet::broker
