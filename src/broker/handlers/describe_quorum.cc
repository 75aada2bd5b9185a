#include "kafka/messages/describe_quorum.h"

#include "base/check.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::DescribeQuorumRequest;
using Response = kafka::DescribeQuorumResponse;

/// Kafka's name for the log of the cluster's metadata. Ours is kMetaTopic.
constexpr std::string_view kMetadataTopic = "__cluster_metadata";

bool asks_for_metadata(const Request& request) {
  return request.topics.size() == 1 && request.topics[0].topic_name == kMetadataTopic &&
         request.topics[0].partitions.size() == 1 &&
         request.topics[0].partitions[0].partition_index == 0;
}

/// Every partition that is asked for, with the error of each.
Response refusal(const Request& request) {
  Response response;
  for (const auto& topic : request.topics) {
    auto& out = response.topics.emplace_back();
    out.topic_name = topic.topic_name;
    for (const auto& partition : topic.partitions) {
      auto& partition_out = out.partitions.emplace_back();
      partition_out.partition_index = partition.partition_index;
      partition_out.error_code = ErrorCode::kUnknownTopicOrPartition;
      partition_out.error_message =
          fmt::format("only {} partition 0 has a quorum to describe", kMetadataTopic);
    }
  }
  return response;
}

}  // namespace

// A quorum of one: this node, which keeps topics and settings in a log of its own.
void handle_describe_quorum(CallPtr call, Request request) {
  if (!asks_for_metadata(request)) return call->answer(refusal(request));
  const Services& services = call->services();
  const PartitionLogPtr meta = services.store.find({std::string(kMetaTopic), 0});
  FRESHET_CHECK(meta != nullptr, "the metadata log is made before the first request");

  Response response;
  auto& topic = response.topics.emplace_back();
  topic.topic_name = kMetadataTopic;
  auto& partition = topic.partitions.emplace_back();
  partition.leader_id = kNodeId;
  partition.leader_epoch = meta->leader_epoch();
  partition.high_watermark = meta->high_watermark().value();
  auto& voter = partition.current_voters.emplace_back();
  voter.replica_id = kNodeId;
  voter.log_end_offset = partition.high_watermark;
  // A leader is always caught up with itself.
  voter.last_fetch_timestamp = services.clock.wall().time_since_epoch().count();
  voter.last_caught_up_timestamp = voter.last_fetch_timestamp;
  // Where a controller would listen: this node has one listener for everything.
  auto& node = response.nodes.emplace_back();
  node.node_id = kNodeId;
  node.listeners.push_back(
      {"CONTROLLER", services.advertised_host, services.advertised_port.load()});
  call->answer(response);
}

}  // namespace freshet::broker
