// A member of a consumer group in a Kafka that runs elsewhere, with the classic protocol of Kafka's
// own consumer: assignors, generations, static membership.
//
// Cooperative (the assignor "cooperative-sticky", KIP-429; the default): a member goes on with what
// it owns while the group rebalances, and hands over only what has to move. Then it joins again, so
// that the new owner gets it:
//
//   Out ──poll──> Joining ──> Syncing ──────> Assigned (what is new) ──> Owning ──rebalance──> Out
//    ^                           │ to move: Revoked ──poll──> Assigned (what is new) ──> Out
//    └── expired, replaced, or a generation missed: Lost
//
// Eager ("range", "roundrobin"): everything is handed over before each join.
//
//   Out ──poll──> Joining ──> Syncing ──> Owning ──rebalance──> Revoked ──poll──> Out
//
// poll() never waits for a rebalance longer than it was asked to: the answer to JoinGroup may come
// many polls later. Heartbeats have a thread of their own from the first poll() to leave(), so that
// a hand-over that waits for a write does not cost the membership.
//
// Fencing: a commit names the member and generation that own the partition; a commit for a
// partition that is not owned now is refused here, and one of an old generation by the coordinator.
// Cooperative members carry ownership from one generation into the next, which nobody else can have
// owned in between. Whoever joins a generation that does not follow its own has missed one: all it
// owned may be another's, and is Lost. (A member that missed one always starts a new one by
// joining: what it says it owns, and since when, is part of its subscription.) A commit that meets
// a rebalance waits for its end and is sent again if the partition is still owned.
//
// Static membership: with a name, a process that was killed takes its partitions back with its
// first poll(), in the same generation. leave() gives them up at once all the same.
//
// Reading is RemoteLog's.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kafka/consumer_protocol.h"
#include "kafka/group_consumer.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/sync_group.h"
#include "kafka/remote/cluster.h"
#include "kafka/remote/remote_log.h"

namespace freshet::kafka {

struct RemoteConsumerOptions {
  std::string group;
  std::vector<std::string> topics;
  /// What this member offers, the preferred one first: "cooperative-sticky" alone, or eager ones.
  std::vector<std::string> assignors{"cooperative-sticky"};
  /// Not empty: a static member (group.instance.id), unique in the group.
  std::string static_member_name;
  /// How long after its last heartbeat the group takes a member's partitions away.
  std::chrono::milliseconds session_timeout{10'000};
  std::chrono::milliseconds rebalance_timeout{60'000};
  std::chrono::milliseconds heartbeat_every{1'000};
  /// How often the leader of the group looks whether its topics have changed.
  std::chrono::milliseconds topics_every{1'000};
  RemoteLogOptions log;
};

class RemoteConsumer final : public GroupConsumer {
 public:
  RemoteConsumer(std::shared_ptr<Cluster> cluster, RemoteConsumerOptions options);
  /// Leaves, if nobody called leave().
  ~RemoteConsumer() override;

  Result<GroupEvent> poll(std::chrono::milliseconds wait) override;
  Result<FetchedBatches> fetch(const TopicPartition& tp, Offset from, size_t bytes_max,
                               std::chrono::milliseconds wait) override {
    return log_.fetch(tp, from, bytes_max, wait);
  }
  Result<PartitionBounds> bounds(const TopicPartition& tp) override { return log_.bounds(tp); }
  Result<Offset> offset_at(const TopicPartition& tp,
                           std::chrono::milliseconds since_epoch) override {
    return log_.offset_at(tp, since_epoch);
  }
  Result<void> commit(std::span<const OffsetCommit> commits) override;
  Result<std::vector<AssignedPartition>> committed(std::span<const TopicPartition> tps) override;
  Result<void> leave() override;

  [[nodiscard]] std::string group() const override { return options_.group; }
  [[nodiscard]] std::string member_id() const override;
  [[nodiscard]] int32_t generation() const override;

 private:
  enum class Phase { kOut, kJoining, kSyncing, kOwning, kRevoking };
  using Deadline = BrokerConnection::Deadline;
  using Step = Result<std::optional<GroupEvent>>;  // nullopt: go on with the next phase
  using GroupTopics = std::map<std::string, std::pair<TopicId, int32_t>>;  // id, partitions

  struct Identity {
    std::string member_id;
    int32_t generation = -1;
    bool operator==(const Identity&) const = default;
  };

  [[nodiscard]] bool cooperative() const;
  [[nodiscard]] std::string encoded_subscription() const;
  Result<void> start_join();
  Step finish_join(Deadline deadline);
  Result<void> start_sync(const JoinGroupResponse& joined);
  Step finish_sync(Deadline deadline);
  /// What was told to leave has left.
  void let_go();
  Result<std::optional<ErrorCode>> receive_assignment(Deadline deadline);
  Step watch(Deadline deadline);
  Step handle_refusal(ErrorCode code);
  Step lose();
  ErrorCode take_signal();
  Result<std::vector<SyncGroupRequest::Assignment>> assign(const JoinGroupResponse& joined);
  Result<GroupTopics> look_up(const std::vector<std::string>& topics);
  Result<bool> topics_changed();

  void beat(const std::stop_token& stop);
  ErrorCode heartbeat(const Identity& who);

  Result<ErrorCode> send_commit(const Identity& who, std::span<const OffsetCommit> commits,
                                Deadline deadline);
  bool was_a_rebalance(ErrorCode code, const Identity& who, Deadline deadline);
  [[nodiscard]] Error refused_commit(ErrorCode code, int32_t generation);
  [[nodiscard]] bool may_still_own(ErrorCode refused) const;
  Result<Identity> may_commit(std::span<const OffsetCommit> commits) const;
  [[nodiscard]] std::optional<std::string> instance_id() const;
  [[nodiscard]] Identity identity() const;
  void set_identity(Identity identity);
  [[nodiscard]] std::vector<TopicPartition> owned() const;
  void set_owned(std::vector<TopicPartition> owned);

  const std::shared_ptr<Cluster> cluster_;
  const RemoteConsumerOptions options_;
  RemoteLog log_;

  // Of the thread that polls.
  Phase phase_ = Phase::kOut;
  std::optional<Cluster::Lease> coordinator_;            // while Joining and Syncing
  std::optional<std::vector<TopicPartition>> due_;       // assigned, but not told yet
  std::vector<TopicPartition> leaving_;                  // told as Revoked, until the next poll
  std::vector<TopicPartition> lost_;                     // told as Lost by the next poll
  bool join_again_ = false;                              // once what is due was told
  std::optional<GroupTopics> led_topics_;                // set while this member leads
  std::optional<std::vector<TopicPartition>> expected_;  // by the leader that may not assign
  Deadline topics_at_{};  // when the leader looks at the topics again
  Deadline answer_by_{};  // of a JoinGroup or SyncGroup

  mutable std::mutex mutex_;
  std::condition_variable_any signalled_;
  // Guarded by mutex_.
  Identity identity_;                    // generation -1: owns nothing and may commit nothing
  std::vector<TopicPartition> owned_;    // sorted
  bool beating_ = false;                 // from the end of a rebalance to the next join
  bool rebalancing_ = false;             // from a join to the end of its rebalance
  ErrorCode signal_ = ErrorCode::kNone;  // what the last heartbeat was told

  std::jthread heart_;  // last: joined before the rest goes
};

}  // namespace freshet::kafka
