#include "kafka/messages/describe_topic_partitions.h"

#include <algorithm>
#include <set>

#include "broker/handlers/authorized_operations.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::DescribeTopicPartitionsRequest;
using Response = kafka::DescribeTopicPartitionsResponse;

/// max.request.partition.size.limit of Apache Kafka.
constexpr int32_t kPagePartitionsMax = 2000;

Response::Partition describe(const PartitionLog& log) {
  Response::Partition out;
  out.partition_index = log.tp().partition;
  out.leader_id = kNodeId;
  out.leader_epoch = log.leader_epoch();
  out.replica_nodes = {kNodeId};
  out.isr_nodes = {kNodeId};
  out.eligible_leader_replicas.emplace();
  out.last_known_elr.emplace();
  return out;
}

/// Fills one answer with topics in order of name until `left` partitions are in it.
class Page {
 public:
  Page(Response& response, int32_t limit) : response_(response), left_(limit) {}

  [[nodiscard]] bool is_full() const { return response_.next_cursor.has_value(); }

  void add(const Topic& topic, int32_t first) {
    if (left_ == 0) return turn_at(topic.name, 0);
    Response::Topic& out = response_.topics.emplace_back();
    out.name = topic.name;
    out.topic_id = topic.id;
    out.is_internal = topic.internal;
    out.topic_authorized_operations = kTopicOperations;
    const auto count = static_cast<int32_t>(topic.partitions.size());
    for (; first < count && left_ > 0; ++first, --left_) {
      out.partitions.push_back(describe(*topic.partitions[static_cast<size_t>(first)]));
    }
    if (first < count) turn_at(topic.name, first);
  }
  void add_unknown(const std::string& name) {
    if (left_ == 0) return turn_at(name, 0);
    Response::Topic& out = response_.topics.emplace_back();
    out.name = name;
    out.error_code = check_topic_name(name) ? ErrorCode::kUnknownTopicOrPartition
                                            : ErrorCode::kInvalidTopicException;
    out.topic_authorized_operations = kTopicOperations;
  }

 private:
  void turn_at(const std::string& topic, int32_t partition) {
    response_.next_cursor = {topic, partition};
  }

  Response& response_;
  int32_t left_;
};

/// A cursor that does not belong to the request.
std::string refuse_cursor(const Request& request) {
  if (!request.cursor) return {};
  const auto& cursor = *request.cursor;
  if (!request.topics.empty() && std::ranges::find(request.topics, cursor.topic_name,
                                                   &Request::Topic::name) == request.topics.end()) {
    return fmt::format("the topics of the request must include that of its cursor: {}",
                       cursor.topic_name);
  }
  if (cursor.partition_index < 0) {
    return fmt::format("the partition of the cursor must not be below 0: {}",
                       cursor.partition_index);
  }
  return {};
}

Response refusal(const Request& request) {
  Response response;
  for (const auto& topic : request.topics) {
    Response::Topic& out = response.topics.emplace_back();
    out.name = topic.name;
    out.error_code = ErrorCode::kInvalidRequest;
  }
  return response;
}

}  // namespace

void handle_describe_topic_partitions(CallPtr call, Request request) {
  if (const std::string reason = refuse_cursor(request); !reason.empty()) {
    // With no topic to carry the error, the protocol has no place for it.
    if (request.topics.empty()) return call->close(reason);
    return call->answer(refusal(request));
  }
  const TopicRegistry& topics = call->services().topics;
  const kafka::TopicPartitionsCursor begin =
      request.cursor.value_or(kafka::TopicPartitionsCursor());
  const auto first_of = [&](const std::string& name) {
    return name == begin.topic_name ? begin.partition_index : 0;
  };
  Response response;
  Page page(response, std::clamp(request.response_partition_limit, 1, kPagePartitionsMax));
  if (request.topics.empty()) {
    for (const TopicPtr& topic : topics.list()) {
      if (topic->name < begin.topic_name) continue;
      page.add(*topic, first_of(topic->name));
      if (page.is_full()) break;
    }
    return call->answer(response);
  }
  std::set<std::string> names;
  for (auto& topic : request.topics) names.insert(std::move(topic.name));
  for (auto name = names.lower_bound(begin.topic_name); name != names.end(); ++name) {
    if (const TopicPtr topic = topics.find(*name)) {
      page.add(*topic, first_of(*name));
    } else {
      page.add_unknown(*name);
    }
    if (page.is_full()) break;
  }
  call->answer(response);
}

}  // namespace freshet::broker
