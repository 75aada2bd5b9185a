// The request kinds of the Kafka protocol that this build speaks, with their version ranges.
//
// The ranges are what the embedded broker advertises. Some floors are load-bearing: librdkafka
// switches features on only if a range contains an exact old version (Produce 0-2 for gzip, snappy
// and lz4, FindCoordinator 0 and JoinGroup 0 for groups), so never raise one.
#pragma once

#include <cstdint>
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
  kApiVersions = 18,
  kCreateTopics = 19,
  kDeleteTopics = 20,
  kInitProducerId = 22,
  kDescribeConfigs = 32,
};

struct ApiInfo {
  ApiKey key;
  std::string_view name;
  int16_t version_min;
  int16_t version_max;
  /// From this version on: compact lengths and tagged fields (KIP-482).
  int16_t flexible_min;

  [[nodiscard]] constexpr bool supports(int16_t version) const {
    return version >= version_min && version <= version_max;
  }
  [[nodiscard]] constexpr bool is_flexible(int16_t version) const {
    return version >= flexible_min;
  }
};

inline constexpr ApiInfo kApis[] = {
    {ApiKey::kProduce, "Produce", 0, 11, 9},  // 0-2 carry old message formats: parsed, not served
    {ApiKey::kFetch, "Fetch", 4, 17, 12},
    {ApiKey::kListOffsets, "ListOffsets", 1, 9, 6},
    {ApiKey::kMetadata, "Metadata", 0, 12, 9},
    {ApiKey::kOffsetCommit, "OffsetCommit", 2, 9, 8},
    {ApiKey::kOffsetFetch, "OffsetFetch", 1, 9, 6},
    {ApiKey::kFindCoordinator, "FindCoordinator", 0, 5, 3},
    {ApiKey::kJoinGroup, "JoinGroup", 0, 9, 6},
    {ApiKey::kHeartbeat, "Heartbeat", 0, 4, 4},
    {ApiKey::kLeaveGroup, "LeaveGroup", 0, 5, 4},
    {ApiKey::kSyncGroup, "SyncGroup", 0, 5, 4},
    {ApiKey::kDescribeGroups, "DescribeGroups", 0, 6, 5},
    {ApiKey::kListGroups, "ListGroups", 0, 5, 3},
    {ApiKey::kApiVersions, "ApiVersions", 0, 4, 3},
    {ApiKey::kCreateTopics, "CreateTopics", 2, 7, 5},
    {ApiKey::kDeleteTopics, "DeleteTopics", 1, 6, 4},
    {ApiKey::kInitProducerId, "InitProducerId", 0, 5, 2},
    {ApiKey::kDescribeConfigs, "DescribeConfigs", 1, 4, 4},
};

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
