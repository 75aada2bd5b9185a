#include "broker/groups/pending_offsets.h"

#include <algorithm>

namespace freshet::broker {

void PendingOffsets::add(int64_t producer_id, const std::string& group, const TopicPartition& tp,
                         CommittedOffset offset) {
  const std::lock_guard lock(mutex_);
  const bool fresh =
      by_producer_[producer_id][group].insert_or_assign(tp, std::move(offset)).second;
  if (fresh) ++counts_[group][tp];
}

OffsetsByGroup PendingOffsets::of(int64_t producer_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_producer_.find(producer_id);
  return found == by_producer_.end() ? OffsetsByGroup() : found->second;
}

void PendingOffsets::remove(int64_t producer_id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_producer_.find(producer_id);
  if (found == by_producer_.end()) return;
  for (const auto& [group, offsets] : found->second) {
    auto& counts = counts_[group];
    for (const auto& [tp, offset] : offsets) {
      if (--counts[tp] == 0) counts.erase(tp);
    }
    if (counts.empty()) counts_.erase(group);
  }
  by_producer_.erase(found);
  removed_.notify_all();
}

bool PendingOffsets::unstable(const std::string& group, const TopicPartition& tp) const {
  const std::lock_guard lock(mutex_);
  return unstable_locked(group, tp);
}

bool PendingOffsets::unstable_locked(const std::string& group, const TopicPartition& tp) const {
  const auto found = counts_.find(group);
  return found != counts_.end() && found->second.contains(tp);
}

bool PendingOffsets::wait_until_stable(const std::string& group,
                                       std::span<const TopicPartition> tps,
                                       std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  return removed_.wait_until(lock, deadline, [&] {
    return std::ranges::none_of(
        tps, [&](const TopicPartition& tp) { return unstable_locked(group, tp); });
  });
}

std::set<TopicPartition> PendingOffsets::unstable(const std::string& group) const {
  const std::lock_guard lock(mutex_);
  std::set<TopicPartition> tps;
  if (const auto found = counts_.find(group); found != counts_.end()) {
    for (const auto& [tp, count] : found->second) tps.insert(tp);
  }
  return tps;
}

}  // namespace freshet::broker
