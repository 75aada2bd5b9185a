// Offsets that were committed inside transactions whose end is not known yet.
//
// They are durable in the transaction log (transactions/), not among the offsets of the group: a
// commit of the transaction turns them into those, an abort forgets them. Until then a reader that
// asks for stable offsets is told to come again, because the transaction may change them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/groups/offsets_schema.h"
#include "model/offset.h"

namespace freshet::broker {

/// By group. A value replaces an older one of the same producer for the same partition.
using OffsetsByGroup = std::map<std::string, std::map<TopicPartition, CommittedOffset>>;

/// Any thread.
class PendingOffsets {
 public:
  void add(int64_t producer_id, const std::string& group, const TopicPartition& tp,
           CommittedOffset offset);
  /// What this producer has pending.
  [[nodiscard]] OffsetsByGroup of(int64_t producer_id) const;
  /// Its transaction has ended and what it committed is in force.
  void remove(int64_t producer_id);

  /// Some transaction may change this offset. Ask before reading the offset: one that was read
  /// before may have been changed since.
  [[nodiscard]] bool unstable(const std::string& group, const TopicPartition& tp) const;
  /// All of a group.
  [[nodiscard]] std::set<TopicPartition> unstable(const std::string& group) const;
  /// Blocks a plain thread until none of them is unstable (true) or the deadline.
  [[nodiscard]] bool wait_until_stable(const std::string& group,
                                       std::span<const TopicPartition> tps,
                                       std::chrono::steady_clock::time_point deadline) const;

 private:
  [[nodiscard]] bool unstable_locked(const std::string& group, const TopicPartition& tp) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable removed_;
  // Guarded by mutex_.
  std::map<int64_t, OffsetsByGroup> by_producer_;
  std::map<std::string, std::map<TopicPartition, int>> counts_;  // by how many producers
};

}  // namespace freshet::broker
