#include "kafka/messages/metadata.h"

#include <atomic>
#include <utility>

#include "broker/handlers/answered_once.h"
#include "broker/handlers/authorized_operations.h"
#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::MetadataResponse;

Response::Topic describe(const Topic& topic, bool with_operations) {
  Response::Topic out;
  out.name = topic.name;
  out.topic_id = topic.id;
  out.is_internal = topic.internal;
  for (size_t i = 0; i < topic.partitions.size(); ++i) {
    Response::Partition partition;
    partition.partition_index = static_cast<int32_t>(i);
    partition.leader_id = kNodeId;
    partition.leader_epoch = topic.partitions[i]->leader_epoch();
    partition.replica_nodes = {kNodeId};
    partition.isr_nodes = {kNodeId};
    out.partitions.push_back(std::move(partition));
  }
  if (with_operations) out.topic_authorized_operations = kTopicOperations;
  return out;
}

Response::Topic missing(std::optional<std::string> name, const TopicId& id, ErrorCode error,
                        bool with_operations) {
  Response::Topic out;
  if (with_operations && name) out.topic_authorized_operations = kTopicOperations;
  out.error_code = error;
  out.name = std::move(name);
  out.topic_id = id;
  return out;
}

Response describe_cluster(const Services& services, const kafka::MetadataRequest& request) {
  Response response;
  response.brokers.push_back(
      {kNodeId, services.advertised_host, services.advertised_port.load(), std::nullopt});
  response.cluster_id = services.topics.cluster_id();
  response.controller_id = kNodeId;
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = kClusterOperations;
  }
  return response;
}

/// Holds the answer until every topic that is created on the way is there.
struct Pending {
  CallPtr call;
  Response response;
  std::atomic<size_t> outstanding = 1;

  void done() {
    if (outstanding.fetch_sub(1) == 1) call->answer(response);
  }
};

ErrorCode creation_error(const Error& error) {
  return error.code() == Errc::kInvalidArgument ? ErrorCode::kInvalidTopicException
                                                : ErrorCode::kUnknownTopicOrPartition;
}

void create_on_demand(const std::shared_ptr<Pending>& pending, size_t slot, std::string name,
                      bool with_operations) {
  TopicSpec spec;
  spec.name = std::move(name);
  ++pending->outstanding;
  pending->call->services().topics.ensure(
      spec, [pending, slot, name = spec.name, with_operations](Result<TopicPtr> topic) {
        pending->response.topics[slot] =
            topic ? describe(**topic, with_operations)
                  : missing(name, TopicId(), creation_error(topic.error()), with_operations);
        pending->done();
      });
}

}  // namespace

void handle_metadata(CallPtr call, kafka::MetadataRequest request) {
  const Services& services = call->services();
  const bool with_operations = request.include_topic_authorized_operations;
  auto pending = std::make_shared<Pending>();
  pending->response = describe_cluster(services, request);
  auto& topics = pending->response.topics;

  const bool all = !request.topics || (call->version() == 0 && request.topics->empty());
  if (all) {
    for (const TopicPtr& topic : services.topics.list()) {
      topics.push_back(describe(*topic, with_operations));
    }
    return call->answer(pending->response);
  }

  const bool create = services.options.auto_create_topics && request.allow_auto_topic_creation;
  drop_repeated(*request.topics,
                [](const auto& topic) { return std::pair(topic.topic_id, topic.name); });
  // Slots must not move while topics are being created into them.
  topics.resize(request.topics->size());
  pending->call = std::move(call);
  for (size_t i = 0; i < request.topics->size(); ++i) {
    auto& wanted = (*request.topics)[i];
    const bool by_id = !wanted.topic_id.is_zero();
    const TopicPtr topic = by_id ? services.topics.find(wanted.topic_id)
                                 : services.topics.find(wanted.name.value_or(""));
    if (topic) {
      topics[i] = describe(*topic, with_operations);
    } else if (by_id) {
      topics[i] =
          missing(std::nullopt, wanted.topic_id, ErrorCode::kUnknownTopicId, with_operations);
    } else if (!check_topic_name(wanted.name.value_or(""))) {
      topics[i] =
          missing(std::move(wanted.name), {}, ErrorCode::kInvalidTopicException, with_operations);
    } else if (create) {
      create_on_demand(pending, i, std::move(*wanted.name), with_operations);
    } else {
      topics[i] =
          missing(std::move(wanted.name), {}, ErrorCode::kUnknownTopicOrPartition, with_operations);
    }
  }
  pending->done();
}

}  // namespace freshet::broker
