#include "kafka/messages/offset_fetch.h"

#include <atomic>
#include <set>

#include "broker/handlers/answered_once.h"
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
  // Each may have 4 KiB of metadata.
  drop_repeated(tps, [](const TopicPartition& tp) { return tp; });
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

/// Partitions that an open transaction may change, looked at before the offsets are read: what is
/// not among them stays as it is read, or has been changed for good.
using Unstable = std::set<TopicPartition>;

Unstable unstable(const Services& services, const std::string& group, bool require_stable) {
  return require_stable ? services.transactions.pending_offsets().unstable(group) : Unstable();
}

void withhold(const Unstable& unstable, std::vector<Response::Topic>& topics) {
  if (unstable.empty()) return;
  for (auto& topic : topics) {
    for (auto& partition : topic.partitions) {
      if (!unstable.contains({topic.name, partition.partition_index})) continue;
      partition.committed_offset = -1;
      partition.committed_leader_epoch = -1;
      partition.metadata = "";
      partition.error_code = kafka::ErrorCode::kUnstableOffsetCommit;
    }
  }
}

struct Batch {
  CallPtr call;
  Response response;
  std::atomic<size_t> outstanding;
};

void fetch_many(CallPtr call, kafka::OffsetFetchRequest request) {
  drop_repeated(request.groups, [](const auto& group) { return group.group_id; });
  auto batch = std::make_shared<Batch>();
  batch->response.groups.resize(request.groups.size());
  batch->outstanding = request.groups.size();
  GroupCoordinator& groups = call->services().groups;
  batch->call = std::move(call);
  if (request.groups.empty()) return batch->call->answer(batch->response);
  for (size_t i = 0; i < request.groups.size(); ++i) {
    batch->response.groups[i].group_id = request.groups[i].group_id;
    auto withheld =
        unstable(batch->call->services(), request.groups[i].group_id, request.require_stable);
    groups.fetch(request.groups[i].group_id, wanted(request.groups[i].topics),
                 [batch, i, withheld = std::move(withheld)](std::vector<FetchedOffset> offsets) {
                   batch->response.groups[i].topics = grouped(std::move(offsets));
                   withhold(withheld, batch->response.groups[i].topics);
                   if (batch->outstanding.fetch_sub(1) == 1) batch->call->answer(batch->response);
                 });
  }
}

}  // namespace

void handle_offset_fetch(CallPtr call, kafka::OffsetFetchRequest request) {
  if (call->version() >= 8) return fetch_many(std::move(call), std::move(request));
  // Version 1 cannot ask for everything: its empty list is empty.
  GroupCoordinator& groups = call->services().groups;
  auto withheld = unstable(call->services(), request.group_id, request.require_stable);
  groups.fetch(
      request.group_id, wanted(request.topics),
      [call = std::move(call), withheld = std::move(withheld)](std::vector<FetchedOffset> offsets) {
        Response response;
        response.topics = grouped(std::move(offsets));
        withhold(withheld, response.topics);
        call->answer(response);
      });
}

}  // namespace freshet::broker
