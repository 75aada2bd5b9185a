#include "broker/groups/group_coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/node_harness.h"
#include "kafka/consumer_protocol.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

/// The coordinator of a node, with a clock that turns by hand.
class GroupCoordinatorTest : public NodeHarness {
 protected:
  struct Membership {
    std::string id;
    int32_t generation = -1;
    std::optional<std::string> instance;
    [[nodiscard]] MemberIdentity who() const { return {id, instance, generation}; }
  };

  GroupCoordinatorTest() {
    create("t", 2);
    create("u", 1);
  }
  GroupCoordinator& groups() { return node_->services().groups; }

  std::optional<JoinResult> join(JoinRequest request, const std::string& group = "g") {
    std::optional<JoinResult> result;
    if (request.new_member_id.empty()) request.new_member_id = TopicId::random().to_string();
    groups().join(group, std::move(request), [&](JoinResult joined) {
      loop_.post([&, joined = std::move(joined)]() mutable { result = std::move(joined); });
    });
    loop_.run_until([&] { return result.has_value(); });
    return result;
  }
  static JoinRequest consumer(const std::vector<std::string>& topics) {
    kafka::Subscription subscription;
    subscription.topics = topics;
    JoinRequest request;
    request.protocol_type = "consumer";
    request.protocols = {{"range", kafka::encode_subscription(subscription)}};
    return request;
  }
  /// A group of one member, Stable.
  Membership settle(const JoinRequest& request, const std::string& group = "g") {
    const auto joined = join(request, group);
    EXPECT_TRUE(joined && joined->error == ErrorCode::kNone);
    Membership member{joined->member_id, joined->generation, request.instance_id};
    SyncRequest sync;
    sync.who = member.who();
    sync.assignments = {{member.id, "work"}};
    bool synced = false;
    groups().sync(group, sync, [&](const SyncResult& result) {
      EXPECT_EQ(result.error, ErrorCode::kNone);
      loop_.post([&] { synced = true; });
    });
    EXPECT_TRUE(loop_.run_until([&] { return synced; }));
    return member;
  }
  ErrorCode commit(const TopicPartition& tp, int64_t offset, const MemberIdentity& who = {},
                   std::optional<Millis> retention = {}, const std::string& group = "g") {
    std::optional<ErrorCode> code;
    groups().commit(group, who, {{tp, Offset(offset), -1, "", retention}},
                    [&](std::vector<ErrorCode> codes) {
                      loop_.post([&, first = codes.at(0)] { code = first; });
                    });
    EXPECT_TRUE(loop_.run_until([&] { return code.has_value(); }));
    return code.value_or(ErrorCode::kUnknownServerError);
  }
  std::vector<TopicPartition> committed(const std::string& group = "g") {
    std::optional<std::vector<TopicPartition>> tps;
    groups().fetch(group, std::nullopt, [&](std::vector<FetchedOffset> offsets) {
      loop_.post([&, offsets = std::move(offsets)] {
        tps.emplace();
        for (const auto& offset : offsets) tps->push_back(offset.tp);
      });
    });
    EXPECT_TRUE(loop_.run_until([&] { return tps.has_value(); }));
    return tps.value_or(std::vector<TopicPartition>());
  }
  ErrorCode remove(const std::string& group) {
    std::optional<ErrorCode> code;
    groups().remove_group(group,
                          [&](ErrorCode removed) { loop_.post([&, removed] { code = removed; }); });
    EXPECT_TRUE(loop_.run_until([&] { return code.has_value(); }));
    return *code;
  }
  GroupState state(const std::string& group = "g") { return groups().describe(group).state; }
  void leave(const Membership& member) {
    EXPECT_THAT(groups().leave("g", std::vector{LeavingMember{member.id, member.instance}}),
                ElementsAre(ErrorCode::kNone));
  }
};

TEST_F(GroupCoordinatorTest, a_stable_group_lives_through_a_crash) {
  auto request = consumer({"t"});
  request.instance_id = "static";
  const Membership member = settle(request);
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  reopen();
  EXPECT_EQ(state(), GroupState::kStable);
  EXPECT_EQ(groups().describe("g").members.at(0).assignment, "work");
  EXPECT_EQ(groups().heartbeat("g", member.who()), ErrorCode::kNone);
  EXPECT_EQ(commit({"t", 0}, 6, member.who()), ErrorCode::kNone);
}

TEST_F(GroupCoordinatorTest, after_a_crash_the_newest_holder_of_a_static_name_has_it) {
  auto request = consumer({"t"});
  request.instance_id = "static";
  const Membership first = settle(request);
  const auto second = join(request);
  ASSERT_EQ(second->error, ErrorCode::kNone);
  EXPECT_EQ(second->generation, first.generation);
  reopen();
  EXPECT_EQ(groups().heartbeat("g", first.who()), ErrorCode::kFencedInstanceId);
  EXPECT_EQ(groups().heartbeat("g", {second->member_id, "static", second->generation}),
            ErrorCode::kNone);
}

TEST_F(GroupCoordinatorTest, members_that_died_with_the_machine_are_soon_forgotten) {
  auto request = consumer({"t"});
  request.session_timeout = Millis(45'000);
  settle(request);
  reopen();
  clock_.advance(Millis(10'000));
  groups().tick();
  EXPECT_EQ(state(), GroupState::kEmpty);
}

TEST_F(GroupCoordinatorTest, offsets_expire_after_their_group_became_empty) {
  const Membership member = settle(consumer({"t"}));
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  clock_.advance(hours(24 * 30));
  groups().expire_offsets();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0})) << "a member subscribes to it";
  leave(member);
  clock_.advance(hours(24 * 7) - Millis(1));
  groups().expire_offsets();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0}));
  clock_.advance(Millis(1));
  groups().expire_offsets();
  EXPECT_EQ(state(), GroupState::kDead) << "nothing is left of it";
  EXPECT_THAT(committed(), IsEmpty());
  reopen();
  EXPECT_EQ(state(), GroupState::kDead);
}

TEST_F(GroupCoordinatorTest, how_long_a_group_has_been_empty_survives_a_crash) {
  const Membership member = settle(consumer({"t"}));
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  leave(member);
  clock_.advance(hours(24 * 6));
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0}));  // all writes have landed
  reopen();
  clock_.advance(hours(24));
  groups().expire_offsets();
  EXPECT_EQ(state(), GroupState::kDead);
}

TEST_F(GroupCoordinatorTest, a_pipeline_that_was_switched_off_for_weeks_keeps_its_offsets) {
  auto request = consumer({"t"});
  request.in_process = true;
  const Membership member = settle(request);
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  clock_.advance(hours(24 * 60));
  reopen();
  groups().expire_offsets();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0})) << "empty only since the crash";
}

TEST_F(GroupCoordinatorTest, offsets_of_topics_nobody_subscribes_to_expire_in_a_stable_group) {
  auto request = consumer({"t"});
  request.session_timeout = Millis(1'800'000);
  const Membership member = settle(request);
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  EXPECT_EQ(commit({"u", 0}, 5, member.who()), ErrorCode::kNone);
  clock_.advance(hours(24 * 7));
  groups().expire_offsets();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0}));
}

TEST_F(GroupCoordinatorTest, offsets_of_a_group_without_members_expire_one_by_one) {
  EXPECT_EQ(commit({"t", 0}, 1), ErrorCode::kNone);
  EXPECT_EQ(commit({"u", 0}, 1, {}, Millis(1'000)), ErrorCode::kNone);
  clock_.advance(hours(24));
  EXPECT_EQ(commit({"t", 1}, 1), ErrorCode::kNone);
  groups().expire_offsets();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0}, TopicPartition{"t", 1}));
  clock_.advance(hours(24 * 6));
  groups().expire_offsets();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 1}));
  reopen();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 1}));
}

TEST_F(GroupCoordinatorTest, offsets_of_deleted_topics_are_gone_also_after_a_crash_in_between) {
  EXPECT_EQ(commit({"t", 0}, 1), ErrorCode::kNone);
  EXPECT_EQ(commit({"u", 0}, 1), ErrorCode::kNone);
  std::optional<bool> removed;
  node_->services().topics.remove("u", [&](const Result<void>& done) {
    loop_.post([&, ok = done.has_value()] { removed = ok; });
  });
  ASSERT_TRUE(loop_.run_until([&] { return removed.has_value(); }));
  reopen();  // before anybody told the coordinator
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0}));
  const std::string topic = "t";
  groups().forget_topics({&topic, 1});
  EXPECT_THAT(committed(), IsEmpty());
}

TEST_F(GroupCoordinatorTest, a_group_is_removed_only_without_members) {
  EXPECT_EQ(remove("g"), ErrorCode::kGroupIdNotFound);
  const Membership member = settle(consumer({"t"}));
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  EXPECT_EQ(remove("g"), ErrorCode::kNonEmptyGroup);
  leave(member);
  EXPECT_EQ(remove("g"), ErrorCode::kNone);
  EXPECT_THAT(committed(), IsEmpty());
  EXPECT_EQ(commit({"t", 1}, 7), ErrorCode::kNone) << "a new group of that name";
  reopen();
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 1}));
}

TEST_F(GroupCoordinatorTest, a_commit_that_is_on_its_way_does_not_bring_a_removed_group_back) {
  for (int round = 0; round < 20; ++round) {
    std::optional<ErrorCode> code;
    groups().commit("g", {}, {{{"t", 0}, Offset(round), -1, ""}}, [&](std::vector<ErrorCode> c) {
      loop_.post([&, first = c.at(0)] { code = first; });
    });
    EXPECT_EQ(remove("g"), ErrorCode::kNone);
    EXPECT_TRUE(loop_.run_until([&] { return code.has_value(); }));
    EXPECT_THAT(committed(), IsEmpty());
  }
  reopen();
  EXPECT_EQ(state(), GroupState::kDead);
}

TEST_F(GroupCoordinatorTest, offsets_are_deleted_where_no_member_reads) {
  const auto erase = [this](std::vector<TopicPartition> tps) {
    std::optional<std::pair<ErrorCode, std::vector<ErrorCode>>> answer;
    groups().delete_offsets(
        "g", std::move(tps), [&](ErrorCode error, std::vector<ErrorCode> codes) {
          loop_.post([&, error, codes = std::move(codes)] { answer.emplace(error, codes); });
        });
    EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
    return *answer;
  };
  EXPECT_EQ(erase({{"t", 0}}).first, ErrorCode::kGroupIdNotFound);
  const Membership member = settle(consumer({"t"}));
  EXPECT_EQ(commit({"t", 0}, 5, member.who()), ErrorCode::kNone);
  EXPECT_EQ(commit({"u", 0}, 5, member.who()), ErrorCode::kNone);
  const auto [error, codes] = erase({{"t", 0}, {"u", 0}});
  EXPECT_EQ(error, ErrorCode::kNone);
  EXPECT_THAT(codes, ElementsAre(ErrorCode::kGroupSubscribedToTopic, ErrorCode::kNone));
  EXPECT_THAT(committed(), ElementsAre(TopicPartition{"t", 0}));
  leave(member);
  EXPECT_THAT(erase({{"t", 0}}).second, ElementsAre(ErrorCode::kNone));
  reopen();
  EXPECT_THAT(committed(), IsEmpty());

  auto worker = consumer({});
  worker.protocol_type = "connect";
  settle(worker);
  EXPECT_EQ(erase({{"t", 0}}).first, ErrorCode::kNonEmptyGroup) << "who knows what it reads";
}

TEST_F(GroupCoordinatorTest, a_member_of_a_group_that_is_gone_cannot_commit) {
  EXPECT_EQ(commit({"t", 0}, 5, {"member", std::nullopt, 3}), ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(commit({"t", 0}, 5, {"member", std::nullopt, -1}), ErrorCode::kNone);
}

}  // namespace
}  // namespace freshet::broker
