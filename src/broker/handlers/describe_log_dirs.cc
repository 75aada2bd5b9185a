#include "kafka/messages/describe_log_dirs.h"

#include <filesystem>
#include <set>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using Request = kafka::DescribeLogDirsRequest;
using Response = kafka::DescribeLogDirsResponse;

void add_partition(const PartitionLog& log, Response::Topic& out) {
  out.partitions.push_back({log.tp().partition, static_cast<int64_t>(log.size_bytes()),
                            /*offset_lag=*/0, /*is_future_key=*/false});
}

void add_everything(const TopicRegistry& topics, Response::Result& out) {
  for (const TopicPtr& topic : topics.list()) {
    auto& topic_out = out.topics.emplace_back();
    topic_out.name = topic->name;
    for (const PartitionLogPtr& log : topic->partitions) add_partition(*log, topic_out);
  }
}

/// What does not exist is left out of the answer, as by Apache Kafka.
void add_wanted(const TopicRegistry& topics, const Request::Topic& wanted, Response::Result& out) {
  const TopicPtr topic = topics.find(wanted.topic);
  if (!topic) return;
  Response::Topic topic_out;
  topic_out.name = topic->name;
  for (const int32_t index : std::set(wanted.partitions.begin(), wanted.partitions.end())) {
    if (const PartitionLogPtr log = topic->partition(index)) add_partition(*log, topic_out);
  }
  if (!topic_out.partitions.empty()) out.topics.push_back(std::move(topic_out));
}

}  // namespace

void handle_describe_log_dirs(CallPtr call, Request request) {
  const Services& services = call->services();
  Response response;
  Response::Result& out = response.results.emplace_back();
  out.log_dir = services.options.data_dir.string();
  std::error_code unknown;
  const auto space = std::filesystem::space(services.options.data_dir, unknown);
  if (!unknown) {
    out.total_bytes = static_cast<int64_t>(space.capacity);
    out.usable_bytes = static_cast<int64_t>(space.available);
  }
  if (request.topics) {
    for (const auto& wanted : *request.topics) add_wanted(services.topics, wanted, out);
  } else {
    add_everything(services.topics, out);
  }
  call->answer(response);
}

}  // namespace freshet::broker
