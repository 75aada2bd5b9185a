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
/// A group record is one batch of the log. The members of a larger group join again after a crash.
constexpr size_t kPersistedMembersBytesMax = 4 << 20;

size_t members_bytes(const PersistedGroup& image) {
  size_t sum = 0;
  for (const PersistedMember& member : image.members) {
    sum += member.id.size() + member.client_id.size() + member.subscription.size() +
           member.assignment.size();
  }
  return sum;
}

}  // namespace

Result<std::unique_ptr<GroupCoordinator>> GroupCoordinator::open(std::unique_ptr<KeyedLog> log,
                                                                 CoordinatorSettings settings,
                                                                 Clock& clock) {
  std::unique_ptr<GroupCoordinator> coordinator(
      new GroupCoordinator(std::move(log), settings, clock));
  FRESHET_TRY_CONTEXT(coordinator->load(), "consumer group state");
  return coordinator;
}

GroupCoordinator::GroupCoordinator(std::unique_ptr<KeyedLog> log, CoordinatorSettings settings,
                                   Clock& clock)
    : settings_(settings), clock_(clock), writer_(std::move(log)) {}

GroupCoordinator::~GroupCoordinator() {
  stop();
  writer_.close();
}

Result<void> GroupCoordinator::load() {
  const std::lock_guard lock(mutex_);
  Result<void> outcome;
  std::map<std::string, PersistedGroup> images;
  std::map<std::string, std::map<TopicPartition, CommittedOffset>> offsets;
  writer_.visit([&](std::string_view key_bytes, std::string_view value) {
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
        images[group->group] = std::move(*decoded);
      } else {
        outcome = std::unexpected(std::move(decoded).error().with_context(group->group));
      }
    }
  });
  if (!outcome) return outcome;
  for (const auto& [name, group_offsets] : offsets) images.try_emplace(name);
  for (const auto& [name, image] : images) {
    adopt(name, image);
    groups_.at(name).offsets = std::move(offsets[name]);
  }
  return {};
}

void GroupCoordinator::adopt(const std::string& name, const PersistedGroup& image) {
  Entry& entry =
      groups_
          .try_emplace(name, Group::restore(name, settings_.group, image, clock_.steady()),
                       last_commit_)
          .first->second;
  entry.last_state = entry.group.state();
  // A group that had members, and lost them with the process, is empty only since now.
  const bool was_empty = !image.protocol;
  entry.state_since_ms = was_empty ? image.state_time_ms : wall_ms();
}

void GroupCoordinator::set_wake_at(WakeAt wake_at) {
  const std::lock_guard lock(mutex_);
  wake_at_ = std::move(wake_at);
  for (const auto& [name, entry] : groups_) arm(entry);
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

void GroupCoordinator::note_state(Entry& entry) {
  count(entry);
  if (entry.group.state() == entry.last_state) return;
  entry.last_state = entry.group.state();
  entry.state_since_ms = wall_ms();
}

GroupCoordinator::Entry& GroupCoordinator::entry_of(const std::string& group) {
  const auto [it, made] =
      groups_.try_emplace(group, Group(group, settings_.group, 0), last_commit_ + 1);
  if (made) it->second.state_since_ms = wall_ms();
  count(it->second);
  return it->second;
}

bool GroupCoordinator::is_full() const {
  if (groups_.size() < kGroupsMax) return false;
  logger.warn("a group was refused: too many groups", kv("groups_max", kGroupsMax));
  return true;
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

GroupCoordinator::Groups::iterator GroupCoordinator::erase(Groups::iterator it,
                                                           Deliveries& deliveries,
                                                           std::vector<KeyedChange>& tombstones) {
  Entry& entry = it->second;
  for (const auto& [tp, value] : entry.offsets) {
    tombstones.push_back({encode_offset_key(it->first, tp), std::nullopt});
  }
  for (const auto& [sequence, orders] : entry.commits_in_flight) {
    for (const auto& [tp, order] : orders) {
      tombstones.push_back({encode_offset_key(it->first, tp), std::nullopt});
    }
  }
  tombstones.push_back({encode_group_key(it->first), std::nullopt});
  entry.offsets.clear();
  for (auto& fetch : entry.fetches) {
    deliveries.fetches.emplace_back(std::move(fetch.done), read_offsets(entry, fetch.tps));
  }
  if (entry.counted) gauges_[static_cast<size_t>(*entry.counted)]->add(-1);
  return groups_.erase(it);
}

// ---- membership

void GroupCoordinator::join(const std::string& group, JoinRequest request, JoinDone done) {
  Deliveries deliveries;
  {
    const std::lock_guard lock(mutex_);
    const bool known = groups_.contains(group);
    ErrorCode refused = ErrorCode::kNone;
    const bool unknown_member = !known && !request.member_id.empty();
    if (stopped_ || (!known && !unknown_member && is_full())) {
      refused = ErrorCode::kCoordinatorNotAvailable;
    } else if (unknown_member) {
      refused = ErrorCode::kUnknownMemberId;
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
  note_state(entry);
  if (out.persist_generation) persist(entry, out);
  arm(entry);
  changed_.notify_all();
}

void GroupCoordinator::persist(Entry& entry, Outbox& out) {
  const std::string& group = entry.group.name();
  PersistedGroup image = entry.group.image();
  image.state_time_ms = wall_ms();
  if (members_bytes(image) > kPersistedMembersBytesMax) image.members.clear();
  std::vector<std::pair<JoinDone, JoinResult>> joins;
  for (auto& [id, result] : out.joins_when_durable) {
    auto node = held_joins_.extract(id);
    FRESHET_CHECK(!node.empty(), "join {} of group {} answered twice", id, group);
    joins.emplace_back(std::move(node.mapped()), std::move(result));
  }
  writer_.add({{encode_group_key(group), encode_group_value(image)}},
              [this, group, generation = *out.persist_generation,
               joins = std::move(joins)](Result<void> written) mutable {
                persisted(group, generation, std::move(written), std::move(joins));
              });
}

void GroupCoordinator::persisted(const std::string& group, int32_t generation, Result<void> written,
                                 std::vector<std::pair<JoinDone, JoinResult>> joins) {
  const ErrorCode outcome = written ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable;
  if (!written) {
    logger.error("a group's generation could not be written; its members join again",
                 kv("group", group), kv("error", written.error()));
  }
  Deliveries deliveries;
  for (auto& [done, result] : joins) {
    if (!written) {
      JoinResult refused;
      refused.error = outcome;
      refused.member_id = std::move(result.member_id);
      result = std::move(refused);
    }
    deliveries.joins.emplace_back(std::move(done), std::move(result));
  }
  {
    const std::lock_guard lock(mutex_);
    const auto it = groups_.find(group);
    if (it != groups_.end()) {
      Outbox out;
      it->second.group.persisted(generation, outcome, clock_.steady(), out);
      collect(it->second, out, deliveries);
    }
  }
  deliver(std::move(deliveries));
}

void GroupCoordinator::deliver(Deliveries deliveries) {
  writer_.flush();
  for (auto& [done, result] : deliveries.joins) done(std::move(result));
  for (auto& [done, result] : deliveries.syncs) done(std::move(result));
  for (auto& [done, offsets] : deliveries.fetches) done(std::move(offsets));
}

void GroupCoordinator::arm(const Entry& entry) {
  const auto due = entry.group.next_deadline();
  if (!due || (armed_ && *armed_ <= *due)) return;
  armed_ = due;
  if (wake_at_) wake_at_(*due);
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

std::vector<FetchedOffset> GroupCoordinator::durable_offsets(const std::string& group) const {
  const std::lock_guard lock(mutex_);
  const auto it = groups_.find(group);
  if (it == groups_.end()) return {};
  return read_offsets(it->second, std::nullopt);
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
