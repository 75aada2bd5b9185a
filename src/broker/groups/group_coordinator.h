// All consumer groups of this node: the state machines of Group, their offsets, and the log that
// both are kept in.
//
// Threads: any; one mutex inside. Callbacks run on the calling thread, on the commit thread of the
// log, or on whichever thread calls tick(); never under the mutex. They must be brief.
//
// Durability: a commit is answered after its record is durable, a sync after the generation is. A
// fetch of offsets waits for the commits of its group that were let in before it, so a new owner of
// a partition never misses a commit that a former owner is told has succeeded.
//
// The log holds offsets and generations, never members: after a restart every group is Empty and
// the first to join gets its partitions at once.
#pragma once

#include <array>
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
#include "broker/storage/keyed_log.h"
#include "observe/metrics.h"

namespace freshet::broker {

inline constexpr size_t kOffsetMetadataBytesMax = 4096;

struct OffsetToCommit {
  TopicPartition tp;
  Offset offset;
  int32_t leader_epoch = -1;
  std::string metadata;
};

struct FetchedOffset {
  TopicPartition tp;
  CommittedOffset committed;  // offset kNoOffset: the group has none there
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
  /// Told whenever tick() is needed earlier than asked for before.
  using WakeAt = std::function<void(SteadyTime)>;

  /// Reads the log. `clock` outlives the coordinator.
  static Result<std::unique_ptr<GroupCoordinator>> open(std::unique_ptr<KeyedLog> log,
                                                        GroupSettings settings, Clock& clock);
  ~GroupCoordinator();

  /// Calls back once the log takes appends again; a commit must not fail because producers are
  /// faster than the disk. Without it such a commit is answered as an error.
  using OnRoom = std::function<void(std::move_only_function<void()>)>;

  /// All set once, before the first join.
  void set_on_room(OnRoom on_room) { on_room_ = std::move(on_room); }
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
  void commit(const std::string& group, const MemberIdentity& who,
              std::vector<OffsetToCommit> offsets, CommitDone done);
  /// nullopt: everything the group has.
  void fetch(const std::string& group, std::optional<std::vector<TopicPartition>> tps,
             FetchDone done);
  /// Offsets of topics that were deleted go with them.
  void forget_topics(std::span<const std::string> topics);

  [[nodiscard]] std::vector<GroupSnapshot> list() const;
  /// State Dead: there is no such group.
  [[nodiscard]] GroupSnapshot describe(const std::string& group) const;

 private:
  struct Entry {
    explicit Entry(Group machine) : group(std::move(machine)) {}
    Group group;
    std::optional<GroupState> counted;                  // in which gauge
    std::map<TopicPartition, CommittedOffset> offsets;  // durable ones only
    std::set<uint64_t> commits_in_flight;
    struct FetchWaiting {
      uint64_t after;  // waits until no commit in flight is this old or older
      std::optional<std::vector<TopicPartition>> tps;
      FetchDone done;
    };
    std::deque<FetchWaiting> fetches;
  };
  /// Callbacks gathered under the mutex, run after it is released.
  struct Deliveries {
    std::vector<std::pair<JoinDone, JoinResult>> joins;
    std::vector<std::pair<SyncDone, SyncResult>> syncs;
    std::vector<std::pair<FetchDone, std::vector<FetchedOffset>>> fetches;
    std::vector<std::pair<std::string, PersistedGroup>> to_persist;
  };

  GroupCoordinator(std::unique_ptr<KeyedLog> log, GroupSettings settings, Clock& clock);

  Result<void> load();
  Entry& entry_of(const std::string& group);
  void drop_if_unused(const std::string& group);
  void collect(Entry& entry, Outbox& out, Deliveries& deliveries);
  void deliver(Deliveries deliveries);
  void persist(const std::string& group, const PersistedGroup& value);
  void write(std::vector<KeyedChange> changes, KeyedLog::WriteDone done);
  void commit_done(const std::string& group, uint64_t sequence,
                   std::vector<std::pair<TopicPartition, CommittedOffset>> offsets, bool durable);
  void arm(const Entry& entry);
  void count(Entry& entry);
  kafka::ErrorCode heartbeat_locked(const std::string& group, const MemberIdentity& who);
  [[nodiscard]] static std::vector<FetchedOffset> read_offsets(
      const Entry& entry, const std::optional<std::vector<TopicPartition>>& tps);
  [[nodiscard]] static GroupSnapshot snapshot(const Entry& entry);

  const GroupSettings settings_;
  Clock& clock_;
  OnRoom on_room_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Entry> groups_;
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
  std::unique_ptr<KeyedLog> log_;
};

}  // namespace freshet::broker
