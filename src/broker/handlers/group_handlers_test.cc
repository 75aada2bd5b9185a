// The group APIs over their bytes, in every advertised version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/handlers/authorized_operations.h"
#include "broker/node_harness.h"
#include "kafka/consumer_protocol.h"
#include "kafka/messages/delete_groups.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_delete.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/sync_group.h"

namespace freshet::broker {
namespace {

using kafka::ApiKey;
using kafka::ErrorCode;
using testing::ElementsAre;

class GroupHandlers : public NodeHarness {
 protected:
  template <class Run>
  static void in_every_version(ApiKey key, Run run) {
    const auto& api = kafka::api_info(key);
    for (int16_t version = api.version_min; version <= api.version_max; ++version) {
      SCOPED_TRACE(fmt::format("{} version {}", api.name, version));
      run(version);
    }
  }
  kafka::JoinGroupRequest join_request(const std::string& group,
                                       std::optional<std::string> instance = {}) {
    kafka::Subscription subscription;
    subscription.topics = {"t"};
    kafka::JoinGroupRequest join;
    join.group_id = group;
    join.group_instance_id = std::move(instance);
    join.session_timeout_ms = 10'000;
    join.rebalance_timeout_ms = 60'000;
    join.protocol_type = "consumer";
    join.protocols.push_back({"range", kafka::encode_subscription(subscription)});
    return join;
  }
  struct Membership {
    std::string id;
    int32_t generation;
  };
  Membership settle(const std::string& group, const std::optional<std::string>& instance = {},
                    int16_t join_version = 9, int16_t sync_version = 5) {
    auto join = join_request(group, instance);
    auto joined = ask<kafka::JoinGroupResponse>(join, join_version);
    if (joined.error_code == ErrorCode::kMemberIdRequired) {
      EXPECT_GE(join_version, 4);
      join.member_id = joined.member_id;
      joined = ask<kafka::JoinGroupResponse>(join, join_version);
    }
    EXPECT_EQ(joined.error_code, ErrorCode::kNone);
    EXPECT_EQ(joined.protocol_name, "range");
    EXPECT_EQ(joined.members.size(), 1U);
    kafka::SyncGroupRequest sync;
    sync.group_id = group;
    sync.member_id = joined.member_id;
    if (sync_version >= 3) sync.group_instance_id = instance;
    sync.generation_id = joined.generation_id;
    if (sync_version >= 5) {
      sync.protocol_type = "consumer";
      sync.protocol_name = "range";
    }
    sync.assignments.push_back({joined.member_id, "work"});
    const auto synced = ask<kafka::SyncGroupResponse>(sync, sync_version);
    EXPECT_EQ(synced.error_code, ErrorCode::kNone);
    EXPECT_EQ(synced.assignment, "work");
    return {joined.member_id, joined.generation_id};
  }
  ErrorCode commit(const std::string& group, const std::string& topic, int64_t offset,
                   int16_t version = 9, const Membership& member = {"", -1}) {
    kafka::OffsetCommitRequest request;
    request.group_id = group;
    request.member_id = member.id;
    request.generation_id_or_member_epoch = member.generation;
    request.topics.emplace_back().name = topic;
    request.topics[0].partitions = {{0, offset, -1, "note"}};
    return ask<kafka::OffsetCommitResponse>(request, version)
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  }
};

TEST_F(GroupHandlers, members_join_sync_and_heartbeat_in_every_version) {
  in_every_version(ApiKey::kJoinGroup,
                   [&](int16_t version) { settle(fmt::format("join-{}", version), {}, version); });
  in_every_version(ApiKey::kSyncGroup, [&](int16_t version) {
    settle(fmt::format("sync-{}", version), {}, 9, version);
  });
  const Membership member = settle("g");
  in_every_version(ApiKey::kHeartbeat, [&](int16_t version) {
    kafka::HeartbeatRequest heartbeat;
    heartbeat.group_id = "g";
    heartbeat.member_id = member.id;
    heartbeat.generation_id = member.generation;
    EXPECT_EQ(ask<kafka::HeartbeatResponse>(heartbeat, version).error_code, ErrorCode::kNone);
    heartbeat.generation_id = 99;
    EXPECT_EQ(ask<kafka::HeartbeatResponse>(heartbeat, version).error_code,
              ErrorCode::kIllegalGeneration);
    heartbeat.group_id = "";
    EXPECT_EQ(ask<kafka::HeartbeatResponse>(heartbeat, version).error_code,
              ErrorCode::kInvalidGroupId);
  });
}

TEST_F(GroupHandlers, a_static_leader_that_restarts_assigns_nothing_in_any_version) {
  for (int16_t version = 5; version <= 9; ++version) {
    SCOPED_TRACE(version);
    const std::string group = fmt::format("g{}", version);
    const Membership first = settle(group, "i", version);
    const auto again = ask<kafka::JoinGroupResponse>(join_request(group, "i"), version);
    EXPECT_EQ(again.error_code, ErrorCode::kNone);
    EXPECT_EQ(again.generation_id, first.generation);
    EXPECT_NE(again.member_id, first.id);
    if (version >= 9) {
      EXPECT_TRUE(again.skip_assignment);
      EXPECT_EQ(again.leader, again.member_id);
      EXPECT_EQ(again.members.size(), 1U);
    } else {
      EXPECT_EQ(again.leader, first.id);
      EXPECT_TRUE(again.members.empty());
    }
    auto old = join_request(group, "i");
    old.member_id = first.id;
    EXPECT_EQ(ask<kafka::JoinGroupResponse>(old, version).error_code, ErrorCode::kFencedInstanceId);
  }
}

TEST_F(GroupHandlers, members_leave_in_every_version) {
  in_every_version(ApiKey::kLeaveGroup, [&](int16_t version) {
    const Membership member = settle("g", "i");
    kafka::LeaveGroupRequest leave;
    leave.group_id = "g";
    if (version < 3) {
      leave.member_id = member.id;
      EXPECT_EQ(ask<kafka::LeaveGroupResponse>(leave, version).error_code, ErrorCode::kNone);
      EXPECT_EQ(ask<kafka::LeaveGroupResponse>(leave, version).error_code,
                ErrorCode::kUnknownMemberId);
      return;
    }
    leave.members = {{"", "i", std::nullopt}, {"", "other", std::nullopt}, {"ghost", {}, {}}};
    const auto left = ask<kafka::LeaveGroupResponse>(leave, version);
    EXPECT_EQ(left.error_code, ErrorCode::kNone);
    ASSERT_EQ(left.members.size(), 3U);
    EXPECT_EQ(left.members[0].error_code, ErrorCode::kNone)
        << "an administrator names the instance";
    EXPECT_EQ(left.members[1].error_code, ErrorCode::kUnknownMemberId);
    EXPECT_EQ(left.members[2].error_code, ErrorCode::kUnknownMemberId);
    leave.group_id = "nobody's";
    EXPECT_EQ(ask<kafka::LeaveGroupResponse>(leave, version).members.at(2).error_code,
              ErrorCode::kUnknownMemberId);
  });
}

TEST_F(GroupHandlers, offsets_are_committed_and_fetched_in_every_version) {
  create("t");
  in_every_version(ApiKey::kOffsetCommit, [&](int16_t version) {
    EXPECT_EQ(commit("g", "t", 100 + version, version), ErrorCode::kNone);
    EXPECT_EQ(commit("g", "missing", 1, version), ErrorCode::kUnknownTopicOrPartition);
    EXPECT_EQ(commit("gone", "t", 1, version, {"member", 5}),
              version < 9 ? ErrorCode::kIllegalGeneration : ErrorCode::kGroupIdNotFound);
    in_every_version(ApiKey::kOffsetFetch, [&](int16_t fetch_version) {
      kafka::OffsetFetchRequest fetch;
      fetch.group_id = "g";
      fetch.topics.emplace();
      fetch.topics->push_back({"t", {0}});
      fetch.groups.emplace_back().group_id = "g";
      fetch.groups[0].topics = fetch.topics;
      const auto response = ask<kafka::OffsetFetchResponse>(fetch, fetch_version);
      const auto& topics = fetch_version < 8 ? response.topics : response.groups.at(0).topics;
      EXPECT_EQ(topics.at(0).partitions.at(0).committed_offset, 100 + version);
      EXPECT_EQ(topics[0].partitions[0].metadata, "note");
    });
  });
}

TEST_F(GroupHandlers, groups_are_described_in_every_version) {
  const Membership member = settle("g", "i");
  in_every_version(ApiKey::kDescribeGroups, [&](int16_t version) {
    kafka::DescribeGroupsRequest request;
    request.groups = {"g", "nobody"};
    request.include_authorized_operations = version >= 3;
    const auto groups = ask<kafka::DescribeGroupsResponse>(request, version).groups;
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].group_state, "Stable");
    EXPECT_EQ(groups[0].protocol_data, "range");
    EXPECT_EQ(groups[0].members.at(0).member_id, member.id);
    EXPECT_EQ(groups[0].members[0].member_assignment, "work");
    EXPECT_EQ(groups[0].members[0].group_instance_id,
              version >= 4 ? std::optional<std::string>("i") : std::nullopt);
    EXPECT_EQ(groups[1].group_state, "Dead");
    EXPECT_EQ(groups[1].error_code, version >= 6 ? ErrorCode::kGroupIdNotFound : ErrorCode::kNone);
    if (version >= 3) {
      EXPECT_EQ(groups[0].authorized_operations, kGroupOperations);
    }
  });
}

TEST_F(GroupHandlers, groups_are_listed_in_every_version) {
  create("t");
  settle("busy");
  EXPECT_EQ(commit("idle", "t", 1), ErrorCode::kNone);
  const auto names = [&](const kafka::ListGroupsRequest& request, int16_t version) {
    std::vector<std::string> found;
    for (const auto& group : ask<kafka::ListGroupsResponse>(request, version).groups) {
      found.push_back(group.group_id);
    }
    return found;
  };
  in_every_version(ApiKey::kListGroups, [&](int16_t version) {
    kafka::ListGroupsRequest request;
    EXPECT_THAT(names(request, version), ElementsAre("busy", "idle"));
    if (version < 4) return;
    request.states_filter = {"Empty", "Dead"};
    EXPECT_THAT(names(request, version), ElementsAre("idle"));
    if (version < 5) return;
    request.states_filter.clear();
    request.types_filter = {"Classic"};
    EXPECT_THAT(names(request, version), ElementsAre("busy", "idle"));
    request.types_filter = {"consumer"};
    EXPECT_THAT(names(request, version), ElementsAre());
  });
}

TEST_F(GroupHandlers, an_offset_that_is_to_be_kept_for_ever_does_not_expire_at_once) {
  create("t");
  kafka::OffsetCommitRequest request;
  request.group_id = "g";
  request.retention_time_ms = INT64_MAX;
  request.topics.emplace_back().name = "t";
  request.topics[0].partitions = {{0, 7, -1, "note"}};
  const auto committed = ask<kafka::OffsetCommitResponse>(request, 2);
  EXPECT_EQ(committed.topics.at(0).partitions.at(0).error_code, ErrorCode::kNone);
  clock_.advance(std::chrono::hours(24 * 365));
  node_->services().groups.expire_offsets();
  kafka::OffsetFetchRequest fetch;
  fetch.group_id = "g";
  fetch.topics.emplace().push_back({.name = "t", .partition_indexes = {0}});
  const auto fetched = ask<kafka::OffsetFetchResponse>(fetch, 7);
  EXPECT_EQ(fetched.topics.at(0).partitions.at(0).committed_offset, 7);
}

TEST_F(GroupHandlers, groups_are_deleted_in_every_version) {
  create("t");
  settle("busy");
  in_every_version(ApiKey::kDeleteGroups, [&](int16_t version) {
    EXPECT_EQ(commit("idle", "t", 1), ErrorCode::kNone);
    kafka::DeleteGroupsRequest request;
    request.groups_names = {"idle", "busy", "nobody"};
    const auto results = ask<kafka::DeleteGroupsResponse>(request, version).results;
    ASSERT_EQ(results.size(), 3U);
    EXPECT_EQ(results[0].group_id, "idle");
    EXPECT_EQ(results[0].error_code, ErrorCode::kNone);
    EXPECT_EQ(results[1].error_code, ErrorCode::kNonEmptyGroup);
    EXPECT_EQ(results[2].error_code, ErrorCode::kGroupIdNotFound);
  });
}

TEST_F(GroupHandlers, offsets_of_single_partitions_are_deleted) {
  create("t");
  create("u");
  const Membership member = settle("g");
  EXPECT_EQ(commit("g", "t", 1, 9, member), ErrorCode::kNone);
  EXPECT_EQ(commit("g", "u", 1, 9, member), ErrorCode::kNone);
  kafka::OffsetDeleteRequest request;
  request.group_id = "g";
  request.topics = {{"t", {{0}}}, {"u", {{0}, {7}}}, {"missing", {{0}}}};
  const auto response = ask<kafka::OffsetDeleteResponse>(request, 0);
  EXPECT_EQ(response.error_code, ErrorCode::kNone);
  ASSERT_EQ(response.topics.size(), 3U);
  EXPECT_EQ(response.topics[0].partitions[0].error_code, ErrorCode::kGroupSubscribedToTopic);
  EXPECT_EQ(response.topics[1].partitions[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.topics[1].partitions[1].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(response.topics[2].partitions[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  request.group_id = "nobody";
  EXPECT_EQ(ask<kafka::OffsetDeleteResponse>(request, 0).error_code, ErrorCode::kGroupIdNotFound);
  request.group_id = "";
  EXPECT_EQ(ask<kafka::OffsetDeleteResponse>(request, 0).error_code, ErrorCode::kInvalidGroupId);
}

TEST_F(GroupHandlers, a_name_of_any_length_gets_a_member_id_that_every_version_can_carry) {
  auto join = join_request("g", std::string(32'000, 'i'));
  const auto joined = ask<kafka::JoinGroupResponse>(join, 9);
  EXPECT_EQ(joined.error_code, ErrorCode::kNone);
  EXPECT_LT(joined.member_id.size(), 300U);
}

}  // namespace
}  // namespace freshet::broker
