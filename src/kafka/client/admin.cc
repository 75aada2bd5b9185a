#include "kafka/client/admin.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>

#include "kafka/client/librdkafka.h"
#include "kafka/client/plain_call.h"
#include "kafka/client/topic_partition_list.h"
#include "kafka/error_code.h"
#include "kafka/messages/incremental_alter_configs.h"

namespace freshet::kafka {
namespace {

struct AdminDestroy {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_DeleteTopic_t* topic) const { rd_kafka_DeleteTopic_destroy(topic); }
  void operator()(rd_kafka_ConfigResource_t* r) const { rd_kafka_ConfigResource_destroy(r); }
  void operator()(rd_kafka_NewPartitions_t* request) const {
    rd_kafka_NewPartitions_destroy(request);
  }
  void operator()(rd_kafka_DeleteGroup_t* request) const { rd_kafka_DeleteGroup_destroy(request); }
  void operator()(rd_kafka_AlterConsumerGroupOffsets_t* request) const {
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
  }
  void operator()(rd_kafka_DeleteConsumerGroupOffsets_t* request) const {
    rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
  }
  void operator()(rd_kafka_ListConsumerGroupOffsets_t* request) const {
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
  }
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
template <class T>
using Owned = std::unique_ptr<T, AdminDestroy>;

using Send = std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>;

/// Sends one admin request and waits for its result event.
Result<Owned<rd_kafka_event_t>> ask(rd_kafka_t* client, rd_kafka_admin_op_t operation,
                                    std::chrono::milliseconds timeout, std::string_view what,
                                    const Send& send) {
  std::array<char, 256> reason{};
  const Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, operation));
  const auto code = rd_kafka_AdminOptions_set_request_timeout(options.get(), to_millis(timeout),
                                                              reason.data(), reason.size());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(code, reason.data(), what));
  }
  const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
  send(options.get(), queue.get());
  // librdkafka always delivers a result, at the latest when the request timed out.
  Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), /*timeout_ms=*/-1));
  const auto failure = rd_kafka_event_error(event.get());
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(failure, rd_kafka_event_error_string(event.get()), what));
  }
  return event;
}

Result<void> check_topic_results(const rd_kafka_topic_result_t* const* results, size_t count,
                                 std::string_view what) {
  for (size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(
          client_error(code, rd_kafka_topic_result_error_string(results[i]), what));
    }
  }
  return {};
}

/// Errors of the groups themselves, and of the partitions in their answers.
Result<void> check_group_results(const rd_kafka_group_result_t* const* results, size_t count,
                                 std::string_view what) {
  for (size_t i = 0; i < count; ++i) {
    if (const auto* error = rd_kafka_group_result_error(results[i]); error != nullptr) {
      return std::unexpected(
          client_error(rd_kafka_error_code(error), rd_kafka_error_string(error), what));
    }
    const auto* partitions = rd_kafka_group_result_partitions(results[i]);
    if (partitions == nullptr) continue;
    for (const auto& tp : elements(*partitions)) {
      if (tp.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      return std::unexpected(
          client_error(tp.err, fmt::format("{}: {} partition {}", what, tp.topic, tp.partition)));
    }
  }
  return {};
}

/// The addresses that the client was given.
std::string bootstrap_of(rd_kafka_t* client) {
  std::string servers(512, '\0');
  size_t size = servers.size();
  const auto found =
      rd_kafka_conf_get(rd_kafka_conf(client), "bootstrap.servers", servers.data(), &size);
  if (found != RD_KAFKA_CONF_OK) return "the address given";
  servers.resize(size > 0 ? std::min(size, servers.size()) - 1 : 0);
  return servers;
}

Result<Owned<const rd_kafka_metadata_t>> fetch_metadata(rd_kafka_t* client, rd_kafka_topic_t* topic,
                                                        std::chrono::milliseconds timeout) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code = rd_kafka_metadata(client, /*all_topics=*/topic == nullptr ? 1 : 0, topic,
                                      &metadata, to_millis(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(
        code, fmt::format("no Kafka broker answered at {} within {} ms; check the address and that "
                          "it is running there",
                          bootstrap_of(client), timeout.count())));
  }
  return Owned<const rd_kafka_metadata_t>(metadata);
}

TopicInfo to_topic_info(const rd_kafka_metadata_topic_t& topic) {
  TopicInfo info{topic.topic, {}};
  for (int i = 0; i < topic.partition_cnt; ++i) {
    const auto& partition = topic.partitions[i];
    info.partitions.push_back(
        {.id = partition.id,
         .leader = partition.leader,
         .replicas = {partition.replicas, partition.replicas + partition.replica_cnt},
         .in_sync_replicas = {partition.isrs, partition.isrs + partition.isr_cnt}});
  }
  std::ranges::sort(info.partitions, {}, &PartitionInfo::id);
  return info;
}

/// Queries ListOffsets for all partitions at once; `timestamp` may be one of the special ones.
Result<std::vector<Offset>> list_offsets(rd_kafka_t* client,
                                         std::span<const TopicPartition> partitions,
                                         int64_t timestamp, std::chrono::milliseconds timeout) {
  if (partitions.empty()) return std::vector<Offset>();
  auto list = make_list(partitions.size());
  for (const auto& tp : partitions) add(list, tp).offset = timestamp;
  const auto code = rd_kafka_offsets_for_times(client, list.get(), to_millis(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(code, "cannot look up offsets"));
  }
  std::vector<Offset> offsets;
  offsets.reserve(partitions.size());
  for (const auto& tp : partitions) {
    // librdkafka may have reordered its list.
    const auto* found =
        rd_kafka_topic_partition_list_find(list.get(), tp.topic.c_str(), tp.partition);
    if (found == nullptr || found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(
          client_error(found == nullptr ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : found->err,
                       fmt::format("cannot look up offsets of {}", tp)));
    }
    offsets.emplace_back(found->offset);
  }
  return offsets;
}

constexpr int64_t kEarliestTimestamp = -2;
constexpr int64_t kLatestTimestamp = -1;

std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }

GroupDescription to_description(const rd_kafka_ConsumerGroupDescription_t* group) {
  GroupDescription description;
  description.id = rd_kafka_ConsumerGroupDescription_group_id(group);
  description.state =
      rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(group));
  description.assignor = text_or_empty(rd_kafka_ConsumerGroupDescription_partition_assignor(group));
  if (const auto* node = rd_kafka_ConsumerGroupDescription_coordinator(group); node != nullptr) {
    description.coordinator = {rd_kafka_Node_id(node), text_or_empty(rd_kafka_Node_host(node)),
                               rd_kafka_Node_port(node)};
  }
  for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); ++i) {
    const auto* member = rd_kafka_ConsumerGroupDescription_member(group, i);
    GroupMemberInfo info;
    info.member_id = text_or_empty(rd_kafka_MemberDescription_consumer_id(member));
    if (const char* id = rd_kafka_MemberDescription_group_instance_id(member); id != nullptr) {
      info.group_instance_id = id;
    }
    info.client_id = text_or_empty(rd_kafka_MemberDescription_client_id(member));
    info.host = text_or_empty(rd_kafka_MemberDescription_host(member));
    const auto* assignment = rd_kafka_MemberDescription_assignment(member);
    const auto* list =
        assignment != nullptr ? rd_kafka_MemberAssignment_partitions(assignment) : nullptr;
    if (list != nullptr) {
      for (const auto& tp : elements(*list)) info.assigned.push_back({tp.topic, tp.partition});
    }
    std::ranges::sort(info.assigned);
    description.members.push_back(std::move(info));
  }
  return description;
}

}  // namespace

Result<Admin> Admin::create(const ClientSettings& client) {
  // A consumer handle, because a producer's metadata requests may create topics.
  FRESHET_ASSIGN(auto configuration, make_configuration(client, {}));
  FRESHET_ASSIGN(auto handle, make_client(RD_KAFKA_CONSUMER, std::move(configuration)));
  return Admin(std::move(handle), client);
}

Result<void> Admin::create_topic(const NewTopic& topic) {
  const std::string what = fmt::format("cannot create topic {}", topic.name);
  std::array<char, 256> reason{};
  const Owned<rd_kafka_NewTopic_t> request(
      rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication_factor,
                            reason.data(), reason.size()));
  if (!request) return fail(Errc::kInvalidArgument, "{}: {}", what, reason.data());
  for (const auto& [name, value] : topic.config) {
    const auto code = rd_kafka_NewTopic_set_config(request.get(), name.c_str(), value.c_str());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(client_error(code, what));
  }
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_,
                                       what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_CreateTopics(client_.get(), &one, 1, options,
                                                               queue);
                                       }));
  size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  return check_topic_results(results, count, what);
}

Result<void> Admin::delete_topic(const std::string& name) {
  const std::string what = fmt::format("cannot delete topic {}", name);
  const Owned<rd_kafka_DeleteTopic_t> request(rd_kafka_DeleteTopic_new(name.c_str()));
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_,
                                       what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_DeleteTopics(client_.get(), &one, 1, options,
                                                               queue);
                                       }));
  size_t count = 0;
  const auto* results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  return check_topic_results(results, count, what);
}

Result<ClusterInfo> Admin::cluster() {
  FRESHET_ASSIGN(const auto metadata, fetch_metadata(client_.get(), nullptr, timeout_));
  ClusterInfo info;
  for (int i = 0; i < metadata->broker_cnt; ++i) {
    const auto& broker = metadata->brokers[i];
    info.brokers.push_back({broker.id, broker.host, broker.port});
  }
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      info.topics.push_back(to_topic_info(metadata->topics[i]));
    }
  }
  std::ranges::sort(info.topics, {}, &TopicInfo::name);
  info.controller_id = rd_kafka_controllerid(client_.get(), to_millis(timeout_));
  if (char* id = rd_kafka_clusterid(client_.get(), to_millis(timeout_)); id != nullptr) {
    info.cluster_id = id;
    rd_kafka_mem_free(client_.get(), id);
  }
  return info;
}

Result<TopicInfo> Admin::topic(const std::string& name) {
  const Owned<rd_kafka_topic_t> handle(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  if (!handle) {
    return std::unexpected(client_error(rd_kafka_last_error(), fmt::format("topic {}", name)));
  }
  FRESHET_ASSIGN(const auto metadata, fetch_metadata(client_.get(), handle.get(), timeout_));
  if (metadata->topic_cnt != 1) {
    return fail(Errc::kInternal, "the broker answered with {} topics for {}", metadata->topic_cnt,
                name);
  }
  if (const auto code = metadata->topics[0].err; code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(code, fmt::format("topic {}", name)));
  }
  return to_topic_info(metadata->topics[0]);
}

Result<std::vector<ConfigEntry>> Admin::topic_config(const std::string& name) {
  const std::string what = fmt::format("cannot describe the configuration of topic {}", name);
  const Owned<rd_kafka_ConfigResource_t> request(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_,
                                       what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_DescribeConfigs(client_.get(), &one, 1, options,
                                                                  queue);
                                       }));
  size_t resource_count = 0;
  const auto* resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &resource_count);
  std::vector<ConfigEntry> entries;
  for (size_t i = 0; i < resource_count; ++i) {
    const auto code = rd_kafka_ConfigResource_error(resources[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(
          client_error(code, rd_kafka_ConfigResource_error_string(resources[i]), what));
    }
    size_t count = 0;
    const auto* configs = rd_kafka_ConfigResource_configs(resources[i], &count);
    for (size_t j = 0; j < count; ++j) {
      ConfigEntry entry;
      entry.name = rd_kafka_ConfigEntry_name(configs[j]);
      if (const char* value = rd_kafka_ConfigEntry_value(configs[j]); value != nullptr) {
        entry.value = value;
      }
      entry.is_default = rd_kafka_ConfigEntry_is_default(configs[j]) == 1;
      entry.is_of_topic =
          rd_kafka_ConfigEntry_source(configs[j]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
      entry.is_read_only = rd_kafka_ConfigEntry_is_read_only(configs[j]) == 1;
      entry.is_sensitive = rd_kafka_ConfigEntry_is_sensitive(configs[j]) == 1;
      entries.push_back(std::move(entry));
    }
  }
  std::ranges::sort(entries, {}, &ConfigEntry::name);
  return entries;
}

Result<void> Admin::create_partitions(const std::string& topic, int32_t total) {
  const std::string what = fmt::format("cannot grow topic {} to {} partitions", topic, total);
  std::array<char, 256> reason{};
  const Owned<rd_kafka_NewPartitions_t> request(rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<size_t>(total), reason.data(), reason.size()));
  if (!request) return fail(Errc::kInvalidArgument, "{}: {}", what, reason.data());
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, timeout_,
                                       what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_CreatePartitions(client_.get(), &one, 1, options,
                                                                   queue);
                                       }));
  size_t count = 0;
  const auto* results = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event.get()), &count);
  return check_topic_results(results, count, what);
}

Result<void> Admin::alter_topic_config(const std::string& topic, const ConfigChanges& changes) {
  const std::string what = fmt::format("cannot alter the configuration of topic {}", topic);
  if (!can_call_plainly(settings_)) {
    FRESHET_ASSIGN(const auto entries, topic_config(topic));
    std::map<std::string, std::string> config;
    for (const auto& entry : entries) {
      if (entry.is_of_topic) config[entry.name] = entry.value.value_or("");
    }
    for (const auto& [name, value] : changes) {
      if (value) {
        config[name] = *value;
      } else {
        config.erase(name);
      }
    }
    return replace_topic_config(topic, config);
  }
  constexpr int8_t kTopic = 2;
  constexpr int8_t kSet = 0;
  constexpr int8_t kDelete = 1;
  IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopic;
  resource.resource_name = topic;
  for (const auto& [name, value] : changes) {
    resource.configs.push_back({name, value ? kSet : kDelete, value});
  }
  FRESHET_ASSIGN_CONTEXT(
      const auto answer,
      plain_call<IncrementalAlterConfigsResponse>(settings_, request, /*version=*/1), "{}", what);
  for (const auto& row : answer.responses) {
    if (row.error_code == ErrorCode::kNone) continue;
    Error error = to_error(row.error_code);
    const std::string why = row.error_message.value_or("");
    return std::unexpected(
        Error(error.code(), why.empty() ? std::string(error.message()) : why).with_context(what));
  }
  return {};
}

Result<void> Admin::replace_topic_config(const std::string& topic,
                                         const std::map<std::string, std::string>& config) {
  const std::string what = fmt::format("cannot alter the configuration of topic {}", topic);
  const Owned<rd_kafka_ConfigResource_t> request(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  for (const auto& [name, value] : config) {
    const auto code =
        rd_kafka_ConfigResource_set_config(request.get(), name.c_str(), value.c_str());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(client_error(code, what));
  }
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_ALTERCONFIGS, timeout_,
                                       what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_AlterConfigs(client_.get(), &one, 1, options,
                                                               queue);
                                       }));
  size_t count = 0;
  const auto* resources = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_ConfigResource_error(resources[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return std::unexpected(
        client_error(code, rd_kafka_ConfigResource_error_string(resources[i]), what));
  }
  return {};
}

Result<std::vector<GroupListing>> Admin::groups() {
  constexpr std::string_view kWhat = "cannot list consumer groups";
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
                                       timeout_, kWhat, [&](const auto* options, auto* queue) {
                                         rd_kafka_ListConsumerGroups(client_.get(), options, queue);
                                       }));
  const auto* result = rd_kafka_event_ListConsumerGroups_result(event.get());
  size_t count = 0;
  const auto* errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
  if (count > 0) {
    // A partial list would look like a complete one.
    return std::unexpected(
        client_error(rd_kafka_error_code(errors[0]), rd_kafka_error_string(errors[0]), kWhat));
  }
  const auto* listings = rd_kafka_ListConsumerGroups_result_valid(result, &count);
  std::vector<GroupListing> groups;
  groups.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    groups.push_back(
        {rd_kafka_ConsumerGroupListing_group_id(listings[i]),
         rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupListing_state(listings[i]))});
  }
  std::ranges::sort(groups, {}, &GroupListing::id);
  return groups;
}

Result<GroupDescription> Admin::group(const std::string& id) {
  const std::string what = fmt::format("cannot describe group {}", id);
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
                                       timeout_, what, [&](const auto* options, auto* queue) {
                                         const char* one = id.c_str();
                                         rd_kafka_DescribeConsumerGroups(client_.get(), &one, 1,
                                                                         options, queue);
                                       }));
  size_t count = 0;
  const auto* groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  if (count != 1) return fail(Errc::kInternal, "{}: {} groups in the answer", what, count);
  if (const auto* error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
      error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(
        client_error(rd_kafka_error_code(error), rd_kafka_error_string(error), what));
  }
  return to_description(groups[0]);
}

Result<std::vector<CommittedOffset>> Admin::committed(const std::string& group_id) {
  const std::string what = fmt::format("cannot read the offsets of group {}", group_id);
  const Owned<rd_kafka_ListConsumerGroupOffsets_t> request(
      rd_kafka_ListConsumerGroupOffsets_new(group_id.c_str(), /*partitions=*/nullptr));
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
                                       timeout_, what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_ListConsumerGroupOffsets(client_.get(), &one, 1,
                                                                           options, queue);
                                       }));
  size_t count = 0;
  const auto* groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  std::vector<CommittedOffset> committed;
  for (size_t i = 0; i < count; ++i) {
    if (const auto* error = rd_kafka_group_result_error(groups[i]); error != nullptr) {
      return std::unexpected(
          client_error(rd_kafka_error_code(error), rd_kafka_error_string(error), what));
    }
    for (const auto& tp : elements(*rd_kafka_group_result_partitions(groups[i]))) {
      if (tp.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return std::unexpected(client_error(tp.err, what));
      }
      if (tp.offset < 0) continue;
      committed.push_back({{tp.topic, tp.partition},
                           Offset(tp.offset),
                           {static_cast<const char*>(tp.metadata), tp.metadata_size}});
    }
  }
  std::ranges::sort(committed, {}, &CommittedOffset::tp);
  return committed;
}

Result<void> Admin::commit_for(const std::string& group_id,
                               std::span<const CommittedOffset> offsets) {
  const std::string what = fmt::format("cannot set the offsets of group {}", group_id);
  if (offsets.empty()) return {};
  auto list = make_list(offsets.size());
  for (const auto& offset : offsets) add(list, offset.tp).offset = offset.offset.value();
  const Owned<rd_kafka_AlterConsumerGroupOffsets_t> request(
      rd_kafka_AlterConsumerGroupOffsets_new(group_id.c_str(), list.get()));
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
                                       timeout_, what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_AlterConsumerGroupOffsets(client_.get(), &one, 1,
                                                                            options, queue);
                                       }));
  size_t count = 0;
  const auto* groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(event.get()), &count);
  return check_group_results(groups, count, what);
}

Result<void> Admin::delete_group(const std::string& id) {
  const std::string what = fmt::format("cannot delete group {}", id);
  const Owned<rd_kafka_DeleteGroup_t> request(rd_kafka_DeleteGroup_new(id.c_str()));
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_DELETEGROUPS, timeout_,
                                       what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_DeleteGroups(client_.get(), &one, 1, options,
                                                               queue);
                                       }));
  size_t count = 0;
  const auto* groups =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
  return check_group_results(groups, count, what);
}

Result<void> Admin::delete_offsets(const std::string& group_id,
                                   std::span<const TopicPartition> partitions) {
  const std::string what = fmt::format("cannot delete offsets of group {}", group_id);
  if (partitions.empty()) return {};
  auto list = make_list(partitions.size());
  for (const auto& tp : partitions) add(list, tp);
  const Owned<rd_kafka_DeleteConsumerGroupOffsets_t> request(
      rd_kafka_DeleteConsumerGroupOffsets_new(group_id.c_str(), list.get()));
  FRESHET_ASSIGN(const auto event, ask(client_.get(), RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
                                       timeout_, what, [&](const auto* options, auto* queue) {
                                         auto* one = request.get();
                                         rd_kafka_DeleteConsumerGroupOffsets(client_.get(), &one, 1,
                                                                             options, queue);
                                       }));
  size_t count = 0;
  const auto* groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
      rd_kafka_event_DeleteConsumerGroupOffsets_result(event.get()), &count);
  return check_group_results(groups, count, what);
}

Result<std::vector<PartitionBounds>> Admin::bounds(std::span<const TopicPartition> partitions) {
  FRESHET_ASSIGN(const auto starts,
                 list_offsets(client_.get(), partitions, kEarliestTimestamp, timeout_));
  FRESHET_ASSIGN(const auto ends,
                 list_offsets(client_.get(), partitions, kLatestTimestamp, timeout_));
  std::vector<PartitionBounds> bounds;
  bounds.reserve(partitions.size());
  for (size_t i = 0; i < partitions.size(); ++i) bounds.push_back({starts[i], ends[i]});
  return bounds;
}

Result<std::vector<Offset>> Admin::offsets_at(std::span<const TopicPartition> partitions,
                                              int64_t timestamp_ms) {
  FRESHET_ASSIGN(auto offsets, list_offsets(client_.get(), partitions, timestamp_ms, timeout_));
  if (std::ranges::find(offsets, kNoOffset) == offsets.end()) return offsets;
  FRESHET_ASSIGN(const auto ends,
                 list_offsets(client_.get(), partitions, kLatestTimestamp, timeout_));
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] == kNoOffset) offsets[i] = ends[i];
  }
  return offsets;
}

}  // namespace freshet::kafka
