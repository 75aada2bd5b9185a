#include "broker/groups/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::IsEmpty;

/// Drives one group: names requests, keeps their answers, persists at once unless told not to.
class GroupTest : public testing::Test {
 protected:
  struct Joining {
    std::string id{};
    std::vector<std::string> protocols{"range"};
    std::optional<std::string> instance{};
    bool id_required = false;
    bool can_skip = false;
    std::string metadata = "m";
    bool in_process = false;
    Millis session{10'000};
    Millis rebalance{60'000};
  };

  RequestId join(const Joining& j) {
    JoinRequest request;
    request.member_id = j.id;
    request.new_member_id = "member-" + std::to_string(++ids_);
    request.instance_id = j.instance;
    request.client_id = "client";
    request.client_host = "/127.0.0.1";
    request.protocol_type = "consumer";
    for (const auto& name : j.protocols) request.protocols.push_back({name, name + j.metadata});
    request.session_timeout = j.session;
    request.rebalance_timeout = j.rebalance;
    request.id_required = j.id_required;
    request.can_skip_assignment = j.can_skip;
    request.in_process = j.in_process;
    Outbox out;
    group_.join(++requests_, request, now_, out);
    take(out);
    return requests_;
  }
  RequestId sync(const std::string& id, int32_t generation,
                 std::vector<std::pair<std::string, std::string>> assignments = {},
                 std::optional<std::string> instance = {}) {
    SyncRequest request;
    request.who = {id, std::move(instance), generation};
    request.assignments = std::move(assignments);
    Outbox out;
    group_.sync(++requests_, request, now_, out);
    take(out);
    return requests_;
  }
  ErrorCode leave(const std::string& id, std::optional<std::string> instance = {}) {
    Outbox out;
    const ErrorCode error = group_.leave({id, std::move(instance)}, now_, out);
    take(out);
    return error;
  }
  void pass(Millis by) {
    now_ += by;
    Outbox out;
    group_.tick(now_, out);
    take(out);
  }
  void take(Outbox& out) {
    for (auto& [request, result] : out.joins) {
      EXPECT_TRUE(joins_.emplace(request, result).second) << "answered twice";
    }
    for (auto& [request, result] : out.syncs) {
      EXPECT_TRUE(syncs_.emplace(request, result).second) << "answered twice";
    }
    if (!out.persist_generation) return;
    persisted_ = out.persist_generation;
    if (!auto_persist_) return;
    Outbox next;
    next.joins = std::move(out.joins_when_durable);
    group_.persisted(*out.persist_generation, ErrorCode::kNone, now_, next);
    take(next);
  }
  ErrorCode heartbeat(const std::string& id, int32_t generation,
                      std::optional<std::string> instance = {}) {
    return group_.heartbeat({id, std::move(instance), generation}, now_);
  }
  ErrorCode check_commit(const std::string& id, int32_t generation) {
    return group_.check_commit({id, std::nullopt, generation}, now_);
  }
  bool held(RequestId request) { return !joins_.contains(request) && !syncs_.contains(request); }

  /// Brings up a stable group of `count` members; returns their ids, the leader first.
  std::vector<std::string> stable(size_t count) {
    std::vector<std::string> ids;
    for (size_t i = 0; i < count; ++i) {
      join({.id = ""});
      ids.push_back("member-" + std::to_string(ids_));
      if (i + 1 == count) break;
    }
    // All but the first joined a rebalance that waits for those who are already in.
    std::vector<RequestId> again;
    if (count > 1) {
      for (size_t i = 0; i + 1 < count; ++i) {
        if (!group_.members().at(ids[i]).held_join) join({.id = ids[i]});
      }
    }
    const int32_t generation = group_.generation();
    std::vector<std::pair<std::string, std::string>> assignments;
    for (const auto& id : ids) assignments.emplace_back(id, "work of " + id);
    for (const auto& id : ids) {
      sync(id, generation, id == group_.leader() ? assignments : decltype(assignments){});
    }
    EXPECT_EQ(group_.state(), GroupState::kStable);
    return ids;
  }

  Group make(int32_t generation = 0, Millis delay = Millis(0)) {
    GroupSettings settings;
    settings.initial_rebalance_delay = delay;
    settings.members_max = 4;
    return Group("g", settings, generation);
  }

  SteadyTime now_{std::chrono::hours(1)};
  Group group_ = make();
  std::map<RequestId, JoinResult> joins_;
  std::map<RequestId, SyncResult> syncs_;
  std::optional<int32_t> persisted_;
  bool auto_persist_ = true;
  RequestId requests_ = 0;
  int ids_ = 0;
};

TEST_F(GroupTest, first_member_leads_generation_one_at_once) {
  const RequestId request = join({});
  ASSERT_TRUE(joins_.contains(request));
  const JoinResult& result = joins_[request];
  EXPECT_EQ(result.error, ErrorCode::kNone);
  EXPECT_EQ(result.generation, 1);
  EXPECT_EQ(result.leader, result.member_id);
  EXPECT_EQ(result.protocol, "range");
  ASSERT_EQ(result.members.size(), 1U);
  EXPECT_EQ(result.members[0].metadata, "rangem");
  EXPECT_EQ(group_.state(), GroupState::kCompletingRebalance);

  const RequestId synced = sync(result.member_id, 1, {{result.member_id, "all"}});
  EXPECT_EQ(syncs_[synced].assignment, "all");
  EXPECT_EQ(group_.state(), GroupState::kStable);
  EXPECT_EQ(persisted_, 1);
}

TEST_F(GroupTest, generation_goes_on_from_what_was_persisted) {
  // A member of a former process still believes in generation 7.
  Group revived("g", {}, 7);
  JoinRequest request;
  request.new_member_id = "n";
  request.protocol_type = "consumer";
  request.protocols = {{"range", ""}};
  Outbox out;
  EXPECT_EQ(revived.check_commit({"old", std::nullopt, 7}, now_), ErrorCode::kUnknownMemberId);
  revived.join(1, request, now_, out);
  EXPECT_EQ(out.joins.at(0).second.generation, 8);
  EXPECT_EQ(revived.check_commit({"n", std::nullopt, 7}, now_), ErrorCode::kIllegalGeneration);
}

TEST_F(GroupTest, v4_members_are_told_their_id_first) {
  const RequestId first = join({.id_required = true});
  EXPECT_EQ(joins_[first].error, ErrorCode::kMemberIdRequired);
  const std::string id = joins_[first].member_id;
  EXPECT_EQ(id, "member-1");
  EXPECT_EQ(group_.state(), GroupState::kEmpty);
  const RequestId second = join({.id = id, .id_required = true});
  EXPECT_EQ(joins_[second].error, ErrorCode::kNone);
  EXPECT_EQ(joins_[second].member_id, id);
}

TEST_F(GroupTest, a_pending_member_delays_the_rebalance_until_it_joins_or_expires) {
  const auto ids = stable(1);
  join({.id_required = true});          // pending
  const RequestId newcomer = join({});  // starts a rebalance
  const RequestId leader = join({.id = ids[0]});
  EXPECT_TRUE(held(newcomer));
  EXPECT_TRUE(held(leader));
  pass(Millis(10'000));  // the session of the pending id ends
  EXPECT_EQ(joins_[newcomer].error, ErrorCode::kNone);
  EXPECT_EQ(joins_[leader].generation, 2);
}

TEST_F(GroupTest, leave_of_a_pending_member_completes_the_rebalance) {
  const auto ids = stable(1);
  const RequestId pending = join({.id_required = true});
  const RequestId newcomer = join({});
  join({.id = ids[0]});
  EXPECT_TRUE(held(newcomer));
  EXPECT_EQ(leave(joins_[pending].member_id), ErrorCode::kNone);
  EXPECT_FALSE(held(newcomer));
}

TEST_F(GroupTest, second_member_gets_its_assignment_after_the_leader_syncs) {
  const auto ids = stable(1);
  const RequestId newcomer = join({});
  EXPECT_TRUE(held(newcomer));
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kRebalanceInProgress);
  const RequestId leader = join({.id = ids[0]});
  ASSERT_FALSE(held(newcomer));
  EXPECT_EQ(joins_[leader].leader, ids[0]);
  EXPECT_EQ(joins_[leader].members.size(), 2U);
  EXPECT_THAT(joins_[newcomer].members, IsEmpty());
  const std::string second = joins_[newcomer].member_id;
  const RequestId waits = sync(second, 2);
  EXPECT_TRUE(held(waits));
  sync(ids[0], 2, {{ids[0], "one"}, {second, "two"}});
  EXPECT_EQ(syncs_[waits].assignment, "two");
}

TEST_F(GroupTest, leave_during_a_rebalance_rechecks_completion) {
  const auto ids = stable(2);
  const RequestId newcomer = join({});
  const RequestId rejoined = join({.id = ids[0]});
  EXPECT_TRUE(held(newcomer));
  EXPECT_EQ(leave(ids[1]), ErrorCode::kNone);
  EXPECT_EQ(joins_[newcomer].error, ErrorCode::kNone);
  EXPECT_EQ(joins_[rejoined].generation, joins_[newcomer].generation);
}

TEST_F(GroupTest, leave_of_the_last_member_empties_the_group_and_persists) {
  const auto ids = stable(1);
  EXPECT_EQ(leave(ids[0]), ErrorCode::kNone);
  EXPECT_EQ(group_.state(), GroupState::kEmpty);
  EXPECT_EQ(group_.generation(), 2);
  EXPECT_EQ(persisted_, 2);
  EXPECT_EQ(leave(ids[0]), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(group_.next_deadline(), std::nullopt);
}

TEST_F(GroupTest, who_does_not_rejoin_in_time_is_dropped) {
  const auto ids = stable(2);
  const RequestId newcomer = join({});
  join({.id = ids[0]});
  for (int i = 0; i < 7; ++i) {  // ids[1] is alive but never rejoins
    pass(Millis(9'000));
    if (group_.state() != GroupState::kPreparingRebalance) break;
    EXPECT_EQ(heartbeat(ids[1], 2), ErrorCode::kRebalanceInProgress);
  }
  EXPECT_EQ(joins_[newcomer].error, ErrorCode::kNone);
  EXPECT_FALSE(group_.members().contains(ids[1]));
}

TEST_F(GroupTest, a_held_join_never_expires_by_session) {
  const auto ids = stable(1);
  const RequestId newcomer = join({.session = Millis(6'000), .rebalance = Millis(300'000)});
  for (int i = 0; i < 10; ++i) {
    pass(Millis(5'000));
    heartbeat(ids[0], 1);
  }
  EXPECT_TRUE(held(newcomer));
  EXPECT_EQ(group_.members().size(), 2U);
}

TEST_F(GroupTest, silent_members_expire_and_the_rest_rebalances) {
  const auto ids = stable(2);
  pass(Millis(6'000));
  EXPECT_EQ(heartbeat(ids[0], group_.generation()), ErrorCode::kNone);
  pass(Millis(5'000));
  EXPECT_FALSE(group_.members().contains(ids[1]));
  EXPECT_EQ(group_.state(), GroupState::kPreparingRebalance);
  EXPECT_EQ(heartbeat(ids[1], group_.generation()), ErrorCode::kUnknownMemberId);
}

TEST_F(GroupTest, a_member_that_never_syncs_is_dropped_after_the_rebalance_timeout) {
  const auto ids = stable(1);
  const RequestId newcomer = join({.session = Millis(600'000)});
  join({.id = ids[0], .session = Millis(600'000)});
  sync(ids[0], 2, {{ids[0], "all"}});
  ASSERT_EQ(group_.state(), GroupState::kStable);
  pass(Millis(60'000));
  EXPECT_FALSE(group_.members().contains(joins_[newcomer].member_id));
  EXPECT_EQ(group_.state(), GroupState::kPreparingRebalance);
}

TEST_F(GroupTest, a_follower_that_syncs_after_the_leader_has_done_its_duty) {
  const auto ids = stable(1);
  const RequestId newcomer = join({});
  join({.id = ids[0]});
  const std::string follower = joins_[newcomer].member_id;
  sync(ids[0], 2, {{ids[0], "one"}, {follower, "two"}});
  ASSERT_EQ(group_.state(), GroupState::kStable);
  EXPECT_EQ(syncs_[sync(follower, 2)].assignment, "two");
  for (int i = 0; i < 10; ++i) {
    pass(Millis(9'000));
    EXPECT_EQ(heartbeat(ids[0], 2), ErrorCode::kNone);
    EXPECT_EQ(heartbeat(follower, 2), ErrorCode::kNone);
  }
}

TEST_F(GroupTest, a_new_member_gives_up_its_held_join_after_five_minutes) {
  Joining patient{.session = Millis(600'000), .rebalance = Millis(900'000)};
  join(patient);
  sync("member-1", 1, {});
  const RequestId newcomer = join(patient);
  pass(Millis(299'999));
  EXPECT_TRUE(held(newcomer));
  pass(Millis(1));
  EXPECT_EQ(joins_[newcomer].error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(group_.members().size(), 1U);
}

TEST_F(GroupTest, joining_again_and_again_does_not_put_the_end_of_the_rebalance_off) {
  const auto ids = stable(2);
  join({.id = ids[0], .metadata = "x", .session = Millis(600'000)});
  for (int i = 0; i < 6; ++i) {
    pass(Millis(9'000));
    EXPECT_EQ(heartbeat(ids[1], 2), ErrorCode::kRebalanceInProgress);
    join({.id = ids[0], .metadata = "x", .session = Millis(600'000)});
  }
  pass(Millis(6'000));  // a minute since it began; ids[1] never joined
  EXPECT_EQ(group_.state(), GroupState::kCompletingRebalance);
  EXPECT_EQ(group_.members().size(), 1U);
}

TEST_F(GroupTest, the_first_member_does_not_wait_for_somebody_who_only_asked_for_an_id) {
  join({.id_required = true});
  const RequestId first = join({});
  EXPECT_EQ(joins_[first].error, ErrorCode::kNone);
  EXPECT_TRUE(group_.has_pending_members());
}

TEST_F(GroupTest, follower_with_unchanged_metadata_gets_the_current_generation) {
  const auto ids = stable(2);
  const int32_t generation = group_.generation();
  const RequestId again = join({.id = ids[1]});
  EXPECT_EQ(joins_[again].generation, generation);
  EXPECT_EQ(group_.state(), GroupState::kStable);
  const RequestId changed = join({.id = ids[1], .metadata = "other topics"});
  EXPECT_TRUE(held(changed));
  EXPECT_EQ(group_.state(), GroupState::kPreparingRebalance);
}

TEST_F(GroupTest, leader_rejoin_starts_a_rebalance) {
  const auto ids = stable(2);
  const RequestId again = join({.id = ids[0]});
  EXPECT_TRUE(held(again));
  EXPECT_EQ(group_.state(), GroupState::kPreparingRebalance);
}

TEST_F(GroupTest, lost_join_answer_is_repeated_while_completing) {
  join({});
  const RequestId again = join({.id = "member-1"});
  EXPECT_EQ(joins_[again].generation, 1);
  EXPECT_EQ(joins_[again].members.size(), 1U);
}

TEST_F(GroupTest, new_member_while_completing_fails_the_syncs_that_wait) {
  const auto ids = stable(1);
  const RequestId second = join({});
  join({.id = ids[0]});
  const RequestId waits = sync(joins_[second].member_id, 2);
  join({});
  EXPECT_EQ(syncs_[waits].error, ErrorCode::kRebalanceInProgress);
}

TEST_F(GroupTest, protocols_are_chosen_by_votes_among_those_all_know) {
  const auto first = join({.protocols = {"sticky", "range", "roundrobin"}});
  const RequestId second = join({.protocols = {"roundrobin", "range"}});
  const RequestId third = join({.protocols = {"range", "roundrobin"}});
  join({.id = joins_[first].member_id, .protocols = {"sticky", "range", "roundrobin"}});
  EXPECT_EQ(joins_[second].protocol, "range");
  EXPECT_EQ(joins_[third].protocol, "range");
  const RequestId odd = join({.protocols = {"sticky"}});
  EXPECT_EQ(joins_[odd].error, ErrorCode::kInconsistentGroupProtocol);
}

TEST_F(GroupTest, syncs_wait_until_the_assignment_is_durable) {
  auto_persist_ = false;
  const RequestId first = join({});
  const RequestId waits = sync(joins_[first].member_id, 1, {{"member-1", "all"}});
  EXPECT_TRUE(held(waits));
  EXPECT_EQ(check_commit("member-1", 1), ErrorCode::kRebalanceInProgress);
  Outbox out;
  group_.persisted(1, ErrorCode::kNone, now_, out);
  take(out);
  EXPECT_EQ(syncs_[waits].assignment, "all");
}

TEST_F(GroupTest, an_assignment_that_cannot_be_written_makes_members_join_again) {
  auto_persist_ = false;
  join({});
  const RequestId waits = sync("member-1", 1, {{"member-1", "all"}});
  Outbox out;
  group_.persisted(1, ErrorCode::kKafkaStorageError, now_, out);
  take(out);
  EXPECT_EQ(syncs_[waits].error, ErrorCode::kRebalanceInProgress);
  EXPECT_EQ(group_.state(), GroupState::kPreparingRebalance);
}

TEST_F(GroupTest, commit_rules) {
  EXPECT_EQ(check_commit("", -1), ErrorCode::kNone) << "empty group, no member";
  EXPECT_EQ(check_commit("ghost", -1), ErrorCode::kNone) << "empty group, a tool";
  EXPECT_EQ(check_commit("ghost", 3), ErrorCode::kUnknownMemberId);
  join({});
  EXPECT_EQ(check_commit("member-1", 1), ErrorCode::kRebalanceInProgress) << "completing";
  sync("member-1", 1, {});
  EXPECT_EQ(check_commit("member-1", 1), ErrorCode::kNone);
  EXPECT_EQ(check_commit("member-1", 0), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(check_commit("", -1), ErrorCode::kUnknownMemberId) << "the group has members";
  join({});
  EXPECT_EQ(check_commit("member-1", 1), ErrorCode::kNone) << "preparing: the last chance";
}

TEST_F(GroupTest, commit_rules_within_a_transaction) {
  const auto check = [&](const std::string& id, int32_t generation) {
    return group_.check_transactional_commit({id, std::nullopt, generation});
  };
  EXPECT_EQ(check("", -1), ErrorCode::kNone);
  EXPECT_EQ(check("somebody", -1), ErrorCode::kNone) << "empty group";
  join({});
  EXPECT_EQ(check("member-1", 1), ErrorCode::kNone) << "also while completing";
  EXPECT_EQ(check("", -1), ErrorCode::kNone) << "a producer that names no member";
  EXPECT_EQ(check("member-1", 0), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(check("ghost", 1), ErrorCode::kUnknownMemberId);
}

TEST_F(GroupTest, a_stable_group_comes_back_with_its_members) {
  const RequestId first = join({.instance = "i1"});
  const std::string leader = joins_[first].member_id;
  sync(leader, 1, {{leader, "all"}}, "i1");
  group_ = Group::restore("g", {}, group_.image(), now_);
  EXPECT_EQ(group_.state(), GroupState::kStable);
  EXPECT_EQ(heartbeat(leader, 1, "i1"), ErrorCode::kNone);
  EXPECT_EQ(group_.check_commit({leader, "i1", 1}, now_), ErrorCode::kNone);
  EXPECT_EQ(syncs_[sync(leader, 1, {}, "i1")].assignment, "all");
  const RequestId again = join({.instance = "i1", .can_skip = true});
  EXPECT_TRUE(joins_[again].skip_assignment);
  EXPECT_EQ(heartbeat(leader, 1, "i1"), ErrorCode::kFencedInstanceId);
  const RequestId changed = join({.id = joins_[again].member_id, .instance = "i1"});
  EXPECT_EQ(joins_[changed].generation, 2);
}

TEST_F(GroupTest, members_that_stay_silent_after_a_restart_are_not_waited_for_long) {
  join({.instance = "static", .session = Millis(60'000)});
  const RequestId second = join({.session = Millis(60'000)});
  join({.id = "member-1", .instance = "static", .session = Millis(60'000)});
  sync("member-1", 2, {}, "static");
  ASSERT_EQ(group_.state(), GroupState::kStable);
  group_ = Group::restore("g", {}, group_.image(), now_);
  EXPECT_EQ(group_.next_deadline(), now_ + Millis(10'000));
  pass(Millis(10'000));
  EXPECT_FALSE(group_.members().contains(joins_[second].member_id));
  EXPECT_TRUE(group_.members().contains("member-1")) << "static: its session is 60 s";
  pass(Millis(50'000));
  EXPECT_EQ(group_.state(), GroupState::kEmpty);
}

TEST_F(GroupTest, a_group_with_a_member_in_this_process_comes_back_empty) {
  join({.in_process = true});
  sync("member-1", 1, {});
  const auto image = group_.image();
  EXPECT_EQ(image.protocol, "range");
  EXPECT_THAT(image.members, IsEmpty());
  group_ = Group::restore("g", {}, image, now_);
  EXPECT_EQ(group_.state(), GroupState::kEmpty);
  EXPECT_EQ(heartbeat("member-1", 1), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(joins_[join({})].generation, 2);
}

TEST_F(GroupTest, a_generation_that_was_never_durable_does_not_come_back) {
  stable(1);
  join({});
  join({.id = "member-1"});
  ASSERT_EQ(group_.state(), GroupState::kCompletingRebalance);
  EXPECT_THAT(group_.image().members, IsEmpty());
}

TEST_F(GroupTest, the_answer_to_a_static_member_waits_until_its_new_id_is_durable) {
  join({.instance = "i1"});
  sync("member-1", 1, {}, "i1");
  auto_persist_ = false;
  const RequestId again = join({.instance = "i1"});
  EXPECT_TRUE(held(again));
  EXPECT_EQ(persisted_, 1);
  ASSERT_EQ(group_.image().members.size(), 1U);
  EXPECT_EQ(group_.image().members[0].id, "member-2");
}

TEST_F(GroupTest, static_member_comes_back_without_a_rebalance_and_fences_its_old_self) {
  const RequestId first = join({.instance = "i1"});
  const std::string old_id = joins_[first].member_id;
  sync(old_id, 1, {{old_id, "all"}}, "i1");
  const RequestId again = join({.instance = "i1", .can_skip = true});
  ASSERT_FALSE(held(again));
  const JoinResult& result = joins_[again];
  EXPECT_EQ(result.generation, 1);
  EXPECT_TRUE(result.skip_assignment);
  EXPECT_NE(result.member_id, old_id);
  EXPECT_EQ(group_.state(), GroupState::kStable);
  EXPECT_EQ(heartbeat(old_id, 1, "i1"), ErrorCode::kFencedInstanceId);
  const RequestId synced = sync(result.member_id, 1, {}, "i1");
  EXPECT_EQ(syncs_[synced].assignment, "all");
}

TEST_F(GroupTest, static_leader_below_v9_is_told_that_another_leads) {
  const RequestId first = join({.instance = "i1"});
  const std::string old_id = joins_[first].member_id;
  sync(old_id, 1, {{old_id, "all"}}, "i1");
  const RequestId again = join({.instance = "i1"});
  EXPECT_EQ(joins_[again].leader, old_id);
  EXPECT_THAT(joins_[again].members, IsEmpty());
}

TEST_F(GroupTest, static_rejoin_takes_all_properties) {
  const RequestId first = join({.instance = "i1"});
  sync(joins_[first].member_id, 1, {}, "i1");
  const RequestId again = join({.instance = "i1", .session = Millis(20'000)});
  const auto& member = group_.members().at(joins_[again].member_id);
  EXPECT_EQ(member.session_timeout, Millis(20'000));
}

TEST_F(GroupTest, static_join_while_completing_rebalances_and_fences_the_held_sync) {
  const RequestId first = join({.instance = "i1"});
  const RequestId second = join({.instance = "i2"});
  join({.id = joins_[first].member_id, .instance = "i1"});
  const std::string follower = joins_[second].member_id;
  const RequestId waits = sync(follower, 2, {}, "i2");
  EXPECT_TRUE(held(waits));
  const RequestId again = join({.instance = "i2"});
  EXPECT_EQ(syncs_[waits].error, ErrorCode::kFencedInstanceId);
  EXPECT_TRUE(held(again)) << "waits for i1 to join again";
  EXPECT_EQ(group_.state(), GroupState::kPreparingRebalance);
}

TEST_F(GroupTest, static_member_leaves_by_instance_id) {
  join({.instance = "i1"});
  EXPECT_EQ(leave("somebody else", "i1"), ErrorCode::kFencedInstanceId);
  EXPECT_EQ(leave("", "unknown"), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(leave("", "i1"), ErrorCode::kNone);
  EXPECT_EQ(group_.state(), GroupState::kEmpty);
}

TEST_F(GroupTest, absent_static_members_survive_a_rebalance_until_their_session_ends) {
  const RequestId first = join({.instance = "i1", .session = Millis(100'000)});
  const RequestId second = join({.session = Millis(600'000)});
  join({.id = joins_[first].member_id, .instance = "i1", .session = Millis(100'000)});
  ASSERT_EQ(joins_[second].error, ErrorCode::kNone);
  const std::string dynamic = joins_[second].member_id;
  const RequestId again = join({.id = dynamic, .metadata = "x", .session = Millis(600'000)});
  EXPECT_TRUE(held(again));
  pass(Millis(60'000));  // the rebalance ends without i1
  EXPECT_FALSE(held(again));
  EXPECT_EQ(group_.members().size(), 2U);
  EXPECT_EQ(joins_[again].leader, dynamic) << "a leader must be one that joined";
}

TEST_F(GroupTest, initial_delay_gathers_members_into_one_generation) {
  Group delayed("g", {.initial_rebalance_delay = Millis(3'000)}, 0);
  JoinRequest request;
  request.protocol_type = "consumer";
  request.protocols = {{"range", ""}};
  Outbox out;
  request.new_member_id = "a";
  delayed.join(1, request, now_, out);
  request.new_member_id = "b";
  delayed.join(2, request, now_ + Millis(1'000), out);
  EXPECT_THAT(out.joins, IsEmpty());
  EXPECT_EQ(delayed.next_deadline(), now_ + Millis(3'000));
  delayed.tick(now_ + Millis(3'000), out);
  EXPECT_THAT(out.joins, IsEmpty()) << "somebody came during the delay: wait once more";
  delayed.tick(now_ + Millis(6'000), out);
  EXPECT_EQ(out.joins.size(), 2U);
  EXPECT_EQ(delayed.generation(), 1);
}

TEST_F(GroupTest, refusals) {
  struct Case {
    const char* what;
    Joining join;
    ErrorCode error;
  };
  const Case cases[] = {
      {"unknown member", {.id = "ghost"}, ErrorCode::kUnknownMemberId},
      {"session too short", {.session = Millis(10)}, ErrorCode::kInvalidSessionTimeout},
      {"session too long", {.session = Millis(9'999'999)}, ErrorCode::kInvalidSessionTimeout},
      {"no protocols", {.protocols = {}}, ErrorCode::kInconsistentGroupProtocol},
  };
  for (const Case& c : cases) {
    const RequestId request = join(c.join);
    EXPECT_EQ(joins_[request].error, c.error) << c.what;
  }
  stable(4);
  EXPECT_EQ(joins_[join({})].error, ErrorCode::kGroupMaxSizeReached);
  const RequestId wrong_generation = sync("member-4", 99);
  EXPECT_EQ(syncs_[wrong_generation].error, ErrorCode::kUnknownMemberId);
}

TEST_F(GroupTest, removal_answers_everything_that_is_held) {
  const auto ids = stable(1);
  const RequestId newcomer = join({});
  Outbox out;
  group_.remove(out);
  take(out);
  EXPECT_EQ(joins_[newcomer].error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(group_.state(), GroupState::kDead);
  EXPECT_EQ(heartbeat(ids[0], 1), ErrorCode::kCoordinatorNotAvailable);
}

}  // namespace
}  // namespace freshet::broker
