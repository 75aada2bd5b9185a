#include "broker/groups/group_coordinator.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "observe/log.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

const Logger logger("broker.groups");

/// More groups than anybody runs; a client that makes up names must not fill the memory.
constexpr size_t kGroupsMax = 100'000;

}  // namespace

Result<std::unique_ptr<GroupCoordinator>> GroupCoordinator::open(std::unique_ptr<KeyedLog> log,
                                                                 GroupSettings settings,
                                                                 Clock& clock) {
  std::unique_ptr<GroupCoordinator> coordinator(
      new GroupCoordinator(std::move(log), settings, clock));
  FRESHET_TRY_CONTEXT(coordinator->load(), "consumer group state");
  return coordinator;
}

GroupCoordinator::GroupCoordinator(std::unique_ptr<KeyedLog> log, GroupSettings settings,
                                   Clock& clock)
    : settings_(settings), clock_(clock), log_(std::move(log)) {}

GroupCoordinator::~GroupCoordinator() {
  stop();
  log_.reset();
}

Result<void> GroupCoordinator::load() {
  const std::lock_guard lock(mutex_);
  Result<void> outcome;
  std::map<std::string, int32_t> generations;
  std::map<std::string, std::map<TopicPartition, CommittedOffset>> offsets;
  log_->visit([&](std::string_view key_bytes, std::string_view value) {
    if (!outcome) return;
    auto key = decode_state_key(key_bytes);
    if (!key) {
      outcome = std::unexpected(std::move(key).error());
    } else if (const auto* offset = std::get_if<OffsetKey>(&*key)) {
      auto decoded = decode_offset_value(value);
      if (decoded) {
        offsets[offset->group][offset->tp] = std::move(*decoded);
      } else {
        outcome = std::unexpected(std::move(decoded).error().with_context(offset->group));
      }
    } else if (const auto* group = std::get_if<GroupKey>(&*key)) {
      auto decoded = decode_group_value(value);
      if (decoded) {
        generations[group->group] = decoded->generation;
      } else {
        outcome = std::unexpected(std::move(decoded).error().with_context(group->group));
      }
    }
  });
  if (!outcome) return outcome;
  for (auto& [name, group_offsets] : offsets) generations.try_emplace(name, 0);
  for (const auto& [name, generation] : generations) {
    Entry& entry = groups_.try_emplace(name, Group(name, settings_, generation)).first->second;
    entry.offsets = std::move(offsets[name]);
  }
  return {};
}

void GroupCoordinator::set_wake_at(WakeAt wake_at) {
  const std::lock_guard lock(mutex_);
  wake_at_ = std::move(wake_at);
}

void GroupCoordinator::set_gauges(const std::array<Gauge*, 5>& gauges) {
  const std::lock_guard lock(mutex_);
  gauges_ = gauges;
  for (auto& [name, entry] : groups_) count(entry);
}

void GroupCoordinator::count(Entry& entry) {
  const GroupState state = entry.group.state();
  if (entry.counted == state || gauges_.front() == nullptr) return;
  if (entry.counted) gauges_[static_cast<size_t>(*entry.counted)]->add(-1);
  gauges_[static_cast<size_t>(state)]->add(1);
  entry.counted = state;
}

GroupCoordinator::Entry& GroupCoordinator::entry_of(const std::string& group) {
  Entry& entry = groups_.try_emplace(group, Group(group, settings_, 0)).first->second;
  count(entry);
  return entry;
}

void GroupCoordinator::drop_if_unused(const std::string& group) {
  const auto it = groups_.find(group);
  if (it == groups_.end()) return;
  const Entry& entry = it->second;
  const bool unused = entry.group.state() == GroupState::kEmpty && entry.group.generation() == 0 &&
                      !entry.group.next_deadline() && entry.offsets.empty() &&
                      entry.commits_in_flight.empty() && entry.fetches.empty();
  if (!unused) return;
  if (entry.counted) gauges_[static_cast<size_t>(*entry.counted)]->add(-1);
  groups_.erase(it);
}

// ---- membership

void GroupCoordinator::join(const std::string& group, JoinRequest request, JoinDone done) {
  Deliveries deliveries;
  {
    const std::lock_guard lock(mutex_);
    const bool known = groups_.contains(group);
    ErrorCode refused = ErrorCode::kNone;
    if (stopped_) {
      refused = ErrorCode::kCoordinatorNotAvailable;
    } else if (!known && !request.member_id.empty()) {
      refused = ErrorCode::kUnknownMemberId;
    } else if (!known && groups_.size() >= kGroupsMax) {
      logger.warn("a group was refused: too many groups", kv("groups_max", kGroupsMax));
      refused = ErrorCode::kCoordinatorNotAvailable;
    }
    if (refused != ErrorCode::kNone) {
      JoinResult result;
      result.error = refused;
      result.member_id = request.member_id;
      deliveries.joins.emplace_back(std::move(done), std::move(result));
    } else {
      Entry& entry = entry_of(group);
      const RequestId id = ++last_request_;
      held_joins_.emplace(id, std::move(done));
      Outbox out;
      entry.group.join(id, request, clock_.steady(), out);
      collect(entry, out, deliveries);
      drop_if_unused(group);
    }
  }
  deliver(std::move(deliveries));
}

void GroupCoordinator::sync(const std::string& group, SyncRequest request, SyncDone done) {
  Deliveries deliveries;
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    if (stopped_ || it == groups_.end()) {
      SyncResult result;
      result.error = stopped_ ? ErrorCode::kCoordinatorNotAvailable : ErrorCode::kUnknownMemberId;
      deliveries.syncs.emplace_back(std::move(done), std::move(result));
    } else {
      const RequestId id = ++last_request_;
      held_syncs_.emplace(id, std::move(done));
      Outbox out;
      it->second.group.sync(id, request, clock_.steady(), out);
      collect(it->second, out, deliveries);
    }
  }
  deliver(std::move(deliveries));
}

ErrorCode GroupCoordinator::heartbeat(const std::string& group, const MemberIdentity& who) {
  const std::lock_guard lock(mutex_);
  return heartbeat_locked(group, who);
}

ErrorCode GroupCoordinator::heartbeat_locked(const std::string& group, const MemberIdentity& who) {
  if (stopped_) return ErrorCode::kCoordinatorNotAvailable;
  const auto it = groups_.find(group);
  if (it == groups_.end()) return ErrorCode::kUnknownMemberId;
  return it->second.group.heartbeat(who, clock_.steady());
}

ErrorCode GroupCoordinator::wait_for_rebalance(const std::string& group, const MemberIdentity& who,
                                               Millis wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  std::unique_lock lock(mutex_);
  for (;;) {
    const ErrorCode code = heartbeat_locked(group, who);
    if (code != ErrorCode::kNone) return code;
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) {
      return heartbeat_locked(group, who);
    }
  }
}

std::vector<ErrorCode> GroupCoordinator::leave(const std::string& group,
                                               std::span<const LeavingMember> members) {
  Deliveries deliveries;
  std::vector<ErrorCode> codes;
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    if (stopped_ || it == groups_.end()) {
      return std::vector(members.size(), stopped_ ? ErrorCode::kCoordinatorNotAvailable
                                                  : ErrorCode::kUnknownMemberId);
    }
    for (const LeavingMember& member : members) {
      Outbox out;
      codes.push_back(it->second.group.leave(member, clock_.steady(), out));
      collect(it->second, out, deliveries);
    }
    drop_if_unused(group);
  }
  deliver(std::move(deliveries));
  return codes;
}

void GroupCoordinator::tick() {
  Deliveries deliveries;
  {
    const std::lock_guard lock(mutex_);
    armed_.reset();
    const SteadyTime now = clock_.steady();
    std::vector<std::string> idle;
    for (auto& [name, entry] : groups_) {
      const auto due = entry.group.next_deadline();
      if (!due) continue;
      if (*due > now) {
        arm(entry);
        continue;
      }
      Outbox out;
      entry.group.tick(now, out);
      collect(entry, out, deliveries);
      idle.push_back(name);
    }
    for (const std::string& name : idle) drop_if_unused(name);
  }
  deliver(std::move(deliveries));
}

void GroupCoordinator::stop() {
  Deliveries deliveries;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
    for (auto& [name, entry] : groups_) {
      Outbox out;
      entry.group.remove(out);
      collect(entry, out, deliveries);
      for (auto& fetch : entry.fetches) {
        deliveries.fetches.emplace_back(std::move(fetch.done), read_offsets(entry, fetch.tps));
      }
      entry.fetches.clear();
    }
  }
  deliver(std::move(deliveries));
}

void GroupCoordinator::collect(Entry& entry, Outbox& out, Deliveries& deliveries) {
  for (auto& [id, result] : out.joins) {
    auto node = held_joins_.extract(id);
    FRESHET_CHECK(!node.empty(), "join {} of group {} answered twice", id, entry.group.name());
    deliveries.joins.emplace_back(std::move(node.mapped()), std::move(result));
  }
  for (auto& [id, result] : out.syncs) {
    auto node = held_syncs_.extract(id);
    FRESHET_CHECK(!node.empty(), "sync {} of group {} answered twice", id, entry.group.name());
    deliveries.syncs.emplace_back(std::move(node.mapped()), std::move(result));
  }
  if (out.persist_generation) {
    PersistedGroup value;
    value.protocol_type = entry.group.protocol_type();
    value.generation = *out.persist_generation;
    value.state_time_ms = clock_.wall().time_since_epoch().count();
    deliveries.to_persist.emplace_back(entry.group.name(), std::move(value));
  }
  arm(entry);
  count(entry);
  changed_.notify_all();
}

void GroupCoordinator::deliver(Deliveries deliveries) {
  for (auto& [done, result] : deliveries.joins) done(std::move(result));
  for (auto& [done, result] : deliveries.syncs) done(std::move(result));
  for (auto& [done, offsets] : deliveries.fetches) done(std::move(offsets));
  for (const auto& [group, value] : deliveries.to_persist) persist(group, value);
}

void GroupCoordinator::persist(const std::string& group, const PersistedGroup& value) {
  std::vector<KeyedChange> changes;
  changes.push_back({encode_group_key(group), encode_group_value(value)});
  write(std::move(changes), [this, group, generation = value.generation](Result<void> done) {
    if (!done) {
      logger.error("a group's generation could not be written; its members join again",
                   kv("group", group), kv("error", done.error()));
    }
    Deliveries deliveries;
    {
      const std::lock_guard lock(mutex_);
      const auto it = groups_.find(group);
      if (it == groups_.end()) return;
      Outbox out;
      it->second.group.persisted(generation,
                                 done ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable,
                                 clock_.steady(), out);
      collect(it->second, out, deliveries);
    }
    deliver(std::move(deliveries));
  });
}

void GroupCoordinator::write(std::vector<KeyedChange> changes, KeyedLog::WriteDone done) {
  std::vector<KeyedChange> again = changes;
  log_->write(std::move(changes), [this, again = std::move(again),
                                   done = std::move(done)](Result<void> written) mutable {
    if (written || written.error().code() != Errc::kUnavailable || !on_room_) {
      return done(std::move(written));
    }
    on_room_([this, again = std::move(again), done = std::move(done)]() mutable {
      write(std::move(again), std::move(done));
    });
  });
}

void GroupCoordinator::arm(const Entry& entry) {
  const auto due = entry.group.next_deadline();
  if (!due || (armed_ && *armed_ <= *due)) return;
  armed_ = due;
  if (wake_at_) wake_at_(*due);
}

// ---- offsets

void GroupCoordinator::commit(const std::string& group, const MemberIdentity& who,
                              std::vector<OffsetToCommit> offsets, CommitDone done) {
  std::vector<ErrorCode> codes(offsets.size(), ErrorCode::kNone);
  std::vector<std::pair<TopicPartition, CommittedOffset>> accepted;
  std::vector<KeyedChange> changes;
  uint64_t sequence = 0;
  ErrorCode refused = ErrorCode::kNone;
  {
    const std::lock_guard lock(mutex_);
    const bool known = groups_.contains(group);
    if (stopped_ || (!known && groups_.size() >= kGroupsMax)) {
      refused = ErrorCode::kCoordinatorNotAvailable;
    } else if (!known && who.generation >= 0) {
      refused = ErrorCode::kIllegalGeneration;
    } else {
      Entry& entry = entry_of(group);
      refused = entry.group.check_commit(who, clock_.steady());
      const int64_t now_ms = clock_.wall().time_since_epoch().count();
      for (size_t i = 0; refused == ErrorCode::kNone && i < offsets.size(); ++i) {
        OffsetToCommit& offset = offsets[i];
        if (offset.metadata.size() > kOffsetMetadataBytesMax) {
          codes[i] = ErrorCode::kOffsetMetadataTooLarge;
          continue;
        }
        CommittedOffset value{offset.offset, offset.leader_epoch, std::move(offset.metadata),
                              now_ms};
        changes.push_back({encode_offset_key(group, offset.tp), encode_offset_value(value)});
        accepted.emplace_back(std::move(offset.tp), std::move(value));
      }
      if (!changes.empty()) {
        sequence = ++last_commit_;
        entry.commits_in_flight.insert(sequence);
      } else {
        drop_if_unused(group);
      }
    }
  }
  if (refused != ErrorCode::kNone) std::ranges::fill(codes, refused);
  if (changes.empty()) return done(std::move(codes));

  write(std::move(changes),
        [this, group, sequence, accepted = std::move(accepted), codes = std::move(codes),
         done = std::move(done)](Result<void> written) mutable {
          if (!written) {
            logger.error("offsets could not be written", kv("group", group),
                         kv("error", written.error()));
            for (ErrorCode& code : codes) {
              if (code == ErrorCode::kNone) code = ErrorCode::kCoordinatorNotAvailable;
            }
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
    Entry& entry = entry_of(group);
    if (durable) {
      for (auto& [tp, value] : offsets) entry.offsets.insert_or_assign(tp, std::move(value));
    }
    entry.commits_in_flight.erase(sequence);
    const uint64_t oldest =
        entry.commits_in_flight.empty() ? UINT64_MAX : *entry.commits_in_flight.begin();
    while (!entry.fetches.empty() && entry.fetches.front().after < oldest) {
      auto& fetch = entry.fetches.front();
      deliveries.fetches.emplace_back(std::move(fetch.done), read_offsets(entry, fetch.tps));
      entry.fetches.pop_front();
    }
    drop_if_unused(group);
  }
  deliver(std::move(deliveries));
}

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

void GroupCoordinator::forget_topics(std::span<const std::string> topics) {
  std::vector<KeyedChange> changes;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, entry] : groups_) {
      for (const std::string& topic : topics) {
        auto it = entry.offsets.lower_bound({topic, INT32_MIN});
        while (it != entry.offsets.end() && it->first.topic == topic) {
          changes.push_back({encode_offset_key(name, it->first), std::nullopt});
          it = entry.offsets.erase(it);
        }
      }
    }
  }
  if (changes.empty()) return;
  write(std::move(changes), [](Result<void> written) {
    if (!written) {
      logger.warn("offsets of deleted topics stay in the log until the next start",
                  kv("error", written.error()));
    }
  });
}

// ---- looking

GroupSnapshot GroupCoordinator::snapshot(const Entry& entry) {
  GroupSnapshot snapshot;
  snapshot.group = entry.group.name();
  snapshot.state = entry.group.state();
  snapshot.protocol_type = entry.group.protocol_type();
  snapshot.generation = entry.group.generation();
  const bool stable = snapshot.state == GroupState::kStable;
  if (stable) snapshot.protocol = entry.group.protocol();
  for (const auto& [id, member] : entry.group.members()) {
    GroupSnapshot::Member copy;
    copy.id = id;
    copy.instance_id = member.instance_id;
    copy.client_id = member.client_id;
    copy.client_host = member.client_host;
    if (stable) {
      copy.metadata = entry.group.metadata_of(member);
      copy.assignment = member.assignment;
    }
    snapshot.members.push_back(std::move(copy));
  }
  return snapshot;
}

std::vector<GroupSnapshot> GroupCoordinator::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<GroupSnapshot> all;
  all.reserve(groups_.size());
  for (const auto& [name, entry] : groups_) all.push_back(snapshot(entry));
  return all;
}

GroupSnapshot GroupCoordinator::describe(const std::string& group) const {
  const std::lock_guard lock(mutex_);
  const auto it = groups_.find(group);
  if (it != groups_.end()) return snapshot(it->second);
  GroupSnapshot missing;
  missing.group = group;
  return missing;
}

}  // namespace freshet::broker
