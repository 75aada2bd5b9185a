#include "broker/groups/group.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

JoinResult refused_join(ErrorCode error, std::string member_id) {
  JoinResult result;
  result.error = error;
  result.member_id = std::move(member_id);
  return result;
}

SyncResult refused_sync(ErrorCode error) {
  SyncResult result;
  result.error = error;
  return result;
}

}  // namespace

std::string_view group_state_name(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
    case GroupState::kDead:
      return "Dead";
  }
  return "Unknown";
}

Group::Group(std::string name, GroupSettings settings, int32_t generation)
    : name_(std::move(name)), settings_(settings), generation_(generation) {}

// ---- across restarts

Group Group::restore(std::string name, GroupSettings settings, const PersistedGroup& image,
                     SteadyTime now) {
  Group group(std::move(name), settings, image.generation);
  group.protocol_type_ = image.protocol_type;
  if (image.members.empty()) return group;
  group.protocol_ = image.protocol.value_or("");
  for (const PersistedMember& kept : image.members) {
    Member member;
    member.id = kept.id;
    member.instance_id = kept.instance_id;
    member.client_id = kept.client_id;
    member.client_host = kept.client_host;
    member.session_timeout = Millis(kept.session_timeout_ms);
    member.rebalance_timeout = Millis(kept.rebalance_timeout_ms);
    member.protocols = {{group.protocol_, kept.subscription}};
    member.assignment = kept.assignment;
    const Millis patience = kept.instance_id
                                ? member.session_timeout
                                : std::min(member.session_timeout, settings.restored_member_grace);
    member.session_ends = now + patience;
    if (kept.instance_id) group.static_members_[*kept.instance_id] = kept.id;
    group.members_.insert_or_assign(kept.id, std::move(member));
  }
  const std::string leader = image.leader.value_or("");
  group.leader_ = group.members_.contains(leader) ? leader : group.members_.begin()->first;
  group.set_state(GroupState::kStable);
  return group;
}

PersistedGroup Group::image() const {
  PersistedGroup image;
  image.protocol_type = protocol_type_;
  image.generation = generation_;
  if (state_ != GroupState::kStable && !persisting_) return image;
  image.protocol = protocol_;
  image.leader = leader_;
  const bool dies_with_us =
      std::ranges::any_of(members_, [](const auto& entry) { return entry.second.in_process; });
  if (dies_with_us) return image;
  for (const auto& [id, member] : members_) {
    PersistedMember kept;
    kept.id = id;
    kept.instance_id = member.instance_id;
    kept.client_id = member.client_id;
    kept.client_host = member.client_host;
    kept.rebalance_timeout_ms = static_cast<int32_t>(member.rebalance_timeout.count());
    kept.session_timeout_ms = static_cast<int32_t>(member.session_timeout.count());
    kept.subscription = metadata_of(member);
    kept.assignment = member.assignment;
    image.members.push_back(std::move(kept));
  }
  return image;
}

// ---- joining

void Group::join(RequestId request, const JoinRequest& join, SteadyTime now, Outbox& out) {
  const auto refuse = [&](ErrorCode error) {
    out.joins.emplace_back(request, refused_join(error, join.member_id));
  };
  if (state_ == GroupState::kDead) return refuse(ErrorCode::kCoordinatorNotAvailable);
  if (join.session_timeout < settings_.session_timeout_min ||
      join.session_timeout > settings_.session_timeout_max) {
    return refuse(ErrorCode::kInvalidSessionTimeout);
  }
  const bool counted = members_.contains(join.member_id) ||
                       pending_members_.contains(join.member_id) ||
                       (join.instance_id && static_members_.contains(*join.instance_id));
  if (!counted && members_.size() + pending_members_.size() >= settings_.members_max) {
    return refuse(ErrorCode::kGroupMaxSizeReached);
  }
  if (!supports(join)) return refuse(ErrorCode::kInconsistentGroupProtocol);
  if (join.member_id.empty()) {
    join_new(request, join, now, out);
  } else {
    join_known(request, join, now, out);
  }
}

void Group::join_new(RequestId request, const JoinRequest& join, SteadyTime now, Outbox& out) {
  if (join.instance_id) {
    const auto it = static_members_.find(*join.instance_id);
    if (it != static_members_.end()) {
      join_static(request, join, std::string(it->second), now, out);
    } else {
      add_member(request, join, join.new_member_id, now, out);
    }
    return;
  }
  if (join.id_required) {
    pending_members_[join.new_member_id] = now + join.session_timeout;
    out.joins.emplace_back(request, refused_join(ErrorCode::kMemberIdRequired, join.new_member_id));
    return;
  }
  add_member(request, join, join.new_member_id, now, out);
}

void Group::join_static(RequestId request, const JoinRequest& join, const std::string& old_id,
                        SteadyTime now, Outbox& out) {
  auto node = members_.extract(old_id);
  FRESHET_CHECK(!node.empty(), "static member {} of group {} is not a member", old_id, name_);
  Member& member = node.mapped();
  if (member.held_join) {
    out.joins.emplace_back(*member.held_join, refused_join(ErrorCode::kFencedInstanceId, old_id));
    member.held_join.reset();
  }
  if (member.held_sync) {
    out.syncs.emplace_back(*member.held_sync, refused_sync(ErrorCode::kFencedInstanceId));
    member.held_sync.reset();
  }
  member.id = join.new_member_id;
  node.key() = join.new_member_id;
  static_members_[*join.instance_id] = join.new_member_id;
  const bool led = leader_ == old_id;
  if (led) leader_ = join.new_member_id;
  Member& replaced = members_.insert(std::move(node)).position->second;
  take_properties(replaced, join);
  renew(replaced, now);

  const bool unchanged = state_ == GroupState::kStable && choose_protocol() == protocol_;
  if (!unchanged) return rejoin(replaced, request, join, now, out);

  JoinResult result = current_result(replaced);
  if (led) {
    // A leader that restarted must not assign again: nothing changed. Before v9 it is told that
    // somebody else leads, so that it only asks for its assignment.
    if (join.can_skip_assignment) {
      result.skip_assignment = true;
    } else {
      result.leader = old_id;
      result.members.clear();
    }
  }
  // Once it is durable: after a crash the old id must not come back and fence the new one.
  out.persist_generation = generation_;
  out.joins_when_durable.emplace_back(request, std::move(result));
}

void Group::join_known(RequestId request, const JoinRequest& join, SteadyTime now, Outbox& out) {
  const auto refuse = [&](ErrorCode error) {
    out.joins.emplace_back(request, refused_join(error, join.member_id));
  };
  if (!join.instance_id && pending_members_.erase(join.member_id) > 0) {
    return add_member(request, join, join.member_id, now, out);
  }
  MemberIdentity who;
  who.member_id = join.member_id;
  who.instance_id = join.instance_id;
  who.generation = generation_;
  if (const ErrorCode error = check_member(who); error != ErrorCode::kNone) return refuse(error);

  Member& member = members_.at(join.member_id);
  const bool same = member.protocols == join.protocols;
  switch (state_) {
    case GroupState::kPreparingRebalance:
      return rejoin(member, request, join, now, out);
    case GroupState::kCompletingRebalance:
      // The answer to its last join may have been lost on the way.
      if (!same) return rejoin(member, request, join, now, out);
      break;
    case GroupState::kStable:
      if (!same || member.id == leader_) return rejoin(member, request, join, now, out);
      break;
    case GroupState::kEmpty:
    case GroupState::kDead:
      return refuse(ErrorCode::kUnknownMemberId);
  }
  renew(member, now);
  out.joins.emplace_back(request, current_result(member));
}

void Group::add_member(RequestId request, const JoinRequest& join, std::string id, SteadyTime now,
                       Outbox& out) {
  Member& member = members_[id];
  member.id = std::move(id);
  member.instance_id = join.instance_id;
  if (join.instance_id) static_members_[*join.instance_id] = member.id;
  if (leader_.empty()) leader_ = member.id;
  protocol_type_ = join.protocol_type;
  member_added_during_delay_ = true;
  member.new_until = now + settings_.new_member_join_timeout;
  rejoin(member, request, join, now, out);
}

void Group::rejoin(Member& member, RequestId request, const JoinRequest& join, SteadyTime now,
                   Outbox& out) {
  if (member.held_join) {
    // A client that gave up waiting asks again; only the newest request is answered in time.
    out.joins.emplace_back(*member.held_join,
                           refused_join(ErrorCode::kRebalanceInProgress, member.id));
  }
  take_properties(member, join);
  member.held_join = request;
  if (member.new_until) member.new_until = now + settings_.new_member_join_timeout;
  renew(member, now);
  if (state_ == GroupState::kPreparingRebalance) {
    try_complete_join(now, out);
  } else {
    prepare_rebalance(now, out);
  }
}

void Group::take_properties(Member& member, const JoinRequest& join) {
  member.client_id = join.client_id;
  member.client_host = join.client_host;
  member.session_timeout = join.session_timeout;
  member.rebalance_timeout = join.rebalance_timeout;
  member.protocols = join.protocols;
  member.in_process = join.in_process;
}

// ---- rebalancing

void Group::prepare_rebalance(SteadyTime now, Outbox& out) {
  for (auto& [id, member] : members_) {
    member.sync_owed = false;
    if (!member.held_sync) continue;
    out.syncs.emplace_back(*member.held_sync, refused_sync(ErrorCode::kRebalanceInProgress));
    member.held_sync.reset();
    renew(member, now);
  }
  for (auto& [id, member] : members_) member.assignment.clear();
  persisting_ = false;
  sync_ends_.reset();
  rebalance_ends_ = now + rebalance_timeout();
  const bool initial = state_ == GroupState::kEmpty;
  set_state(GroupState::kPreparingRebalance);
  if (!initial) return try_complete_join(now, out);
  // The first members never wait for ids that were given out: who asked may be gone.
  if (settings_.initial_rebalance_delay == Millis(0)) return complete_join(now, out);
  delay_ends_ = std::min(now + settings_.initial_rebalance_delay, rebalance_ends_);
  member_added_during_delay_ = false;
}

bool Group::everyone_joined() const {
  return pending_members_.empty() && std::ranges::all_of(members_, [](const auto& entry) {
           return entry.second.held_join.has_value();
         });
}

void Group::try_complete_join(SteadyTime now, Outbox& out) {
  if (state_ != GroupState::kPreparingRebalance || delay_ends_) return;
  if (everyone_joined()) complete_join(now, out);
}

void Group::drop_absent_members() {
  for (auto it = members_.begin(); it != members_.end();) {
    const Member& member = it->second;
    if (member.held_join || member.instance_id) {
      ++it;
      continue;
    }
    FRESHET_CHECK(!member.held_sync, "a sync is held in group {} while it rebalances", name_);
    it = members_.erase(it);
  }
}

void Group::complete_join(SteadyTime now, Outbox& out) {
  delay_ends_.reset();
  drop_absent_members();
  const auto joined = [](const auto& entry) { return entry.second.held_join.has_value(); };
  const auto first_joined = std::ranges::find_if(members_, joined);
  if (!members_.empty() && first_joined == members_.end()) {
    // Only static members that are away: wait for one of them, their sessions end it otherwise.
    rebalance_ends_ = now + rebalance_timeout();
    return;
  }
  ++generation_;
  if (members_.empty()) {
    leader_.clear();
    protocol_.clear();
    set_state(GroupState::kEmpty);
    out.persist_generation = generation_;
    return;
  }
  const auto leader = members_.find(leader_);
  if (leader == members_.end() || !leader->second.held_join) leader_ = first_joined->first;
  protocol_ = choose_protocol();
  set_state(GroupState::kCompletingRebalance);
  for (auto& [id, member] : members_) {
    member.sync_owed = true;
    member.new_until.reset();
    renew(member, now);
    if (!member.held_join) continue;
    out.joins.emplace_back(*member.held_join, current_result(member));
    member.held_join.reset();
  }
  sync_ends_ = now + rebalance_timeout();
}

// ---- sync

void Group::sync(RequestId request, const SyncRequest& sync, SteadyTime now, Outbox& out) {
  const auto refuse = [&](ErrorCode error) {
    out.syncs.emplace_back(request, refused_sync(error));
  };
  if (const ErrorCode error = check_member(sync.who); error != ErrorCode::kNone) {
    return refuse(error);
  }
  if ((sync.protocol_type && *sync.protocol_type != protocol_type_) ||
      (sync.protocol && *sync.protocol != protocol_)) {
    return refuse(ErrorCode::kInconsistentGroupProtocol);
  }
  Member& member = members_.at(sync.who.member_id);
  renew(member, now);
  switch (state_) {
    case GroupState::kEmpty:
    case GroupState::kDead:
      return refuse(ErrorCode::kUnknownMemberId);
    case GroupState::kPreparingRebalance:
      return refuse(ErrorCode::kRebalanceInProgress);
    case GroupState::kStable:
      member.sync_owed = false;
      out.syncs.emplace_back(
          request, SyncResult{ErrorCode::kNone, protocol_type_, protocol_, member.assignment});
      return;
    case GroupState::kCompletingRebalance:
      break;
  }
  if (member.held_sync) {
    out.syncs.emplace_back(*member.held_sync, refused_sync(ErrorCode::kRebalanceInProgress));
  }
  member.held_sync = request;
  member.sync_owed = false;
  if (member.id != leader_ || persisting_) return;
  for (const auto& [id, assignment] : sync.assignments) {
    const auto it = members_.find(id);
    if (it != members_.end()) it->second.assignment = assignment;
  }
  persisting_ = true;
  out.persist_generation = generation_;
}

void Group::persisted(int32_t generation, ErrorCode outcome, SteadyTime now, Outbox& out) {
  if (!persisting_ || generation != generation_ || state_ != GroupState::kCompletingRebalance) {
    return;
  }
  if (outcome != ErrorCode::kNone) {
    prepare_rebalance(now, out);
    return;
  }
  persisting_ = false;
  set_state(GroupState::kStable);
  for (auto& [id, member] : members_) {
    if (!member.held_sync) continue;
    out.syncs.emplace_back(*member.held_sync, SyncResult{ErrorCode::kNone, protocol_type_,
                                                         protocol_, member.assignment});
    member.held_sync.reset();
    renew(member, now);
  }
}

// ---- staying and leaving

ErrorCode Group::check_member(const MemberIdentity& who) const {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  if (who.instance_id) {
    const auto it = static_members_.find(*who.instance_id);
    if (it == static_members_.end()) return ErrorCode::kUnknownMemberId;
    if (it->second != who.member_id) return ErrorCode::kFencedInstanceId;
  }
  if (!members_.contains(who.member_id)) return ErrorCode::kUnknownMemberId;
  if (who.generation != generation_) return ErrorCode::kIllegalGeneration;
  return ErrorCode::kNone;
}

ErrorCode Group::heartbeat(const MemberIdentity& who, SteadyTime now) {
  if (const ErrorCode error = check_member(who); error != ErrorCode::kNone) return error;
  renew(members_.at(who.member_id), now);
  return state_ == GroupState::kPreparingRebalance ? ErrorCode::kRebalanceInProgress
                                                   : ErrorCode::kNone;
}

ErrorCode Group::check_commit(const MemberIdentity& who, SteadyTime now) {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  // Tools, and consumers that choose their partitions themselves.
  if (who.generation < 0 && state_ == GroupState::kEmpty) return ErrorCode::kNone;
  if (const ErrorCode error = check_member(who); error != ErrorCode::kNone) return error;
  if (state_ == GroupState::kCompletingRebalance) return ErrorCode::kRebalanceInProgress;
  renew(members_.at(who.member_id), now);
  return ErrorCode::kNone;
}

ErrorCode Group::check_transactional_commit(const MemberIdentity& who) const {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  const bool anonymous = who.generation < 0 && who.member_id.empty() && !who.instance_id;
  const bool simple = who.generation < 0 && state_ == GroupState::kEmpty;
  return anonymous || simple ? ErrorCode::kNone : check_member(who);
}

ErrorCode Group::leave(const LeavingMember& who, SteadyTime now, Outbox& out) {
  if (state_ == GroupState::kDead) return ErrorCode::kCoordinatorNotAvailable;
  if (!who.instance_id && pending_members_.erase(who.member_id) > 0) {
    try_complete_join(now, out);
    return ErrorCode::kNone;
  }
  std::string id = who.member_id;
  if (who.instance_id) {
    const auto it = static_members_.find(*who.instance_id);
    if (it == static_members_.end()) return ErrorCode::kUnknownMemberId;
    if (!id.empty() && id != it->second) return ErrorCode::kFencedInstanceId;
    id = it->second;
  }
  if (!members_.contains(id)) return ErrorCode::kUnknownMemberId;
  remove_member(id, now, out);
  return ErrorCode::kNone;
}

void Group::remove_member(const std::string& id, SteadyTime now, Outbox& out) {
  auto node = members_.extract(id);
  const Member& member = node.mapped();
  if (member.held_join) {
    out.joins.emplace_back(*member.held_join, refused_join(ErrorCode::kUnknownMemberId, member.id));
  }
  if (member.held_sync) {
    out.syncs.emplace_back(*member.held_sync, refused_sync(ErrorCode::kUnknownMemberId));
  }
  if (member.instance_id) static_members_.erase(*member.instance_id);
  if (leader_ == member.id) leader_ = members_.empty() ? "" : members_.begin()->first;
  switch (state_) {
    case GroupState::kStable:
    case GroupState::kCompletingRebalance:
      return prepare_rebalance(now, out);
    case GroupState::kPreparingRebalance:
      return try_complete_join(now, out);
    case GroupState::kEmpty:
    case GroupState::kDead:
      return;
  }
}

void Group::remove(Outbox& out) {
  for (auto& [id, member] : members_) {
    if (member.held_join) {
      out.joins.emplace_back(*member.held_join,
                             refused_join(ErrorCode::kCoordinatorNotAvailable, id));
    }
    if (member.held_sync) {
      out.syncs.emplace_back(*member.held_sync, refused_sync(ErrorCode::kCoordinatorNotAvailable));
    }
  }
  members_.clear();
  static_members_.clear();
  pending_members_.clear();
  leader_.clear();
  persisting_ = false;
  delay_ends_.reset();
  sync_ends_.reset();
  set_state(GroupState::kDead);
}

// ---- time

void Group::tick(SteadyTime now, Outbox& out) {
  expire_members(now, out);
  if (state_ == GroupState::kPreparingRebalance) {
    if (delay_ends_ && now >= *delay_ends_) {
      if (member_added_during_delay_ && now < rebalance_ends_) {
        member_added_during_delay_ = false;
        delay_ends_ = std::min(now + settings_.initial_rebalance_delay, rebalance_ends_);
      } else {
        complete_join(now, out);
      }
    } else if (now >= rebalance_ends_) {
      complete_join(now, out);
    }
  }
  if (state_ == GroupState::kCompletingRebalance || state_ == GroupState::kStable) {
    expire_owed_syncs(now, out);
  }
}

void Group::expire_members(SteadyTime now, Outbox& out) {
  const size_t pending =
      std::erase_if(pending_members_, [now](const auto& entry) { return now >= entry.second; });
  if (pending > 0) try_complete_join(now, out);
  std::vector<std::string> gone;
  for (const auto& [id, member] : members_) {
    const auto ends = member_ends(member);
    if (ends && now >= *ends) gone.push_back(id);
  }
  for (const std::string& id : gone) {
    // An earlier removal may have completed the rebalance, with this one or without it.
    const auto it = members_.find(id);
    const auto ends = it == members_.end() ? std::nullopt : member_ends(it->second);
    if (ends && now >= *ends) remove_member(id, now, out);
  }
}

std::optional<SteadyTime> Group::member_ends(const Member& member) {
  if (member.held_join) return member.new_until;
  if (member.held_sync) return std::nullopt;
  return member.session_ends;
}

void Group::expire_owed_syncs(SteadyTime now, Outbox& out) {
  if (!sync_ends_ || now < *sync_ends_) return;
  sync_ends_.reset();
  std::vector<std::string> gone;
  for (const auto& [id, member] : members_) {
    if (member.sync_owed) gone.push_back(id);
  }
  for (const std::string& id : gone) {
    if (members_.contains(id)) remove_member(id, now, out);
  }
}

std::optional<SteadyTime> Group::next_deadline() const {
  std::optional<SteadyTime> earliest;
  const auto consider = [&earliest](SteadyTime at) {
    if (!earliest || at < *earliest) earliest = at;
  };
  for (const auto& [id, at] : pending_members_) consider(at);
  for (const auto& [id, member] : members_) {
    if (const auto ends = member_ends(member)) consider(*ends);
  }
  if (state_ == GroupState::kPreparingRebalance) {
    if (delay_ends_) consider(*delay_ends_);
    consider(rebalance_ends_);
  }
  if (sync_ends_) consider(*sync_ends_);
  return earliest;
}

void Group::renew(Member& member, SteadyTime now) const {
  member.session_ends = now + member.session_timeout;
}

// ---- what the members agree on

bool Group::supports(const JoinRequest& join) const {
  if (join.protocol_type.empty() || join.protocols.empty()) return false;
  // A static member that comes back replaces itself; it does not vote against itself.
  const std::string* replaced = nullptr;
  if (join.instance_id) {
    const auto it = static_members_.find(*join.instance_id);
    if (it != static_members_.end()) replaced = &it->second;
  }
  bool alone = true;
  for (const auto& [id, member] : members_) {
    if (id != join.member_id && (replaced == nullptr || id != *replaced)) alone = false;
  }
  if (alone) return true;
  if (join.protocol_type != protocol_type_) return false;
  return std::ranges::any_of(join.protocols, [&](const MemberProtocol& offered) {
    return std::ranges::all_of(members_, [&](const auto& entry) {
      if (entry.first == join.member_id || (replaced != nullptr && entry.first == *replaced)) {
        return true;
      }
      return std::ranges::find(entry.second.protocols, offered.name, &MemberProtocol::name) !=
             entry.second.protocols.end();
    });
  });
}

std::string Group::choose_protocol() const {
  std::map<std::string, size_t> votes;
  for (const auto& [id, member] : members_) {
    // Each member votes for the first of its protocols that all the others know too.
    const auto choice = std::ranges::find_if(member.protocols, [&](const MemberProtocol& p) {
      return std::ranges::all_of(members_, [&](const auto& entry) {
        return std::ranges::find(entry.second.protocols, p.name, &MemberProtocol::name) !=
               entry.second.protocols.end();
      });
    });
    if (choice != member.protocols.end()) ++votes[choice->name];
  }
  const auto winner = std::ranges::max_element(
      votes, [](const auto& a, const auto& b) { return a.second < b.second; });
  FRESHET_CHECK(winner != votes.end(), "members of group {} share no protocol", name_);
  return winner->first;
}

std::string_view Group::metadata_of(const Member& member) const {
  const auto it = std::ranges::find(member.protocols, protocol_, &MemberProtocol::name);
  return it == member.protocols.end() ? std::string_view() : std::string_view(it->metadata);
}

std::vector<JoinedMember> Group::member_list() const {
  std::vector<JoinedMember> list;
  list.reserve(members_.size());
  for (const auto& [id, member] : members_) {
    list.push_back({id, member.instance_id, std::string(metadata_of(member))});
  }
  return list;
}

JoinResult Group::current_result(const Member& member) const {
  JoinResult result;
  result.generation = generation_;
  result.protocol_type = protocol_type_;
  result.protocol = protocol_;
  result.leader = leader_;
  result.member_id = member.id;
  if (member.id == leader_) result.members = member_list();
  return result;
}

Millis Group::rebalance_timeout() const {
  Millis longest{0};
  for (const auto& [id, member] : members_) {
    longest = std::max(longest, member.rebalance_timeout);
  }
  return longest;
}

void Group::set_state(GroupState next) { state_ = next; }

}  // namespace freshet::broker
