// The edge between groups and transactions: who may commit in one, and what a commit brings.
#include <algorithm>
#include <utility>

#include "broker/groups/group_coordinator.h"

namespace freshet::broker {

using kafka::ErrorCode;

ErrorCode GroupCoordinator::check_transactional_commit(const std::string& group,
                                                       const MemberIdentity& who) const {
  const std::lock_guard lock(mutex_);
  if (stopped_) return ErrorCode::kCoordinatorNotAvailable;
  const auto it = groups_.find(group);
  if (it != groups_.end()) return it->second.group.check_transactional_commit(who);
  return who.generation >= 0 ? ErrorCode::kIllegalGeneration : ErrorCode::kNone;
}

uint64_t GroupCoordinator::next_commit_order() {
  const std::lock_guard lock(mutex_);
  return ++last_commit_;
}

bool GroupCoordinator::was_replaced(const Entry& entry, const TopicPartition& tp,
                                    const CommittedOffset& offset) {
  const auto found = entry.offsets.find(tp);
  if (found != entry.offsets.end() && was_before(offset, found->second)) return true;
  return std::ranges::any_of(entry.commits_in_flight, [&](const auto& commit) {
    const auto same = commit.second.find(tp);
    return same != commit.second.end() && same->second > offset.order;
  });
}

bool GroupCoordinator::stage_offsets(const OffsetsByGroup& by_group, KeyedLog::WriteDone done,
                                     std::vector<KeyedLog::Staged>& staged) {
  struct Part {
    std::string group;
    uint64_t sequence;
    std::vector<std::pair<TopicPartition, CommittedOffset>> offsets;
  };
  std::vector<Part> parts;
  std::vector<KeyedChange> changes;
  const std::lock_guard lock(mutex_);
  for (const auto& [group, offsets] : by_group) {
    Entry& entry = entry_of(group);
    Part part{group, ++last_commit_, {}};
    std::map<TopicPartition, uint64_t> orders;
    for (const auto& [tp, offset] : offsets) {
      if (was_replaced(entry, tp, offset)) continue;
      changes.push_back({encode_offset_key(group, tp), encode_offset_value(offset)});
      orders.emplace(tp, offset.order);
      part.offsets.emplace_back(tp, offset);
    }
    if (orders.empty()) {
      drop_if_unused(group);
      continue;
    }
    entry.commits_in_flight.emplace(part.sequence, std::move(orders));
    parts.push_back(std::move(part));
  }
  if (changes.empty()) return true;
  std::vector<std::pair<std::string, uint64_t>> begun;
  for (const Part& part : parts) begun.emplace_back(part.group, part.sequence);
  auto batch = writer_.stage(
      std::move(changes),
      [this, parts = std::move(parts), done = std::move(done)](Result<void> written) mutable {
        for (Part& part : parts) {
          commit_done(part.group, part.sequence, std::move(part.offsets), written.has_value());
        }
        done(std::move(written));
      });
  if (batch) {
    staged.push_back(std::move(*batch));
    return true;
  }
  // Nobody can have begun to wait for these commits: the mutex was held.
  for (const auto& [group, sequence] : begun) {
    groups_.at(group).commits_in_flight.erase(sequence);
    drop_if_unused(group);
  }
  return false;
}

void GroupCoordinator::when_stageable(std::move_only_function<void()> ready) {
  writer_.when_stageable(std::move(ready));
}

}  // namespace freshet::broker
