#include "kafka/sticky_assignor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace freshet::kafka {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<TopicPartition> parts(std::initializer_list<TopicPartition> list) { return list; }

GroupMember member(const std::string& id, std::vector<TopicPartition> owned, int32_t generation,
                   std::vector<std::string> topics = {"t"}) {
  return {id, {}, std::move(topics), std::move(owned), generation};
}

TEST(StickyAssignor, a_new_member_gets_its_share_in_the_second_rebalance) {
  const auto four = parts({{"t", 0}, {"t", 1}, {"t", 2}, {"t", 3}});
  const GroupMember first_round[] = {member("a", four, 1), member("b", {}, -1)};
  auto assigned = assign_cooperative_sticky(first_round, {{"t", 4}});
  EXPECT_THAT(assigned["a"], SizeIs(2));
  EXPECT_THAT(assigned["b"], IsEmpty());
  const auto kept = assigned["a"];

  const GroupMember second_round[] = {member("a", kept, 2), member("b", {}, 2)};
  assigned = assign_cooperative_sticky(second_round, {{"t", 4}});
  EXPECT_EQ(assigned["a"], kept);
  EXPECT_THAT(assigned["b"], SizeIs(2));
}

TEST(StickyAssignor, what_a_member_left_behind_is_taken_at_once_and_nothing_else_moves) {
  const GroupMember members[] = {member("a", parts({{"t", 0}, {"t", 1}}), 5),
                                 member("b", parts({{"t", 2}}), 5)};
  const auto assigned = assign_cooperative_sticky(members, {{"t", 4}});
  EXPECT_EQ(assigned.at("a"), parts({{"t", 0}, {"t", 1}}));
  EXPECT_EQ(assigned.at("b"), parts({{"t", 2}, {"t", 3}}));
}

TEST(StickyAssignor, an_owner_of_an_earlier_generation_has_lost_it) {
  const GroupMember members[] = {member("a", parts({{"t", 0}, {"t", 1}}), 3),
                                 member("b", parts({{"t", 0}}), 4)};
  const auto assigned = assign_cooperative_sticky(members, {{"t", 2}});
  EXPECT_EQ(assigned.at("a"), parts({{"t", 1}}));
  EXPECT_EQ(assigned.at("b"), parts({{"t", 0}}));
}

TEST(StickyAssignor, of_two_owners_of_one_generation_neither_keeps_a_claim) {
  const GroupMember members[] = {member("a", parts({{"t", 0}}), 3),
                                 member("b", parts({{"t", 0}}), 3)};
  const auto assigned = assign_cooperative_sticky(members, {{"t", 1}});
  EXPECT_EQ(assigned.at("a").size() + assigned.at("b").size(), 1U);
}

TEST(StickyAssignor, what_is_gone_or_not_subscribed_is_nobodys) {
  const GroupMember members[] = {
      member("a", parts({{"gone", 0}, {"t", 7}, {"t", -1}, {"u", 0}, {"t", 0}}), 3),
      member("b", {}, 3, {"u"})};
  const auto assigned = assign_cooperative_sticky(members, {{"t", 2}, {"u", 1}, {"unwanted", 3}});
  EXPECT_EQ(assigned.at("a"), parts({{"t", 0}, {"t", 1}}));
  EXPECT_EQ(assigned.at("b"), parts({{"u", 0}}));
}

/// Members come and go; after each change the group rebalances until nobody gives anything up.
TEST(StickyAssignor, settles_evenly_in_two_rebalances_with_one_owner_each) {
  std::mt19937 random(7);
  const PartitionCounts counts = {{"t", 23}, {"u", 9}};
  std::map<std::string, std::vector<TopicPartition>> owned;
  int32_t generation = 0;
  for (int change = 0; change < 200; ++change) {
    const std::string who = fmt::format("m{}", random() % 7);
    if (owned.erase(who) == 0) owned[who] = {};
    if (owned.empty()) continue;
    for (int round = 0;; ++round) {
      ASSERT_LT(round, 2) << "change " << change;
      std::vector<GroupMember> members;
      for (const auto& [id, had] : owned) {
        members.push_back(member(id, had, generation, {"t", "u"}));
      }
      ++generation;
      const auto assigned = assign_cooperative_sticky(members, counts);
      std::set<TopicPartition> taken;
      size_t given_up = 0;
      for (auto& [id, had] : owned) {
        const auto& has = assigned.at(id);
        for (const auto& tp : has) {
          EXPECT_TRUE(taken.insert(tp).second) << tp.partition;
          for (const auto& [other, others] : owned) {
            if (other == id) continue;
            EXPECT_FALSE(std::ranges::count(others, tp)) << "still the other's";
          }
        }
        given_up += static_cast<size_t>(std::ranges::count_if(
            had, [&](const auto& tp) { return !std::ranges::count(has, tp); }));
      }
      owned = assigned;
      if (given_up > 0) continue;
      EXPECT_EQ(taken.size(), 32U);
      break;
    }
    size_t most = 0;
    size_t least = 32;
    for (const auto& [id, has] : owned) {
      most = std::max(most, has.size());
      least = std::min(least, has.size());
    }
    EXPECT_LE(most, least + 1) << "change " << change;
  }
}

}  // namespace
}  // namespace freshet::kafka
