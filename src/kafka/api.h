// The request kinds of the Kafka protocol that this build speaks, with their version ranges.
//
// The ranges are what the embedded broker advertises, or will once it serves them. Some floors are
// load-bearing: librdkafka switches features on only if a range contains an exact old version
// (Produce 0-2 for gzip, snappy and lz4, FindCoordinator 0 and JoinGroup 0 for groups), so never
// raise one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace freshet::kafka {

enum class ApiKey : int16_t {
  kProduce = 0,
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kOffsetCommit = 8,
  kOffsetFetch = 9,
  kFindCoordinator = 10,
  kJoinGroup = 11,
  kHeartbeat = 12,
  kLeaveGroup = 13,
  kSyncGroup = 14,
  kDescribeGroups = 15,
  kListGroups = 16,
  kSaslHandshake = 17,
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kDeleteRecords = 21,
  kInitProducerId = 22,
  kOffsetForLeaderEpoch = 23,
  kAddPartitionsToTxn = 24,
  kAddOffsetsToTxn = 25,
  kEndTxn = 26,
  kTxnOffsetCommit = 28,
  kDescribeAcls = 29,
  kCreateAcls = 30,
  kDeleteAcls = 31,
  kDescribeConfigs = 32,
  kAlterConfigs = 33,
  kDescribeLogDirs = 35,
  kSaslAuthenticate = 36,
  kCreatePartitions = 37,
  kDeleteGroups = 42,
  kElectLeaders = 43,
  kIncrementalAlterConfigs = 44,
  kListPartitionReassignments = 46,
  kOffsetDelete = 47,
  kDescribeClientQuotas = 48,
  kAlterClientQuotas = 49,
  kDescribeUserScramCredentials = 50,
  kAlterUserScramCredentials = 51,
  kDescribeQuorum = 55,
  kDescribeCluster = 60,
  kDescribeProducers = 61,
  kDescribeTransactions = 65,
  kListTransactions = 66,
  kDescribeTopicPartitions = 75,
};

inline constexpr int16_t kNeverFlexible = std::numeric_limits<int16_t>::max();

struct ApiInfo {
  ApiKey key;
  std::string_view name;
  int16_t version_min;
  int16_t version_max;
  /// From this version on: compact lengths and tagged fields (KIP-482).
  int16_t flexible_min;
  /// The embedded broker serves every version of the range and says so in ApiVersions. Until that
  /// is true there are only the messages, and a request is refused like an unknown one.
  bool advertised;

  [[nodiscard]] constexpr bool supports(int16_t version) const {
    return version >= version_min && version <= version_max;
  }
  [[nodiscard]] constexpr bool is_flexible(int16_t version) const {
    return version >= flexible_min;
  }
};

inline constexpr ApiInfo kApis[] = {
    // Produce 0 to 2 carry old message formats: parsed, not served.
    {ApiKey::kProduce, "Produce", 0, 11, 9, true},
    {ApiKey::kFetch, "Fetch", 4, 17, 12, true},
    {ApiKey::kListOffsets, "ListOffsets", 1, 9, 6, true},
    {ApiKey::kMetadata, "Metadata", 0, 12, 9, true},
    {ApiKey::kOffsetCommit, "OffsetCommit", 2, 9, 8, true},
    {ApiKey::kOffsetFetch, "OffsetFetch", 1, 9, 6, true},
    {ApiKey::kFindCoordinator, "FindCoordinator", 0, 5, 3, true},
    {ApiKey::kJoinGroup, "JoinGroup", 0, 9, 6, true},
    {ApiKey::kHeartbeat, "Heartbeat", 0, 4, 4, true},
    {ApiKey::kLeaveGroup, "LeaveGroup", 0, 5, 4, true},
    {ApiKey::kSyncGroup, "SyncGroup", 0, 5, 4, true},
    {ApiKey::kDescribeGroups, "DescribeGroups", 0, 6, 5, true},
    {ApiKey::kListGroups, "ListGroups", 0, 5, 3, true},
    {ApiKey::kSaslHandshake, "SaslHandshake", 0, 1, kNeverFlexible, true},
    {ApiKey::kApiVersions, "ApiVersions", 0, 4, 3, true},
    {ApiKey::kCreateTopics, "CreateTopics", 2, 7, 5, true},
    {ApiKey::kDeleteTopics, "DeleteTopics", 1, 6, 4, true},
    {ApiKey::kDeleteRecords, "DeleteRecords", 0, 2, 2, true},
    {ApiKey::kInitProducerId, "InitProducerId", 0, 5, 2, true},
    {ApiKey::kOffsetForLeaderEpoch, "OffsetForLeaderEpoch", 2, 4, 4, true},
    {ApiKey::kAddPartitionsToTxn, "AddPartitionsToTxn", 0, 3, 3, true},
    {ApiKey::kAddOffsetsToTxn, "AddOffsetsToTxn", 0, 4, 3, true},
    {ApiKey::kEndTxn, "EndTxn", 0, 4, 3, true},
    {ApiKey::kTxnOffsetCommit, "TxnOffsetCommit", 0, 4, 3, true},
    {ApiKey::kDescribeAcls, "DescribeAcls", 1, 3, 2, true},
    {ApiKey::kCreateAcls, "CreateAcls", 1, 3, 2, true},
    {ApiKey::kDeleteAcls, "DeleteAcls", 1, 3, 2, true},
    {ApiKey::kDescribeConfigs, "DescribeConfigs", 1, 4, 4, true},
    {ApiKey::kAlterConfigs, "AlterConfigs", 0, 2, 2, true},
    {ApiKey::kDescribeLogDirs, "DescribeLogDirs", 1, 4, 2, true},
    {ApiKey::kSaslAuthenticate, "SaslAuthenticate", 0, 2, 2, true},
    {ApiKey::kCreatePartitions, "CreatePartitions", 0, 3, 2, true},
    {ApiKey::kDeleteGroups, "DeleteGroups", 0, 2, 2, true},
    {ApiKey::kElectLeaders, "ElectLeaders", 0, 2, 2, true},
    {ApiKey::kIncrementalAlterConfigs, "IncrementalAlterConfigs", 0, 1, 1, true},
    {ApiKey::kListPartitionReassignments, "ListPartitionReassignments", 0, 0, 0, true},
    {ApiKey::kOffsetDelete, "OffsetDelete", 0, 0, kNeverFlexible, true},
    {ApiKey::kDescribeClientQuotas, "DescribeClientQuotas", 0, 1, 1, true},
    {ApiKey::kAlterClientQuotas, "AlterClientQuotas", 0, 1, 1, true},
    {ApiKey::kDescribeUserScramCredentials, "DescribeUserScramCredentials", 0, 0, 0, true},
    {ApiKey::kAlterUserScramCredentials, "AlterUserScramCredentials", 0, 0, 0, true},
    {ApiKey::kDescribeQuorum, "DescribeQuorum", 0, 2, 0, true},
    {ApiKey::kDescribeCluster, "DescribeCluster", 0, 2, 0, true},
    {ApiKey::kDescribeProducers, "DescribeProducers", 0, 0, 0, true},
    {ApiKey::kDescribeTransactions, "DescribeTransactions", 0, 0, 0, true},
    {ApiKey::kListTransactions, "ListTransactions", 0, 2, 0, true},
    {ApiKey::kDescribeTopicPartitions, "DescribeTopicPartitions", 0, 0, 0, true},
};

/// How many rows of kApis are advertised.
inline constexpr auto kAdvertisedApis =
    static_cast<size_t>(std::ranges::count(kApis, true, &ApiInfo::advertised));

/// nullptr for a key that is not in kApis.
[[nodiscard]] constexpr const ApiInfo* find_api(int16_t key) {
  for (const auto& api : kApis) {
    if (static_cast<int16_t>(api.key) == key) return &api;
  }
  return nullptr;
}

/// For a key that is in kApis: every enumerator is.
[[nodiscard]] constexpr const ApiInfo& api_info(ApiKey key) {
  return *find_api(static_cast<int16_t>(key));
}

}  // namespace freshet::kafka
