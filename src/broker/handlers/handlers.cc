#include "broker/handlers/handlers.h"

#include <algorithm>
#include <iterator>

#include "kafka/messages/all.h"

namespace freshet::broker {

namespace {

using kafka::ApiKey;

template <class Request, void (*Handle)(CallPtr, Request)>
void decode_then(CallPtr call) {
  const std::span<char> body = call->body();
  auto request = kafka::decode_message<Request>({body.data(), body.size()}, call->version());
  if (!request) {
    call->close(request.error().message());
    return;
  }
  Handle(std::move(call), std::move(*request));
}

struct Row {
  ApiKey api;
  void (*run)(CallPtr);
};

constexpr Row kRows[] = {
    {ApiKey::kProduce, decode_then<kafka::ProduceRequest, handle_produce>},
    {ApiKey::kFetch, decode_then<kafka::FetchRequest, handle_fetch>},
    {ApiKey::kListOffsets, decode_then<kafka::ListOffsetsRequest, handle_list_offsets>},
    {ApiKey::kMetadata, decode_then<kafka::MetadataRequest, handle_metadata>},
    {ApiKey::kOffsetCommit, decode_then<kafka::OffsetCommitRequest, handle_offset_commit>},
    {ApiKey::kOffsetFetch, decode_then<kafka::OffsetFetchRequest, handle_offset_fetch>},
    {ApiKey::kFindCoordinator, decode_then<kafka::FindCoordinatorRequest, handle_find_coordinator>},
    {ApiKey::kJoinGroup, decode_then<kafka::JoinGroupRequest, handle_join_group>},
    {ApiKey::kHeartbeat, decode_then<kafka::HeartbeatRequest, handle_heartbeat>},
    {ApiKey::kLeaveGroup, decode_then<kafka::LeaveGroupRequest, handle_leave_group>},
    {ApiKey::kSyncGroup, decode_then<kafka::SyncGroupRequest, handle_sync_group>},
    {ApiKey::kDescribeGroups, decode_then<kafka::DescribeGroupsRequest, handle_describe_groups>},
    {ApiKey::kListGroups, decode_then<kafka::ListGroupsRequest, handle_list_groups>},
    {ApiKey::kDeleteGroups, decode_then<kafka::DeleteGroupsRequest, handle_delete_groups>},
    {ApiKey::kOffsetDelete, decode_then<kafka::OffsetDeleteRequest, handle_offset_delete>},
    {ApiKey::kSaslHandshake, decode_then<kafka::SaslHandshakeRequest, handle_sasl_handshake>},
    {ApiKey::kSaslAuthenticate,
     decode_then<kafka::SaslAuthenticateRequest, handle_sasl_authenticate>},
    {ApiKey::kApiVersions, decode_then<kafka::ApiVersionsRequest, handle_api_versions>},
    {ApiKey::kCreateTopics, decode_then<kafka::CreateTopicsRequest, handle_create_topics>},
    {ApiKey::kDeleteTopics, decode_then<kafka::DeleteTopicsRequest, handle_delete_topics>},
    {ApiKey::kInitProducerId, decode_then<kafka::InitProducerIdRequest, handle_init_producer_id>},
    {ApiKey::kDeleteRecords, decode_then<kafka::DeleteRecordsRequest, handle_delete_records>},
    {ApiKey::kCreatePartitions,
     decode_then<kafka::CreatePartitionsRequest, handle_create_partitions>},
    {ApiKey::kAlterConfigs, decode_then<kafka::AlterConfigsRequest, handle_alter_configs>},
    {ApiKey::kIncrementalAlterConfigs,
     decode_then<kafka::IncrementalAlterConfigsRequest, handle_incremental_alter_configs>},
    {ApiKey::kDescribeConfigs, decode_then<kafka::DescribeConfigsRequest, handle_describe_configs>},
    {ApiKey::kDescribeUserScramCredentials, decode_then<kafka::DescribeUserScramCredentialsRequest,
                                                        handle_describe_user_scram_credentials>},
    {ApiKey::kAlterUserScramCredentials,
     decode_then<kafka::AlterUserScramCredentialsRequest, handle_alter_user_scram_credentials>},
    {ApiKey::kDescribeAcls, decode_then<kafka::DescribeAclsRequest, handle_describe_acls>},
    {ApiKey::kCreateAcls, decode_then<kafka::CreateAclsRequest, handle_create_acls>},
    {ApiKey::kDeleteAcls, decode_then<kafka::DeleteAclsRequest, handle_delete_acls>},
    {ApiKey::kDescribeCluster, decode_then<kafka::DescribeClusterRequest, handle_describe_cluster>},
    {ApiKey::kDescribeQuorum, decode_then<kafka::DescribeQuorumRequest, handle_describe_quorum>},
    {ApiKey::kElectLeaders, decode_then<kafka::ElectLeadersRequest, handle_elect_leaders>},
    {ApiKey::kDescribeLogDirs,
     decode_then<kafka::DescribeLogDirsRequest, handle_describe_log_dirs>},
    {ApiKey::kDescribeTopicPartitions,
     decode_then<kafka::DescribeTopicPartitionsRequest, handle_describe_topic_partitions>},
    {ApiKey::kOffsetForLeaderEpoch,
     decode_then<kafka::OffsetForLeaderEpochRequest, handle_offset_for_leader_epoch>},
    {ApiKey::kListPartitionReassignments,
     decode_then<kafka::ListPartitionReassignmentsRequest, handle_list_partition_reassignments>},
    {ApiKey::kDescribeClientQuotas,
     decode_then<kafka::DescribeClientQuotasRequest, handle_describe_client_quotas>},
    {ApiKey::kAlterClientQuotas,
     decode_then<kafka::AlterClientQuotasRequest, handle_alter_client_quotas>},
    {ApiKey::kAddPartitionsToTxn,
     decode_then<kafka::AddPartitionsToTxnRequest, handle_add_partitions_to_txn>},
    {ApiKey::kAddOffsetsToTxn,
     decode_then<kafka::AddOffsetsToTxnRequest, handle_add_offsets_to_txn>},
    {ApiKey::kEndTxn, decode_then<kafka::EndTxnRequest, handle_end_txn>},
    {ApiKey::kTxnOffsetCommit,
     decode_then<kafka::TxnOffsetCommitRequest, handle_txn_offset_commit>},
    {ApiKey::kDescribeProducers,
     decode_then<kafka::DescribeProducersRequest, handle_describe_producers>},
    {ApiKey::kDescribeTransactions,
     decode_then<kafka::DescribeTransactionsRequest, handle_describe_transactions>},
    {ApiKey::kListTransactions,
     decode_then<kafka::ListTransactionsRequest, handle_list_transactions>},
};

// What is advertised must be served.
static_assert(std::ranges::all_of(kafka::kApis, [](const kafka::ApiInfo& api) {
  return !api.advertised ||
         std::ranges::any_of(kRows, [&](const Row& row) { return row.api == api.key; });
}));

void run(CallPtr call) {
  const kafka::ApiInfo* api = kafka::find_api(call->header().api_key);
  if (api == nullptr || !api->advertised) {
    const int16_t key = call->header().api_key;
    return call->close(fmt::format("request kind {} is not supported yet", key));
  }
  if (!api->supports(call->version())) {
    if (api->key == ApiKey::kApiVersions) return handle_api_versions(std::move(call), {});
    const int16_t version = call->version();
    return call->close(fmt::format("{} version {} is not supported, only {} to {}", api->name,
                                   version, api->version_min, api->version_max));
  }
  const auto row = std::ranges::find(kRows, api->key, &Row::api);
  row->run(std::move(call));
}

}  // namespace

void dispatch(CallPtr call) {
  const auto time = call->handler_time();
  const Clock& clock = call->services().clock;
  run(std::move(call));
  if (time) time->stop(clock.steady());
}

}  // namespace freshet::broker
