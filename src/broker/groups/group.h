// One classic consumer group as a pure state machine: no sockets, no threads, no storage.
//
// A held request (a join waiting for the others, a sync waiting for the leader) is known by a
// RequestId that the caller made up; its answer appears later in an Outbox. Time comes in as `now`;
// next_deadline() says when tick() must be called at the latest. The caller serializes all calls.
//
//   Empty ──join──> PreparingRebalance ──all joined, or time is up──> CompletingRebalance
//     ^                 ^    ^                                          │            │
//     │                 │    └──── join with new protocols, ────────────┘            │
//     │                 │          leave, expiry, a sync that never came             │ leader's
//     │                 │                                                            │ sync is
//     │                 └──── new member, leave, expiry, leader rejoins ──── Stable <┘ persisted
//     └──── the last member is gone (through PreparingRebalance)
//   any ──remove()──> Dead
//
// Invariants
//  - The generation grows by one each time PreparingRebalance ends, and never falls; it starts from
//    what was persisted, so a member of a former process is fenced.
//  - leader() is a member whenever there are members and the state is not PreparingRebalance.
//  - Held joins exist only in PreparingRebalance, held syncs only in CompletingRebalance.
//  - A member whose join or sync is held never expires by session; one that has never been in a
//    generation gives up its held join after `new_member_join_timeout`, or clients that ask again
//    and again without an id would fill the group.
//  - Every request gets exactly one answer.
//
// After a restart image() becomes a group again through restore(): members that live on in other
// processes keep their generation and assignment, and only have to heartbeat. Two differences to
// Apache Kafka, both for a machine that comes up as a whole: a group with a member inside this
// process comes back Empty, because that member is gone and nobody should wait for it; and a
// dynamic member that is not heard of within `restored_member_grace` is taken as gone, however long
// its session. Static members keep their whole session, which is what they are for. Sources:
// KIP-62, KIP-134, KIP-345 (static members), KIP-394 (member id required), KIP-814.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "broker/groups/group_messages.h"
#include "broker/groups/offsets_schema.h"

namespace freshet::broker {

enum class GroupState { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };
/// Kafka's name of it, as ListGroups answers.
[[nodiscard]] std::string_view group_state_name(GroupState state);

struct GroupSettings {
  Millis initial_rebalance_delay{0};
  Millis session_timeout_min{6'000};
  Millis session_timeout_max{1'800'000};
  Millis new_member_join_timeout{300'000};
  Millis restored_member_grace{10'000};
  size_t members_max = 10'000;
};

class Group {
 public:
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    Millis session_timeout{};
    Millis rebalance_timeout{};
    std::vector<MemberProtocol> protocols;  // in order of preference
    std::string assignment;
    std::optional<RequestId> held_join;
    std::optional<RequestId> held_sync;
    bool sync_owed = false;  // has not sent the sync of this generation
    bool in_process = false;
    SteadyTime session_ends{};
    std::optional<SteadyTime> new_until;  // until its first generation
  };

  /// `generation` is the last one persisted, 0 for a new group.
  Group(std::string name, GroupSettings settings, int32_t generation);
  /// Stable if `image` has members, Empty otherwise.
  static Group restore(std::string name, GroupSettings settings, const PersistedGroup& image,
                       SteadyTime now);
  /// What restore() needs, without a time: its members only once they have assignments.
  [[nodiscard]] PersistedGroup image() const;

  void join(RequestId request, const JoinRequest& join, SteadyTime now, Outbox& out);
  void sync(RequestId request, const SyncRequest& sync, SteadyTime now, Outbox& out);
  kafka::ErrorCode heartbeat(const MemberIdentity& who, SteadyTime now);
  /// One member of a LeaveGroup; a static member may name only its instance id.
  kafka::ErrorCode leave(const LeavingMember& who, SteadyTime now, Outbox& out);
  /// Whether `who` may commit offsets now; renews its session if so.
  kafka::ErrorCode check_commit(const MemberIdentity& who, SteadyTime now);
  /// The same within a transaction: allowed during a rebalance, and without naming a member.
  [[nodiscard]] kafka::ErrorCode check_transactional_commit(const MemberIdentity& who) const;
  /// The record that an Outbox asked to persist is durable (kNone) or could not be written.
  void persisted(int32_t generation, kafka::ErrorCode outcome, SteadyTime now, Outbox& out);
  /// Does what is due by `now`: sessions, the rebalance, owed syncs.
  void tick(SteadyTime now, Outbox& out);
  /// Answers everything held and becomes Dead.
  void remove(Outbox& out);

  [[nodiscard]] std::optional<SteadyTime> next_deadline() const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] GroupState state() const { return state_; }
  [[nodiscard]] int32_t generation() const { return generation_; }
  [[nodiscard]] const std::string& leader() const { return leader_; }
  [[nodiscard]] const std::string& protocol_type() const { return protocol_type_; }
  [[nodiscard]] const std::string& protocol() const { return protocol_; }
  [[nodiscard]] const std::map<std::string, Member>& members() const { return members_; }
  /// Ids were given out that nobody has joined with so far.
  [[nodiscard]] bool has_pending_members() const { return !pending_members_.empty(); }
  /// The member's metadata under the chosen protocol; empty before one is chosen.
  [[nodiscard]] std::string_view metadata_of(const Member& member) const;

 private:
  void join_new(RequestId request, const JoinRequest& join, SteadyTime now, Outbox& out);
  void join_static(RequestId request, const JoinRequest& join, const std::string& old_id,
                   SteadyTime now, Outbox& out);
  void join_known(RequestId request, const JoinRequest& join, SteadyTime now, Outbox& out);
  void add_member(RequestId request, const JoinRequest& join, std::string id, SteadyTime now,
                  Outbox& out);
  void rejoin(Member& member, RequestId request, const JoinRequest& join, SteadyTime now,
              Outbox& out);
  void take_properties(Member& member, const JoinRequest& join);
  void remove_member(const std::string& id, SteadyTime now, Outbox& out);
  void prepare_rebalance(SteadyTime now, Outbox& out);
  void try_complete_join(SteadyTime now, Outbox& out);
  void complete_join(SteadyTime now, Outbox& out);
  void drop_absent_members();
  [[nodiscard]] bool everyone_joined() const;
  void set_state(GroupState next);

  [[nodiscard]] kafka::ErrorCode check_member(const MemberIdentity& who) const;
  [[nodiscard]] bool supports(const JoinRequest& join) const;
  [[nodiscard]] std::string choose_protocol() const;
  [[nodiscard]] JoinResult current_result(const Member& member) const;
  [[nodiscard]] std::vector<JoinedMember> member_list() const;
  [[nodiscard]] Millis rebalance_timeout() const;
  /// When silence makes it a former member; nullopt while its join or sync is held.
  [[nodiscard]] static std::optional<SteadyTime> member_ends(const Member& member);
  void expire_members(SteadyTime now, Outbox& out);
  void expire_owed_syncs(SteadyTime now, Outbox& out);
  void renew(Member& member, SteadyTime now) const;

  std::string name_;
  GroupSettings settings_;

  GroupState state_ = GroupState::kEmpty;
  int32_t generation_;
  std::string protocol_type_;  // kept while Empty, for describe
  std::string protocol_;
  std::string leader_;
  std::map<std::string, Member> members_;
  std::map<std::string, std::string> static_members_;  // instance id -> member id
  std::map<std::string, SteadyTime> pending_members_;  // ids given out, not yet joined with
  bool persisting_ = false;                            // the leader's assignment is on its way
  bool member_added_during_delay_ = false;
  std::optional<SteadyTime> delay_ends_;  // initial rebalance delay, only from Empty
  SteadyTime rebalance_ends_{};           // PreparingRebalance: who has not joined is dropped
  std::optional<SteadyTime> sync_ends_;   // CompletingRebalance: who has not synced is dropped
};

}  // namespace freshet::broker
