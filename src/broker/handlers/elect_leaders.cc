#include "kafka/messages/elect_leaders.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::ElectLeadersRequest;
using Response = kafka::ElectLeadersResponse;

constexpr int8_t kPreferred = 0;
constexpr int8_t kUnclean = 1;

Response::Partition outcome(const TopicPtr& topic, int32_t index) {
  Response::Partition out;
  out.partition_id = index;
  if (!topic || !topic->partition(index)) {
    out.error_code = ErrorCode::kUnknownTopicOrPartition;
    out.error_message = topic ? "there is no such partition" : "there is no such topic";
  } else {
    // The one node leads every partition, and every partition prefers it.
    out.error_code = ErrorCode::kElectionNotNeeded;
    out.error_message = fmt::format("node {} leads the partition already", kNodeId);
  }
  return out;
}

// Before version 1 there is no error for the whole answer, so each partition has it.
Response refusal(const Request& request) {
  Response response;
  response.error_code = ErrorCode::kInvalidRequest;
  if (!request.topic_partitions) return response;
  for (const auto& topic : *request.topic_partitions) {
    auto& out = response.replica_election_results.emplace_back();
    out.topic = topic.topic;
    for (const int32_t index : topic.partitions) {
      out.partition_result.push_back(
          {index, ErrorCode::kInvalidRequest,
           fmt::format("election type {}, expected {} (preferred) or {} (unclean)",
                       request.election_type, kPreferred, kUnclean)});
    }
  }
  return response;
}

}  // namespace

void handle_elect_leaders(CallPtr call, Request request) {
  if (request.election_type != kPreferred && request.election_type != kUnclean) {
    return call->answer(refusal(request));
  }
  const TopicRegistry& topics = call->services().topics;
  Response response;
  if (!request.topic_partitions) {
    // Every topic is named, and of its partitions those that need no election are left out: all.
    for (const TopicPtr& topic : topics.list()) {
      response.replica_election_results.emplace_back().topic = topic->name;
    }
    return call->answer(response);
  }
  for (const auto& wanted : *request.topic_partitions) {
    const TopicPtr topic = topics.find(wanted.topic);
    auto& out = response.replica_election_results.emplace_back();
    out.topic = wanted.topic;
    for (const int32_t index : wanted.partitions) {
      out.partition_result.push_back(outcome(topic, index));
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
