// All consumer groups of this node: the state machines of Group, their offsets, and the log that
// both are kept in.
//
// Threads: any; one mutex inside. Callbacks run on the calling thread, on the commit thread of the
// log, or on whichever thread calls tick(); never under the mutex. They must be brief.
//
// Durability: a commit is answered after its record is durable, a sync after the generation is. A
// fetch of offsets waits for the commits of its group that were let in before it, so a new owner of
// a partition never misses a commit that a former owner is told has succeeded. Offsets in memory
// change in the order of the log, when their records are durable; what is deleted is gone at once.
//
// After a restart groups are what the log says (Group::restore): offsets, generations, and the
// members that live on in other processes.
//
// Expiry, by Kafka's rules: an offset goes `offsets_retention` after its group became Empty or, if
// later, after it was committed; in a Stable group of the protocol "consumer" so do offsets of
// topics that no member subscribes to. An Empty group without offsets goes with the next round.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/groups/group.h"
#include "broker/groups/offsets_schema.h"
#include "broker/groups/pending_offsets.h"
#include "broker/groups/state_writer.h"
#include "broker/storage/keyed_log.h"
#include "observe/metrics.h"

namespace freshet::broker {

inline constexpr size_t kOffsetMetadataBytesMax = 4096;

struct OffsetToCommit {
  TopicPartition tp;
  Offset offset;
  int32_t leader_epoch = -1;
  std::string metadata;
  std::optional<Millis> retention{};  // nullopt: the coordinator's
};

struct FetchedOffset {
  TopicPartition tp;
  CommittedOffset committed;  // offset kNoOffset: the group has none there
};

struct CoordinatorSettings {
  GroupSettings group;
  Millis offsets_retention = std::chrono::hours(7 * 24);
};

struct GroupSnapshot {
  std::string group;
  GroupState state = GroupState::kDead;
  std::string protocol_type;
  std::string protocol;
  int32_t generation = 0;
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::string metadata;    // only of a Stable group
    std::string assignment;  // only of a Stable group
  };
  std::vector<Member> members;
};

class GroupCoordinator {
 public:
  using JoinDone = std::move_only_function<void(JoinResult)>;
  using SyncDone = std::move_only_function<void(SyncResult)>;
  /// One code per offset, in order.
  using CommitDone = std::move_only_function<void(std::vector<kafka::ErrorCode>)>;
  using FetchDone = std::move_only_function<void(std::vector<FetchedOffset>)>;
  using RemoveDone = std::move_only_function<void(kafka::ErrorCode)>;
  /// The code of the group and, if that is NONE, one code per offset, in order.
  using DeleteDone = std::move_only_function<void(kafka::ErrorCode, std::vector<kafka::ErrorCode>)>;
  /// Told whenever tick() is needed earlier than asked for before.
  using WakeAt = std::function<void(SteadyTime)>;

  /// Reads the log. `clock` outlives the coordinator.
  static Result<std::unique_ptr<GroupCoordinator>> open(std::unique_ptr<KeyedLog> log,
                                                        CoordinatorSettings settings, Clock& clock);
  ~GroupCoordinator();

  /// Calls back once the log takes appends again; a commit must not fail because producers are
  /// faster than the disk. Without it such a commit is answered as an error.
  using OnRoom = StateWriter::OnRoom;

  /// All set once, before the first join.
  void set_on_room(OnRoom on_room) { writer_.set_on_room(std::move(on_room)); }
  void set_wake_at(WakeAt wake_at);
  /// How many groups are in each state, by GroupState. The gauges outlive the coordinator.
  void set_gauges(const std::array<Gauge*, 5>& gauges);
  /// Does what is due in all groups.
  void tick();
  /// Answers everything held with COORDINATOR_NOT_AVAILABLE; so is everything that comes later.
  void stop();

  void join(const std::string& group, JoinRequest request, JoinDone done);
  void sync(const std::string& group, SyncRequest request, SyncDone done);
  kafka::ErrorCode heartbeat(const std::string& group, const MemberIdentity& who);
  /// A heartbeat that blocks its (plain) thread up to `wait` for an answer other than NONE.
  kafka::ErrorCode wait_for_rebalance(const std::string& group, const MemberIdentity& who,
                                      Millis wait);
  std::vector<kafka::ErrorCode> leave(const std::string& group,
                                      std::span<const LeavingMember> members);

  /// All that pass are written as one batch. An offset whose metadata is too long is refused alone.
  /// GROUP_ID_NOT_FOUND for a member of a group that is not there.
  void commit(const std::string& group, const MemberIdentity& who,
              std::vector<OffsetToCommit> offsets, CommitDone done);
  /// Whether `who` may commit offsets inside a transaction.
  [[nodiscard]] kafka::ErrorCode check_transactional_commit(const std::string& group,
                                                            const MemberIdentity& who) const;
  /// For CommittedOffset::order of an offset that is committed now.
  [[nodiscard]] uint64_t next_commit_order();
  /// What a transaction commits, as one batch for LogStore::append_together(), without offsets that
  /// were committed anew since; in force before `done`. Adds nothing, and calls nothing, if none is
  /// left. False while the log cannot take it in its turn: come again with when_stageable().
  bool stage_offsets(const OffsetsByGroup& by_group, KeyedLog::WriteDone done,
                     std::vector<KeyedLog::Staged>& staged);
  void when_stageable(std::move_only_function<void()> ready);
  /// nullopt: everything the group has.
  void fetch(const std::string& group, std::optional<std::vector<TopicPartition>> tps,
             FetchDone done);
  /// Offsets of topics that were deleted go with them.
  void forget_topics(std::span<const std::string> topics);
  /// The same for all topics that `exists` denies: a crash may have come between the two deletions.
  void forget_topics_unless(const std::function<bool(const std::string&)>& exists);
  /// DeleteGroups: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. Gone at once, durably when called back.
  void remove_group(const std::string& group, RemoveDone done);
  /// OffsetDelete: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP (not of consumers) for the group,
  /// GROUP_SUBSCRIBED_TO_TOPIC for an offset. One that is not there counts as deleted.
  void delete_offsets(const std::string& group, std::vector<TopicPartition> tps, DeleteDone done);
  /// Ends offsets and groups whose time has come; call it every few minutes.
  void expire_offsets();

  [[nodiscard]] std::vector<GroupSnapshot> list() const;
  /// The durable offsets as they are now, without those on their way; for observers.
  [[nodiscard]] std::vector<FetchedOffset> durable_offsets(const std::string& group) const;
  /// State Dead: there is no such group.
  [[nodiscard]] GroupSnapshot describe(const std::string& group) const;

 private:
  struct Entry {
    Entry(Group machine, uint64_t sequence) : group(std::move(machine)), born(sequence) {}
    Group group;
    /// Commits with a smaller number were for an earlier group of this name.
    uint64_t born;
    std::optional<GroupState> counted;  // in which gauge
    GroupState last_state = GroupState::kEmpty;
    int64_t state_since_ms = 0;                         // of last_state
    std::map<TopicPartition, CommittedOffset> offsets;  // durable ones only
    /// What is on its way to the log, with CommittedOffset::order.
    std::map<uint64_t, std::map<TopicPartition, uint64_t>> commits_in_flight;
    struct FetchWaiting {
      uint64_t after;  // waits until no commit in flight is this old or older
      std::optional<std::vector<TopicPartition>> tps;
      FetchDone done;
    };
    std::deque<FetchWaiting> fetches;
  };
  using Groups = std::map<std::string, Entry>;
  /// Callbacks gathered under the mutex, run after it is released.
  struct Deliveries {
    std::vector<std::pair<JoinDone, JoinResult>> joins;
    std::vector<std::pair<SyncDone, SyncResult>> syncs;
    std::vector<std::pair<FetchDone, std::vector<FetchedOffset>>> fetches;
  };

  GroupCoordinator(std::unique_ptr<KeyedLog> log, CoordinatorSettings settings, Clock& clock);

  // All but deliver() under mutex_.
  Result<void> load();
  void adopt(const std::string& name, const PersistedGroup& image);
  Entry& entry_of(const std::string& group);
  [[nodiscard]] bool is_full() const;
  void drop_if_unused(const std::string& group);
  /// Forgets the group and everything of it, in memory now and in the log through `tombstones`.
  Groups::iterator erase(Groups::iterator it, Deliveries& deliveries,
                         std::vector<KeyedChange>& tombstones);
  void collect(Entry& entry, Outbox& out, Deliveries& deliveries);
  void persist(Entry& entry, Outbox& out);
  void arm(const Entry& entry);
  void count(Entry& entry);
  void note_state(Entry& entry);
  kafka::ErrorCode heartbeat_locked(const std::string& group, const MemberIdentity& who);
  void commit_locked(Entry& entry, std::vector<OffsetToCommit> offsets,
                     std::vector<kafka::ErrorCode>& codes, CommitDone& done);
  /// Erases now what is there, and when the tombstones are durable what was on its way.
  void delete_locked(const std::string& group, Entry& entry, std::vector<TopicPartition> tps,
                     KeyedLog::WriteDone done);
  /// A commit of the group that was let in later has this partition, too.
  [[nodiscard]] static bool was_replaced(const Entry& entry, const TopicPartition& tp,
                                         const CommittedOffset& offset);
  [[nodiscard]] std::vector<TopicPartition> expired(const Entry& entry) const;

  void deliver(Deliveries deliveries);
  void persisted(const std::string& group, int32_t generation, Result<void> written,
                 std::vector<std::pair<JoinDone, JoinResult>> joins);
  void commit_done(const std::string& group, uint64_t sequence,
                   std::vector<std::pair<TopicPartition, CommittedOffset>> offsets, bool durable);

  [[nodiscard]] static std::vector<FetchedOffset> read_offsets(
      const Entry& entry, const std::optional<std::vector<TopicPartition>>& tps);
  [[nodiscard]] static GroupSnapshot snapshot(const Entry& entry);
  [[nodiscard]] int64_t wall_ms() const { return clock_.wall().time_since_epoch().count(); }

  const CoordinatorSettings settings_;
  Clock& clock_;

  std::atomic<bool> outage_said_{false};  // that offsets cannot be written
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Groups groups_;
  std::unordered_map<RequestId, JoinDone> held_joins_;
  std::unordered_map<RequestId, SyncDone> held_syncs_;
  RequestId last_request_ = 0;
  uint64_t last_commit_ = 0;
  std::condition_variable changed_;  // some group, somehow
  std::array<Gauge*, 5> gauges_{};
  WakeAt wake_at_;
  std::optional<SteadyTime> armed_;
  bool stopped_ = false;

  // Last: its destructor waits for writes whose callbacks use all of the above.
  StateWriter writer_;
};

}  // namespace freshet::broker
