#include "kafka/sticky_assignor.h"

#include <algorithm>
#include <optional>

namespace freshet::kafka {
namespace {

class StickyPlan {
 public:
  StickyPlan(std::span<const GroupMember> members, const PartitionCounts& partition_counts)
      : partition_counts_(partition_counts) {
    for (const auto& member : members) plans_.push_back({.member = &member, .partitions = {}});
    std::ranges::sort(plans_, {}, [](const Plan& plan) { return plan.member->member_id; });
    for (size_t i = 0; i < plans_.size(); ++i) {
      for (const auto& topic : plans_[i].member->topics) takers_[topic].push_back(i);
    }
  }

  GroupAssignment make() {
    find_owners();
    for (const auto& [tp, owner] : owners_) {
      if (owner) plans_[*owner].partitions.push_back(tp);
    }
    hand_out_the_rest();
    while (even_out()) {
    }
    return of_this_rebalance();
  }

 private:
  struct Plan {
    const GroupMember* member;
    std::vector<TopicPartition> partitions;
  };

  [[nodiscard]] bool exists_for(const TopicPartition& tp, const GroupMember& member) const {
    const auto count = partition_counts_.find(tp.topic);
    return count != partition_counts_.end() && tp.partition >= 0 && tp.partition < count->second &&
           std::ranges::find(member.topics, tp.topic) != member.topics.end();
  }

  void find_owners() {
    std::map<TopicPartition, int32_t> generations;
    for (size_t i = 0; i < plans_.size(); ++i) {
      const GroupMember& member = *plans_[i].member;
      for (const auto& tp : member.owned) {
        if (!exists_for(tp, member)) continue;
        const auto [generation, is_first] = generations.try_emplace(tp, member.generation);
        if (is_first || generation->second < member.generation) {
          owners_[tp] = i;
        } else if (generation->second == member.generation && owners_[tp] != i) {
          owners_[tp] = std::nullopt;
        }
        generation->second = std::max(generation->second, member.generation);
      }
    }
  }

  /// Of those who read the topic, the one that has least.
  [[nodiscard]] std::optional<size_t> neediest(const std::string& topic) const {
    const auto takers = takers_.find(topic);
    if (takers == takers_.end()) return std::nullopt;
    return *std::ranges::min_element(takers->second, {},
                                     [&](size_t i) { return plans_[i].partitions.size(); });
  }

  void hand_out_the_rest() {
    for (const auto& [topic, count] : partition_counts_) {
      for (int32_t number = 0; number < count; ++number) {
        const TopicPartition tp{topic, number};
        if (const auto owner = owners_.find(tp); owner != owners_.end() && owner->second) continue;
        if (const auto taker = neediest(topic)) plans_[*taker].partitions.push_back(tp);
      }
    }
  }

  /// False when nothing is left to move. Each move makes the loads more equal, so it ends.
  bool even_out() {
    bool moved = false;
    for (Plan& plan : plans_) {
      for (size_t i = plan.partitions.size(); i-- > 0;) {
        Plan& taker = plans_[*neediest(plan.partitions[i].topic)];
        if (plan.partitions.size() < taker.partitions.size() + 2) continue;
        taker.partitions.push_back(plan.partitions[i]);
        plan.partitions.erase(plan.partitions.begin() + static_cast<std::ptrdiff_t>(i));
        moved = true;
      }
    }
    return moved;
  }

  /// What another member still owns comes in the next one.
  GroupAssignment of_this_rebalance() {
    GroupAssignment assignment;
    for (size_t i = 0; i < plans_.size(); ++i) {
      auto& partitions = plans_[i].partitions;
      std::erase_if(partitions, [&](const TopicPartition& tp) {
        const auto owner = owners_.find(tp);
        return owner != owners_.end() && owner->second && *owner->second != i;
      });
      std::ranges::sort(partitions);
      assignment[plans_[i].member->member_id] = std::move(partitions);
    }
    return assignment;
  }

  const PartitionCounts& partition_counts_;
  std::vector<Plan> plans_;  // by member id
  std::map<std::string, std::vector<size_t>> takers_;
  std::map<TopicPartition, std::optional<size_t>> owners_;  // none: two say so
};

}  // namespace

GroupAssignment assign_cooperative_sticky(std::span<const GroupMember> members,
                                          const PartitionCounts& partition_counts) {
  return StickyPlan(members, partition_counts).make();
}

}  // namespace freshet::kafka
