#include <atomic>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using Response = kafka::OffsetFetchResponse;

std::optional<std::vector<TopicPartition>> wanted(
    const std::optional<std::vector<kafka::OffsetFetchRequest::Topic>>& topics) {
  if (!topics) return std::nullopt;
  std::vector<TopicPartition> tps;
  for (const auto& topic : *topics) {
    for (const int32_t partition : topic.partition_indexes) tps.push_back({topic.name, partition});
  }
  return tps;
}

/// Fetched offsets keep the order they were asked in, so topics are runs of the same name.
std::vector<Response::Topic> grouped(std::vector<FetchedOffset> offsets) {
  std::vector<Response::Topic> topics;
  for (FetchedOffset& offset : offsets) {
    if (topics.empty() || topics.back().name != offset.tp.topic) {
      topics.emplace_back().name = offset.tp.topic;
    }
    Response::Partition partition;
    partition.partition_index = offset.tp.partition;
    partition.committed_offset = offset.committed.offset.value();
    partition.committed_leader_epoch = offset.committed.leader_epoch;
    partition.metadata = std::move(offset.committed.metadata);
    topics.back().partitions.push_back(std::move(partition));
  }
  return topics;
}

struct Batch {
  CallPtr call;
  Response response;
  std::atomic<size_t> outstanding;
};

void fetch_many(CallPtr call, kafka::OffsetFetchRequest request) {
  auto batch = std::make_shared<Batch>();
  batch->response.groups.resize(request.groups.size());
  batch->outstanding = request.groups.size();
  GroupCoordinator& groups = call->services().groups;
  batch->call = std::move(call);
  if (request.groups.empty()) return batch->call->answer(batch->response);
  for (size_t i = 0; i < request.groups.size(); ++i) {
    batch->response.groups[i].group_id = request.groups[i].group_id;
    groups.fetch(request.groups[i].group_id, wanted(request.groups[i].topics),
                 [batch, i](std::vector<FetchedOffset> offsets) {
                   batch->response.groups[i].topics = grouped(std::move(offsets));
                   if (batch->outstanding.fetch_sub(1) == 1) batch->call->answer(batch->response);
                 });
  }
}

}  // namespace

void handle_offset_fetch(CallPtr call, kafka::OffsetFetchRequest request) {
  if (call->version() >= 8) return fetch_many(std::move(call), std::move(request));
  // Version 1 cannot ask for everything: its empty list is empty.
  GroupCoordinator& groups = call->services().groups;
  groups.fetch(request.group_id, wanted(request.topics),
               [call = std::move(call)](std::vector<FetchedOffset> offsets) {
                 Response response;
                 response.topics = grouped(std::move(offsets));
                 call->answer(response);
               });
}

}  // namespace freshet::broker
