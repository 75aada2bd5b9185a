#include "kafka/error_code.h"

#include <iterator>

namespace freshet::kafka {
namespace {

struct CodeInfo {
  ErrorCode code;
  bool retriable;
  std::string_view name;
  std::string_view text;
};

// In the order of the codes, from -1 on, without a gap: find() indexes it.
constexpr CodeInfo kCodes[] = {
    {ErrorCode::kUnknownServerError, false, "UNKNOWN_SERVER_ERROR",
     "the broker failed in a way it did not expect; its log says why"},
    {ErrorCode::kNone, false, "NONE", "no error"},
    {ErrorCode::kOffsetOutOfRange, false, "OFFSET_OUT_OF_RANGE",
     "the offset is below the log start or above the end of the partition"},
    {ErrorCode::kCorruptMessage, true, "CORRUPT_MESSAGE",
     "the record batch failed its checksum or its format"},
    {ErrorCode::kUnknownTopicOrPartition, true, "UNKNOWN_TOPIC_OR_PARTITION",
     "the broker has no such topic or partition"},
    {ErrorCode::kInvalidFetchSize, false, "INVALID_FETCH_SIZE", "the fetch size is not valid"},
    {ErrorCode::kLeaderNotAvailable, true, "LEADER_NOT_AVAILABLE",
     "the partition has no leader at the moment"},
    {ErrorCode::kNotLeaderOrFollower, true, "NOT_LEADER_OR_FOLLOWER",
     "the broker does not lead or hold this partition"},
    {ErrorCode::kRequestTimedOut, true, "REQUEST_TIMED_OUT",
     "the request was not done within its time limit"},
    {ErrorCode::kBrokerNotAvailable, false, "BROKER_NOT_AVAILABLE", "the broker is not available"},
    {ErrorCode::kReplicaNotAvailable, true, "REPLICA_NOT_AVAILABLE",
     "the replica is not available"},
    {ErrorCode::kMessageTooLarge, false, "MESSAGE_TOO_LARGE",
     "the record batch is larger than the topic's max.message.bytes"},
    {ErrorCode::kStaleControllerEpoch, false, "STALE_CONTROLLER_EPOCH",
     "the controller has moved to another broker"},
    {ErrorCode::kOffsetMetadataTooLarge, false, "OFFSET_METADATA_TOO_LARGE",
     "the metadata of a committed offset is too long"},
    {ErrorCode::kNetworkException, true, "NETWORK_EXCEPTION",
     "the connection closed before the response came"},
    {ErrorCode::kCoordinatorLoadInProgress, true, "COORDINATOR_LOAD_IN_PROGRESS",
     "the coordinator is still loading its state"},
    {ErrorCode::kCoordinatorNotAvailable, true, "COORDINATOR_NOT_AVAILABLE",
     "the coordinator is not available"},
    {ErrorCode::kNotCoordinator, true, "NOT_COORDINATOR",
     "the broker does not coordinate this group or transaction"},
    {ErrorCode::kInvalidTopicException, false, "INVALID_TOPIC_EXCEPTION",
     "the topic name is not valid or not allowed"},
    {ErrorCode::kRecordListTooLarge, false, "RECORD_LIST_TOO_LARGE",
     "the request holds a record batch larger than a segment"},
    {ErrorCode::kNotEnoughReplicas, true, "NOT_ENOUGH_REPLICAS",
     "fewer replicas in sync than required"},
    {ErrorCode::kNotEnoughReplicasAfterAppend, true, "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
     "written, but to fewer replicas than required"},
    {ErrorCode::kInvalidRequiredAcks, false, "INVALID_REQUIRED_ACKS", "acks must be -1, 0 or 1"},
    {ErrorCode::kIllegalGeneration, false, "ILLEGAL_GENERATION",
     "the generation is not the group's current one"},
    {ErrorCode::kInconsistentGroupProtocol, false, "INCONSISTENT_GROUP_PROTOCOL",
     "the member shares no protocol with the rest of the group"},
    {ErrorCode::kInvalidGroupId, false, "INVALID_GROUP_ID", "the group id is not valid"},
    {ErrorCode::kUnknownMemberId, false, "UNKNOWN_MEMBER_ID", "the group has no such member"},
    {ErrorCode::kInvalidSessionTimeout, false, "INVALID_SESSION_TIMEOUT",
     "the session timeout is outside the limits of the broker"},
    {ErrorCode::kRebalanceInProgress, false, "REBALANCE_IN_PROGRESS",
     "the group is rebalancing; the member must rejoin"},
    {ErrorCode::kInvalidCommitOffsetSize, false, "INVALID_COMMIT_OFFSET_SIZE",
     "the committed offset is too large to store"},
    {ErrorCode::kTopicAuthorizationFailed, false, "TOPIC_AUTHORIZATION_FAILED",
     "not authorized for the topic"},
    {ErrorCode::kGroupAuthorizationFailed, false, "GROUP_AUTHORIZATION_FAILED",
     "not authorized for the group"},
    {ErrorCode::kClusterAuthorizationFailed, false, "CLUSTER_AUTHORIZATION_FAILED",
     "not authorized for the cluster"},
    {ErrorCode::kInvalidTimestamp, false, "INVALID_TIMESTAMP",
     "a record's timestamp is outside the range the topic accepts"},
    {ErrorCode::kUnsupportedSaslMechanism, false, "UNSUPPORTED_SASL_MECHANISM",
     "the broker does not offer this SASL mechanism"},
    {ErrorCode::kIllegalSaslState, false, "ILLEGAL_SASL_STATE",
     "the request does not fit the state of the SASL exchange"},
    {ErrorCode::kUnsupportedVersion, false, "UNSUPPORTED_VERSION",
     "the broker does not support this version of the request"},
    {ErrorCode::kTopicAlreadyExists, false, "TOPIC_ALREADY_EXISTS",
     "a topic of that name exists already"},
    {ErrorCode::kInvalidPartitions, false, "INVALID_PARTITIONS",
     "the number of partitions is not valid"},
    {ErrorCode::kInvalidReplicationFactor, false, "INVALID_REPLICATION_FACTOR",
     "the replication factor is not valid for this cluster"},
    {ErrorCode::kInvalidReplicaAssignment, false, "INVALID_REPLICA_ASSIGNMENT",
     "the replica assignment is not valid"},
    {ErrorCode::kInvalidConfig, false, "INVALID_CONFIG",
     "a configuration name or value is not valid"},
    {ErrorCode::kNotController, true, "NOT_CONTROLLER", "the broker is not the controller"},
    {ErrorCode::kInvalidRequest, false, "INVALID_REQUEST",
     "the request contradicts itself or breaks the protocol"},
    {ErrorCode::kUnsupportedForMessageFormat, false, "UNSUPPORTED_FOR_MESSAGE_FORMAT",
     "the message format does not support the request"},
    {ErrorCode::kPolicyViolation, false, "POLICY_VIOLATION",
     "a policy of the cluster forbids the request"},
    {ErrorCode::kOutOfOrderSequenceNumber, false, "OUT_OF_ORDER_SEQUENCE_NUMBER",
     "the batch leaves a gap in the producer's sequence"},
    {ErrorCode::kDuplicateSequenceNumber, false, "DUPLICATE_SEQUENCE_NUMBER",
     "the batch was written already"},
    {ErrorCode::kInvalidProducerEpoch, false, "INVALID_PRODUCER_EPOCH",
     "a newer instance of the producer exists"},
    {ErrorCode::kInvalidTxnState, false, "INVALID_TXN_STATE",
     "the transaction is in a state that does not allow the request"},
    {ErrorCode::kInvalidProducerIdMapping, false, "INVALID_PRODUCER_ID_MAPPING",
     "the producer id does not belong to the transactional id"},
    {ErrorCode::kInvalidTransactionTimeout, false, "INVALID_TRANSACTION_TIMEOUT",
     "the transaction timeout is longer than the broker allows"},
    {ErrorCode::kConcurrentTransactions, true, "CONCURRENT_TRANSACTIONS",
     "the previous transaction of this producer is still being finished"},
    {ErrorCode::kTransactionCoordinatorFenced, false, "TRANSACTION_COORDINATOR_FENCED",
     "a newer transaction coordinator exists"},
    {ErrorCode::kTransactionalIdAuthorizationFailed, false, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     "not authorized for the transactional id"},
    {ErrorCode::kSecurityDisabled, false, "SECURITY_DISABLED",
     "the broker has no security features enabled"},
    {ErrorCode::kOperationNotAttempted, false, "OPERATION_NOT_ATTEMPTED",
     "not tried because another part of the request failed"},
    {ErrorCode::kKafkaStorageError, true, "KAFKA_STORAGE_ERROR",
     "the broker could not read or write its disk"},
    {ErrorCode::kLogDirNotFound, false, "LOG_DIR_NOT_FOUND",
     "the broker has no such log directory"},
    {ErrorCode::kSaslAuthenticationFailed, false, "SASL_AUTHENTICATION_FAILED",
     "user name, password or token was refused"},
    {ErrorCode::kUnknownProducerId, false, "UNKNOWN_PRODUCER_ID",
     "the broker knows nothing of this producer id"},
    {ErrorCode::kReassignmentInProgress, false, "REASSIGNMENT_IN_PROGRESS",
     "the partition is being reassigned"},
    {ErrorCode::kDelegationTokenAuthDisabled, false, "DELEGATION_TOKEN_AUTH_DISABLED",
     "delegation tokens are not enabled"},
    {ErrorCode::kDelegationTokenNotFound, false, "DELEGATION_TOKEN_NOT_FOUND",
     "no such delegation token"},
    {ErrorCode::kDelegationTokenOwnerMismatch, false, "DELEGATION_TOKEN_OWNER_MISMATCH",
     "the delegation token belongs to somebody else"},
    {ErrorCode::kDelegationTokenRequestNotAllowed, false, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED",
     "delegation token requests are not allowed on this connection"},
    {ErrorCode::kDelegationTokenAuthorizationFailed, false, "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
     "not authorized for the delegation token"},
    {ErrorCode::kDelegationTokenExpired, false, "DELEGATION_TOKEN_EXPIRED",
     "the delegation token has expired"},
    {ErrorCode::kInvalidPrincipalType, false, "INVALID_PRINCIPAL_TYPE",
     "the principal type is not supported"},
    {ErrorCode::kNonEmptyGroup, false, "NON_EMPTY_GROUP", "the group still has members"},
    {ErrorCode::kGroupIdNotFound, false, "GROUP_ID_NOT_FOUND", "no such group"},
    {ErrorCode::kFetchSessionIdNotFound, true, "FETCH_SESSION_ID_NOT_FOUND",
     "no such fetch session"},
    {ErrorCode::kInvalidFetchSessionEpoch, true, "INVALID_FETCH_SESSION_EPOCH",
     "the fetch session is at another epoch"},
    {ErrorCode::kListenerNotFound, true, "LISTENER_NOT_FOUND",
     "the leader has no listener of that name"},
    {ErrorCode::kTopicDeletionDisabled, false, "TOPIC_DELETION_DISABLED",
     "deleting topics is switched off"},
    {ErrorCode::kFencedLeaderEpoch, true, "FENCED_LEADER_EPOCH",
     "the leader epoch of the request is older than the broker's"},
    {ErrorCode::kUnknownLeaderEpoch, true, "UNKNOWN_LEADER_EPOCH",
     "the leader epoch of the request is newer than the broker's"},
    {ErrorCode::kUnsupportedCompressionType, false, "UNSUPPORTED_COMPRESSION_TYPE",
     "the request version does not allow the batch's compression"},
    {ErrorCode::kStaleBrokerEpoch, false, "STALE_BROKER_EPOCH", "the broker epoch has changed"},
    {ErrorCode::kOffsetNotAvailable, true, "OFFSET_NOT_AVAILABLE",
     "the leader does not know its high watermark yet"},
    {ErrorCode::kMemberIdRequired, false, "MEMBER_ID_REQUIRED",
     "join again with the member id of this response"},
    {ErrorCode::kPreferredLeaderNotAvailable, true, "PREFERRED_LEADER_NOT_AVAILABLE",
     "the preferred leader is not available"},
    {ErrorCode::kGroupMaxSizeReached, false, "GROUP_MAX_SIZE_REACHED",
     "the group has as many members as allowed"},
    {ErrorCode::kFencedInstanceId, false, "FENCED_INSTANCE_ID",
     "another member with the same group.instance.id took over"},
    {ErrorCode::kEligibleLeadersNotAvailable, true, "ELIGIBLE_LEADERS_NOT_AVAILABLE",
     "no eligible leader is available"},
    {ErrorCode::kElectionNotNeeded, true, "ELECTION_NOT_NEEDED",
     "the partition needs no leader election"},
    {ErrorCode::kNoReassignmentInProgress, false, "NO_REASSIGNMENT_IN_PROGRESS",
     "the partition is not being reassigned"},
    {ErrorCode::kGroupSubscribedToTopic, false, "GROUP_SUBSCRIBED_TO_TOPIC",
     "the group still subscribes to the topic"},
    {ErrorCode::kInvalidRecord, false, "INVALID_RECORD", "a record breaks a rule of the topic"},
    {ErrorCode::kUnstableOffsetCommit, true, "UNSTABLE_OFFSET_COMMIT",
     "offsets of an open transaction are pending"},
    {ErrorCode::kThrottlingQuotaExceeded, true, "THROTTLING_QUOTA_EXCEEDED",
     "a quota is exceeded; try later"},
    {ErrorCode::kProducerFenced, false, "PRODUCER_FENCED",
     "a newer producer with the same transactional id exists"},
    {ErrorCode::kResourceNotFound, false, "RESOURCE_NOT_FOUND", "no such resource"},
    {ErrorCode::kDuplicateResource, false, "DUPLICATE_RESOURCE",
     "the resource exists already or is named twice"},
    {ErrorCode::kUnacceptableCredential, false, "UNACCEPTABLE_CREDENTIAL",
     "the credential does not meet the requirements"},
    {ErrorCode::kInconsistentVoterSet, false, "INCONSISTENT_VOTER_SET", "the voter sets differ"},
    {ErrorCode::kInvalidUpdateVersion, false, "INVALID_UPDATE_VERSION",
     "the version of the update is not valid"},
    {ErrorCode::kFeatureUpdateFailed, false, "FEATURE_UPDATE_FAILED",
     "features could not be updated"},
    {ErrorCode::kPrincipalDeserializationFailure, false, "PRINCIPAL_DESERIALIZATION_FAILURE",
     "the forwarded principal cannot be read"},
    {ErrorCode::kSnapshotNotFound, false, "SNAPSHOT_NOT_FOUND", "no such snapshot"},
    {ErrorCode::kPositionOutOfRange, false, "POSITION_OUT_OF_RANGE",
     "the position is outside the snapshot"},
    {ErrorCode::kUnknownTopicId, true, "UNKNOWN_TOPIC_ID", "the broker has no topic of that id"},
    {ErrorCode::kDuplicateBrokerRegistration, false, "DUPLICATE_BROKER_REGISTRATION",
     "the broker id is registered already"},
    {ErrorCode::kBrokerIdNotRegistered, false, "BROKER_ID_NOT_REGISTERED",
     "the broker id is not registered"},
    {ErrorCode::kInconsistentTopicId, true, "INCONSISTENT_TOPIC_ID",
     "the topic of that name has another id"},
    {ErrorCode::kInconsistentClusterId, false, "INCONSISTENT_CLUSTER_ID",
     "the cluster id is another one"},
    {ErrorCode::kTransactionalIdNotFound, false, "TRANSACTIONAL_ID_NOT_FOUND",
     "no such transactional id"},
    {ErrorCode::kFetchSessionTopicIdError, true, "FETCH_SESSION_TOPIC_ID_ERROR",
     "the fetch session mixes topic names and topic ids"},
    {ErrorCode::kIneligibleReplica, false, "INELIGIBLE_REPLICA",
     "the new in-sync set holds an ineligible replica"},
    {ErrorCode::kNewLeaderElected, false, "NEW_LEADER_ELECTED",
     "the change made another broker the leader"},
    {ErrorCode::kOffsetMovedToTieredStorage, false, "OFFSET_MOVED_TO_TIERED_STORAGE",
     "the offset lies in tiered storage"},
    {ErrorCode::kFencedMemberEpoch, false, "FENCED_MEMBER_EPOCH",
     "the member epoch is fenced; the member must rejoin"},
    {ErrorCode::kUnreleasedInstanceId, false, "UNRELEASED_INSTANCE_ID",
     "the instance id is still held by another member"},
    {ErrorCode::kUnsupportedAssignor, false, "UNSUPPORTED_ASSIGNOR",
     "the broker does not support the assignor"},
    {ErrorCode::kStaleMemberEpoch, false, "STALE_MEMBER_EPOCH",
     "the member epoch is old; the member must refresh it"},
    {ErrorCode::kMismatchedEndpointType, false, "MISMATCHED_ENDPOINT_TYPE",
     "the request went to the wrong kind of endpoint"},
    {ErrorCode::kUnsupportedEndpointType, false, "UNSUPPORTED_ENDPOINT_TYPE",
     "the endpoint type is not supported"},
    {ErrorCode::kUnknownControllerId, false, "UNKNOWN_CONTROLLER_ID", "no such controller"},
    {ErrorCode::kUnknownSubscriptionId, false, "UNKNOWN_SUBSCRIPTION_ID",
     "the telemetry subscription has changed"},
    {ErrorCode::kTelemetryTooLarge, false, "TELEMETRY_TOO_LARGE",
     "the telemetry is larger than the broker accepts"},
    {ErrorCode::kInvalidRegistration, false, "INVALID_REGISTRATION",
     "the broker registration is not valid"},
    {ErrorCode::kTransactionAbortable, false, "TRANSACTION_ABORTABLE",
     "the transaction failed and must be aborted"},
    {ErrorCode::kInvalidRecordState, false, "INVALID_RECORD_STATE",
     "the record is in another delivery state"},
    {ErrorCode::kShareSessionNotFound, true, "SHARE_SESSION_NOT_FOUND", "no such share session"},
    {ErrorCode::kInvalidShareSessionEpoch, true, "INVALID_SHARE_SESSION_EPOCH",
     "the share session is at another epoch"},
    {ErrorCode::kFencedStateEpoch, false, "FENCED_STATE_EPOCH", "the state epoch is fenced"},
    {ErrorCode::kInvalidVoterKey, false, "INVALID_VOTER_KEY",
     "the voter key does not match the receiver"},
    {ErrorCode::kDuplicateVoter, false, "DUPLICATE_VOTER", "the voter is in the set already"},
    {ErrorCode::kVoterNotFound, false, "VOTER_NOT_FOUND", "the voter is not in the set"},
    {ErrorCode::kInvalidRegularExpression, false, "INVALID_REGULAR_EXPRESSION",
     "the regular expression is not valid"},
    {ErrorCode::kRebootstrapRequired, false, "REBOOTSTRAP_REQUIRED",
     "the client must start over from its bootstrap servers"},
    {ErrorCode::kStreamsInvalidTopology, false, "STREAMS_INVALID_TOPOLOGY",
     "the streams topology is not valid"},
    {ErrorCode::kStreamsInvalidTopologyEpoch, false, "STREAMS_INVALID_TOPOLOGY_EPOCH",
     "the epoch of the streams topology is not valid"},
    {ErrorCode::kStreamsTopologyFenced, false, "STREAMS_TOPOLOGY_FENCED",
     "the epoch of the streams topology is outdated"},
    {ErrorCode::kShareSessionLimitReached, true, "SHARE_SESSION_LIMIT_REACHED",
     "the broker holds as many share sessions as allowed"},
};

constexpr bool codes_have_no_gap() {
  int16_t expected = -1;
  for (const auto& info : kCodes) {
    if (static_cast<int16_t>(info.code) != expected++) return false;
  }
  return true;
}
static_assert(codes_have_no_gap());

const CodeInfo* find(ErrorCode code) {
  const auto index = static_cast<size_t>(static_cast<int16_t>(code) + 1);
  return index < std::size(kCodes) ? &kCodes[index] : nullptr;
}

}  // namespace

std::string_view error_name(ErrorCode code) {
  const auto* info = find(code);
  return info != nullptr ? info->name : "UNKNOWN";
}

std::string_view error_text(ErrorCode code) {
  const auto* info = find(code);
  return info != nullptr ? info->text : "an error code that this build does not know";
}

bool is_retriable(ErrorCode code) {
  const auto* info = find(code);
  return info != nullptr && info->retriable;
}

ErrorCode to_error_code(const Error& error) {
  switch (error.code()) {
    case Errc::kInvalidArgument:
      return ErrorCode::kInvalidRequest;
    case Errc::kNotFound:
      return ErrorCode::kUnknownTopicOrPartition;
    case Errc::kAlreadyExists:
      return ErrorCode::kTopicAlreadyExists;
    case Errc::kCorrupt:
      return ErrorCode::kCorruptMessage;
    case Errc::kOutOfRange:
      return ErrorCode::kOffsetOutOfRange;
    case Errc::kTooLarge:
      return ErrorCode::kMessageTooLarge;
    case Errc::kUnsupported:
      return ErrorCode::kUnsupportedVersion;
    case Errc::kRefused:
      return ErrorCode::kPolicyViolation;
    case Errc::kFenced:
      return ErrorCode::kInvalidProducerEpoch;
    case Errc::kIo:
    case Errc::kNoSpace:
      return ErrorCode::kKafkaStorageError;
    case Errc::kUnavailable:
      return ErrorCode::kCoordinatorNotAvailable;
    case Errc::kTimeout:
      return ErrorCode::kRequestTimedOut;
    case Errc::kCancelled:
      return ErrorCode::kNotLeaderOrFollower;
    case Errc::kInternal:
      return ErrorCode::kUnknownServerError;
  }
  return ErrorCode::kUnknownServerError;
}

Error to_error(ErrorCode code) {
  const auto errc = [code] {
    switch (code) {
      case ErrorCode::kOffsetOutOfRange:
        return Errc::kOutOfRange;
      case ErrorCode::kCorruptMessage:
        return Errc::kCorrupt;
      case ErrorCode::kUnknownTopicOrPartition:
      case ErrorCode::kUnknownTopicId:
      case ErrorCode::kGroupIdNotFound:
      case ErrorCode::kResourceNotFound:
        return Errc::kNotFound;
      case ErrorCode::kTopicAlreadyExists:
        return Errc::kAlreadyExists;
      case ErrorCode::kMessageTooLarge:
      case ErrorCode::kRecordListTooLarge:
      case ErrorCode::kOffsetMetadataTooLarge:
        return Errc::kTooLarge;
      case ErrorCode::kUnsupportedVersion:
      case ErrorCode::kUnsupportedForMessageFormat:
      case ErrorCode::kUnsupportedCompressionType:
        return Errc::kUnsupported;
      case ErrorCode::kIllegalGeneration:
      case ErrorCode::kUnknownMemberId:
      case ErrorCode::kFencedInstanceId:
      case ErrorCode::kInvalidProducerEpoch:
      case ErrorCode::kProducerFenced:
        return Errc::kFenced;
      case ErrorCode::kKafkaStorageError:
        return Errc::kIo;
      case ErrorCode::kRequestTimedOut:
        return Errc::kTimeout;
      case ErrorCode::kUnknownServerError:
        return Errc::kInternal;
      default:
        return is_retriable(code) ? Errc::kUnavailable : Errc::kInvalidArgument;
    }
  }();
  return Error(errc, fmt::format("{}: {}", code, error_text(code)));
}

}  // namespace freshet::kafka
