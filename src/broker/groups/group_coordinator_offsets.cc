// The offsets of GroupCoordinator: committing, fetching, deleting, expiring.
#include <algorithm>
#include <utility>

#include "broker/groups/group_coordinator.h"
#include "broker/groups/subscribed_topics.h"
#include "kafka/consumer_protocol.h"
#include "observe/log.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

const Logger logger("broker.groups");

}  // namespace

// ---- committing

void GroupCoordinator::commit(const std::string& group, const MemberIdentity& who,
                              std::vector<OffsetToCommit> offsets, CommitDone done) {
  std::vector<ErrorCode> codes(offsets.size(), ErrorCode::kNone);
  ErrorCode refused = ErrorCode::kNone;
  {
    const std::lock_guard lock(mutex_);
    const bool known = groups_.contains(group);
    if (stopped_ || (!known && is_full())) {
      refused = ErrorCode::kCoordinatorNotAvailable;
    } else if (!known && who.generation >= 0) {
      refused = ErrorCode::kGroupIdNotFound;
    } else {
      Entry& entry = entry_of(group);
      refused = entry.group.check_commit(who, clock_.steady());
      if (refused == ErrorCode::kNone) commit_locked(entry, std::move(offsets), codes, done);
      drop_if_unused(group);
    }
  }
  if (refused != ErrorCode::kNone) std::ranges::fill(codes, refused);
  if (done) return done(std::move(codes));
  writer_.flush();
}

void GroupCoordinator::commit_locked(Entry& entry, std::vector<OffsetToCommit> offsets,
                                     std::vector<ErrorCode>& codes, CommitDone& done) {
  const std::string& group = entry.group.name();
  const int64_t now_ms = wall_ms();
  std::vector<KeyedChange> changes;
  std::map<TopicPartition, uint64_t> orders;
  std::vector<std::pair<TopicPartition, CommittedOffset>> accepted;
  for (size_t i = 0; i < offsets.size(); ++i) {
    OffsetToCommit& offset = offsets[i];
    if (offset.metadata.size() > kOffsetMetadataBytesMax) {
      codes[i] = ErrorCode::kOffsetMetadataTooLarge;
      continue;
    }
    CommittedOffset value{offset.offset, offset.leader_epoch, std::move(offset.metadata), now_ms};
    value.order = last_commit_ + 1;  // the number that the commit gets below
    if (offset.retention) value.expire_time_ms = now_ms + offset.retention->count();
    changes.push_back({encode_offset_key(group, offset.tp), encode_offset_value(value)});
    orders.emplace(offset.tp, value.order);
    accepted.emplace_back(std::move(offset.tp), std::move(value));
  }
  if (changes.empty()) return;
  const uint64_t sequence = ++last_commit_;
  entry.commits_in_flight.emplace(sequence, std::move(orders));
  writer_.add(std::move(changes), [this, group, sequence, accepted = std::move(accepted),
                                   codes = std::move(codes), done = std::exchange(done, nullptr)](
                                      Result<void> written) mutable {
    // Once in an outage: groups commit again and again until it is over.
    if (written) {
      outage_said_ = false;
    } else {
      if (!outage_said_.exchange(true)) {
        logger.error("offsets could not be written", kv("group", group),
                     kv("error", written.error()));
      }
      std::ranges::replace(codes, ErrorCode::kNone, ErrorCode::kCoordinatorNotAvailable);
    }
    commit_done(group, sequence, std::move(accepted), written.has_value());
    done(std::move(codes));
  });
}

void GroupCoordinator::commit_done(const std::string& group, uint64_t sequence,
                                   std::vector<std::pair<TopicPartition, CommittedOffset>> offsets,
                                   bool durable) {
  Deliveries deliveries;
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    // The group may have been deleted meanwhile, tombstones for these offsets included.
    if (it == groups_.end() || sequence < it->second.born) return;
    Entry& entry = it->second;
    if (durable) {
      for (auto& [tp, value] : offsets) entry.offsets.insert_or_assign(tp, std::move(value));
    }
    entry.commits_in_flight.erase(sequence);
    const uint64_t oldest =
        entry.commits_in_flight.empty() ? UINT64_MAX : entry.commits_in_flight.begin()->first;
    while (!entry.fetches.empty() && entry.fetches.front().after < oldest) {
      auto& fetch = entry.fetches.front();
      deliveries.fetches.emplace_back(std::move(fetch.done), read_offsets(entry, fetch.tps));
      entry.fetches.pop_front();
    }
    drop_if_unused(group);
  }
  deliver(std::move(deliveries));
}

// ---- fetching

void GroupCoordinator::fetch(const std::string& group,
                             std::optional<std::vector<TopicPartition>> tps, FetchDone done) {
  std::vector<FetchedOffset> offsets;
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    if (it == groups_.end()) {
      for (auto& tp : tps.value_or(std::vector<TopicPartition>())) {
        offsets.push_back({std::move(tp), {kNoOffset, -1, {}, 0}});
      }
    } else if (it->second.commits_in_flight.empty() || stopped_) {
      offsets = read_offsets(it->second, tps);
    } else {
      it->second.fetches.push_back({last_commit_, std::move(tps), std::move(done)});
      return;
    }
  }
  done(std::move(offsets));
}

std::vector<FetchedOffset> GroupCoordinator::read_offsets(
    const Entry& entry, const std::optional<std::vector<TopicPartition>>& tps) {
  std::vector<FetchedOffset> offsets;
  if (!tps) {
    for (const auto& [tp, value] : entry.offsets) offsets.push_back({tp, value});
    return offsets;
  }
  offsets.reserve(tps->size());
  for (const TopicPartition& tp : *tps) {
    const auto it = entry.offsets.find(tp);
    offsets.push_back(
        {tp, it == entry.offsets.end() ? CommittedOffset{kNoOffset, -1, {}, 0} : it->second});
  }
  return offsets;
}

// ---- deleting

void GroupCoordinator::delete_locked(const std::string& group, Entry& entry,
                                     std::vector<TopicPartition> tps, KeyedLog::WriteDone done) {
  std::vector<KeyedChange> tombstones;
  for (const TopicPartition& tp : tps) {
    entry.offsets.erase(tp);
    tombstones.push_back({encode_offset_key(group, tp), std::nullopt});
  }
  writer_.add(std::move(tombstones), [this, group, tps = std::move(tps),
                                      done = std::move(done)](Result<void> written) mutable {
    if (!written) {
      logger.warn("deleted offsets come back with the next start", kv("group", group),
                  kv("error", written.error()));
    }
    {
      // Commits that lie before the tombstones in the log have been applied since.
      const std::lock_guard lock(mutex_);
      const auto it = groups_.find(group);
      if (it != groups_.end()) {
        for (const TopicPartition& tp : tps) it->second.offsets.erase(tp);
        drop_if_unused(group);
      }
    }
    if (done) done(std::move(written));
  });
}

void GroupCoordinator::forget_topics(std::span<const std::string> topics) {
  forget_topics_unless([topics](const std::string& topic) {
    return std::ranges::find(topics, topic) == topics.end();
  });
}

void GroupCoordinator::forget_topics_unless(const std::function<bool(const std::string&)>& exists) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, entry] : groups_) {
      std::vector<TopicPartition> gone;
      for (const auto& [tp, value] : entry.offsets) {
        if (!exists(tp.topic)) gone.push_back(tp);
      }
      for (const auto& [sequence, orders] : entry.commits_in_flight) {
        for (const auto& [tp, order] : orders) {
          if (!exists(tp.topic)) gone.push_back(tp);
        }
      }
      if (!gone.empty()) delete_locked(name, entry, std::move(gone), nullptr);
    }
  }
  writer_.flush();
}

void GroupCoordinator::remove_group(const std::string& group, RemoveDone done) {
  Deliveries deliveries;
  ErrorCode refused = ErrorCode::kNone;
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    if (stopped_) {
      refused = ErrorCode::kCoordinatorNotAvailable;
    } else if (it == groups_.end()) {
      refused = ErrorCode::kGroupIdNotFound;
    } else if (it->second.group.state() != GroupState::kEmpty) {
      refused = ErrorCode::kNonEmptyGroup;
    } else {
      std::vector<KeyedChange> tombstones;
      erase(it, deliveries, tombstones);
      writer_.add(std::move(tombstones),
                  [group, done = std::exchange(done, nullptr)](Result<void> written) mutable {
                    if (!written) {
                      logger.warn("a deleted group comes back with the next start",
                                  kv("group", group), kv("error", written.error()));
                    }
                    done(written ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable);
                  });
    }
  }
  deliver(std::move(deliveries));
  if (done) done(refused);
}

void GroupCoordinator::delete_offsets(const std::string& group, std::vector<TopicPartition> tps,
                                      DeleteDone done) {
  ErrorCode refused = ErrorCode::kNone;
  std::vector<ErrorCode> codes(tps.size(), ErrorCode::kNone);
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    const Group* machine = it == groups_.end() ? nullptr : &it->second.group;
    if (stopped_) {
      refused = ErrorCode::kCoordinatorNotAvailable;
    } else if (machine == nullptr) {
      refused = ErrorCode::kGroupIdNotFound;
    } else if (machine->state() != GroupState::kEmpty &&
               machine->protocol_type() != kafka::kConsumerProtocolType) {
      refused = ErrorCode::kNonEmptyGroup;
    } else {
      const auto subscribed = SubscribedTopics::of(*machine);
      std::vector<TopicPartition> gone;
      for (size_t i = 0; i < tps.size(); ++i) {
        if (subscribed.contains(tps[i].topic)) {
          codes[i] = ErrorCode::kGroupSubscribedToTopic;
        } else {
          gone.push_back(std::move(tps[i]));
        }
      }
      if (!gone.empty()) {
        delete_locked(group, it->second, std::move(gone),
                      [codes, done = std::exchange(done, nullptr)](Result<void> written) mutable {
                        if (!written) {
                          std::ranges::replace(codes, ErrorCode::kNone,
                                               ErrorCode::kCoordinatorNotAvailable);
                        }
                        done(ErrorCode::kNone, std::move(codes));
                      });
      }
    }
  }
  writer_.flush();
  if (done) done(refused, std::move(codes));
}

// ---- expiring

std::vector<TopicPartition> GroupCoordinator::expired(const Entry& entry) const {
  std::vector<TopicPartition> gone;
  const Group& group = entry.group;
  const bool standalone = group.protocol_type().empty();
  const bool empty = group.state() == GroupState::kEmpty;
  const bool stable_consumers =
      group.state() == GroupState::kStable && group.protocol_type() == kafka::kConsumerProtocolType;
  // What is on its way may be newer than what is looked at here.
  if (!entry.commits_in_flight.empty() || (!standalone && !empty && !stable_consumers)) return gone;
  const auto subscribed = SubscribedTopics::of(group);
  const int64_t now_ms = wall_ms();
  for (const auto& [tp, value] : entry.offsets) {
    if (subscribed.contains(tp.topic)) continue;
    const int64_t unused_since =
        empty ? std::max(entry.state_since_ms, value.commit_time_ms) : value.commit_time_ms;
    const int64_t ends =
        value.expire_time_ms.value_or(unused_since + settings_.offsets_retention.count());
    if (now_ms >= ends) gone.push_back(tp);
  }
  return gone;
}

void GroupCoordinator::expire_offsets() {
  Deliveries deliveries;
  size_t offsets = 0;
  size_t groups = 0;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    for (auto it = groups_.begin(); it != groups_.end();) {
      Entry& entry = it->second;
      auto gone = expired(entry);
      offsets += gone.size();
      const bool ends = entry.group.state() == GroupState::kEmpty &&
                        gone.size() == entry.offsets.size() && entry.commits_in_flight.empty() &&
                        !entry.group.has_pending_members();
      if (ends) {
        std::vector<KeyedChange> tombstones;
        const std::string name = it->first;
        it = erase(it, deliveries, tombstones);
        ++groups;
        writer_.add(std::move(tombstones), [name](Result<void> written) {
          if (written) return;
          logger.warn("an expired group comes back with the next start", kv("group", name),
                      kv("error", written.error()));
        });
        continue;
      }
      if (!gone.empty()) delete_locked(it->first, entry, std::move(gone), nullptr);
      ++it;
    }
  }
  if (offsets + groups > 0) {
    logger.info("offsets and groups that nobody used have expired", kv("offsets", offsets),
                kv("groups", groups));
  }
  deliver(std::move(deliveries));
}

}  // namespace freshet::broker
