// The edge between groups and transactions: who may commit in one, and what a commit brings.
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

std::optional<KeyedLog::Staged> GroupCoordinator::stage_offsets(const OffsetsByGroup& by_group,
                                                                KeyedLog::WriteDone done) {
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
    Part& part = parts.emplace_back(group, ++last_commit_);
    std::vector<TopicPartition> tps;
    for (const auto& [tp, offset] : offsets) {
      changes.push_back({encode_offset_key(group, tp), encode_offset_value(offset)});
      tps.push_back(tp);
      part.offsets.emplace_back(tp, offset);
    }
    entry.commits_in_flight.emplace(part.sequence, std::move(tps));
  }
  std::vector<std::pair<std::string, uint64_t>> begun;
  for (const Part& part : parts) begun.emplace_back(part.group, part.sequence);
  auto staged = writer_.stage(
      std::move(changes),
      [this, parts = std::move(parts), done = std::move(done)](Result<void> written) mutable {
        for (Part& part : parts) {
          commit_done(part.group, part.sequence, std::move(part.offsets), written.has_value());
        }
        done(std::move(written));
      });
  if (!staged) {
    // Nobody can have begun to wait for these commits: the mutex was held.
    for (const auto& [group, sequence] : begun) {
      groups_.at(group).commits_in_flight.erase(sequence);
      drop_if_unused(group);
    }
  }
  return staged;
}

void GroupCoordinator::when_stageable(std::move_only_function<void()> ready) {
  writer_.when_stageable(std::move(ready));
}

}  // namespace freshet::broker
