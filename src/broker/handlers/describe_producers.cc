#include "kafka/messages/describe_producers.h"

#include <set>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using Response = kafka::DescribeProducersResponse;

Response::Producer describe(const ActiveProducer& producer) {
  Response::Producer out;
  out.producer_id = producer.producer_id;
  out.producer_epoch = producer.epoch;
  out.last_sequence = producer.last_sequence;
  out.last_timestamp = producer.last_append_ms;
  out.coordinator_epoch = producer.ended_any ? 0 : -1;
  out.current_txn_start_offset = producer.transaction_start.value();
  return out;
}

}  // namespace

void handle_describe_producers(CallPtr call, kafka::DescribeProducersRequest request) {
  Response response;
  std::set<TopicPartition> seen;  // each is answered once: it may have many producers
  for (const auto& topic : request.topics) {
    const TopicPtr found = call->services().topics.find(topic.name);
    auto& topic_out = response.topics.emplace_back();
    topic_out.name = topic.name;
    for (const int32_t index : topic.partition_indexes) {
      if (!seen.insert({topic.name, index}).second) continue;
      auto& out = topic_out.partitions.emplace_back();
      out.partition_index = index;
      const PartitionLogPtr log = found ? found->partition(index) : nullptr;
      if (!log) {
        out.error_code = check_topic_name(topic.name) ? kafka::ErrorCode::kUnknownTopicOrPartition
                                                      : kafka::ErrorCode::kInvalidTopicException;
        continue;
      }
      for (const ActiveProducer& producer : log->active_producers()) {
        out.active_producers.push_back(describe(producer));
      }
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
