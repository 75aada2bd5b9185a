// The request kinds that this broker answers: one file per API in this directory, one row each in
// the table of handlers.cc. To add an API: its messages in kafka/messages/, its range in
// kafka/api.h, its file here, its row.
//
// A handler runs on the connection's thread and must not block; it answers its Call once, now or
// later, from any thread.
#pragma once

#include "broker/call.h"
#include "kafka/api.h"

// Declared only: a source that answers one API need not know the messages of all others.
namespace freshet::kafka {
struct AddOffsetsToTxnRequest;
struct AddPartitionsToTxnRequest;
struct AlterClientQuotasRequest;
struct AlterConfigsRequest;
struct AlterUserScramCredentialsRequest;
struct ApiVersionsRequest;
struct CreateAclsRequest;
struct CreatePartitionsRequest;
struct CreateTopicsRequest;
struct DeleteAclsRequest;
struct DeleteGroupsRequest;
struct DeleteRecordsRequest;
struct DeleteTopicsRequest;
struct DescribeAclsRequest;
struct DescribeClientQuotasRequest;
struct DescribeClusterRequest;
struct DescribeConfigsRequest;
struct DescribeGroupsRequest;
struct DescribeLogDirsRequest;
struct DescribeProducersRequest;
struct DescribeQuorumRequest;
struct DescribeTopicPartitionsRequest;
struct DescribeTransactionsRequest;
struct DescribeUserScramCredentialsRequest;
struct ElectLeadersRequest;
struct EndTxnRequest;
struct FetchRequest;
struct FindCoordinatorRequest;
struct HeartbeatRequest;
struct IncrementalAlterConfigsRequest;
struct InitProducerIdRequest;
struct JoinGroupRequest;
struct LeaveGroupRequest;
struct ListGroupsRequest;
struct ListOffsetsRequest;
struct ListPartitionReassignmentsRequest;
struct ListTransactionsRequest;
struct MetadataRequest;
struct OffsetCommitRequest;
struct OffsetDeleteRequest;
struct OffsetFetchRequest;
struct OffsetForLeaderEpochRequest;
struct ProduceRequest;
struct SaslAuthenticateRequest;
struct SaslHandshakeRequest;
struct SyncGroupRequest;
struct TxnOffsetCommitRequest;
}  // namespace freshet::kafka

namespace freshet::broker {

void handle_add_offsets_to_txn(CallPtr call, kafka::AddOffsetsToTxnRequest request);
void handle_add_partitions_to_txn(CallPtr call, kafka::AddPartitionsToTxnRequest request);
void handle_alter_configs(CallPtr call, kafka::AlterConfigsRequest request);
void handle_alter_client_quotas(CallPtr call, kafka::AlterClientQuotasRequest request);
void handle_alter_user_scram_credentials(CallPtr call,
                                         kafka::AlterUserScramCredentialsRequest request);
void handle_api_versions(CallPtr call, kafka::ApiVersionsRequest request);
void handle_create_acls(CallPtr call, kafka::CreateAclsRequest request);
void handle_create_partitions(CallPtr call, kafka::CreatePartitionsRequest request);
void handle_create_topics(CallPtr call, kafka::CreateTopicsRequest request);
void handle_delete_acls(CallPtr call, kafka::DeleteAclsRequest request);
void handle_delete_groups(CallPtr call, kafka::DeleteGroupsRequest request);
void handle_delete_records(CallPtr call, kafka::DeleteRecordsRequest request);
void handle_delete_topics(CallPtr call, kafka::DeleteTopicsRequest request);
void handle_describe_acls(CallPtr call, kafka::DescribeAclsRequest request);
void handle_describe_client_quotas(CallPtr call, kafka::DescribeClientQuotasRequest request);
void handle_describe_cluster(CallPtr call, kafka::DescribeClusterRequest request);
void handle_describe_configs(CallPtr call, kafka::DescribeConfigsRequest request);
void handle_describe_groups(CallPtr call, kafka::DescribeGroupsRequest request);
void handle_describe_log_dirs(CallPtr call, kafka::DescribeLogDirsRequest request);
void handle_describe_producers(CallPtr call, kafka::DescribeProducersRequest request);
void handle_describe_quorum(CallPtr call, kafka::DescribeQuorumRequest request);
void handle_describe_transactions(CallPtr call, kafka::DescribeTransactionsRequest request);
void handle_describe_topic_partitions(CallPtr call, kafka::DescribeTopicPartitionsRequest request);
void handle_describe_user_scram_credentials(CallPtr call,
                                            kafka::DescribeUserScramCredentialsRequest request);
void handle_elect_leaders(CallPtr call, kafka::ElectLeadersRequest request);
void handle_end_txn(CallPtr call, kafka::EndTxnRequest request);
void handle_fetch(CallPtr call, kafka::FetchRequest request);
void handle_find_coordinator(CallPtr call, kafka::FindCoordinatorRequest request);
void handle_heartbeat(CallPtr call, kafka::HeartbeatRequest request);
void handle_incremental_alter_configs(CallPtr call, kafka::IncrementalAlterConfigsRequest request);
void handle_init_producer_id(CallPtr call, kafka::InitProducerIdRequest request);
void handle_join_group(CallPtr call, kafka::JoinGroupRequest request);
void handle_leave_group(CallPtr call, kafka::LeaveGroupRequest request);
void handle_list_groups(CallPtr call, kafka::ListGroupsRequest request);
void handle_list_offsets(CallPtr call, kafka::ListOffsetsRequest request);
void handle_list_partition_reassignments(CallPtr call,
                                         kafka::ListPartitionReassignmentsRequest request);
void handle_list_transactions(CallPtr call, kafka::ListTransactionsRequest request);
void handle_metadata(CallPtr call, kafka::MetadataRequest request);
void handle_offset_commit(CallPtr call, kafka::OffsetCommitRequest request);
void handle_offset_delete(CallPtr call, kafka::OffsetDeleteRequest request);
void handle_offset_fetch(CallPtr call, kafka::OffsetFetchRequest request);
void handle_offset_for_leader_epoch(CallPtr call, kafka::OffsetForLeaderEpochRequest request);
void handle_produce(CallPtr call, kafka::ProduceRequest request);
void handle_sasl_authenticate(CallPtr call, kafka::SaslAuthenticateRequest request);
void handle_sasl_handshake(CallPtr call, kafka::SaslHandshakeRequest request);
void handle_sync_group(CallPtr call, kafka::SyncGroupRequest request);

void handle_txn_offset_commit(CallPtr call, kafka::TxnOffsetCommitRequest request);

/// Decodes the body and hands it to the API's handler. A key or version that is not served, or a
/// body that cannot be read, ends the connection as Apache Kafka does; an unknown version of
/// ApiVersions is answered in version 0.
void dispatch(CallPtr call);

/// The answer to an ApiVersions request of any version, for clients that are not authenticated yet.
Result<kafka::EncodedFrame> answer_api_versions(const kafka::RequestHeader& header,
                                                std::string_view body);

}  // namespace freshet::broker
