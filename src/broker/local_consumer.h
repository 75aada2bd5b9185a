// A member of a consumer group inside this process: the same coordinator, generations and fencing
// as a TCP client, batches straight from the mapped log files, no socket and no thread of its own.
//
//   Out ──poll──> Joining ──> Syncing ──> Owning ──rebalance──> Revoking ──poll──> Joining
//    ^                                      │ dropped by the group: Lost
//    └──────────────────────────────────────┘
//
// A member dies with the process and nothing of it is on disk, so after a restart a new process
// gets its partitions with its first poll(). Offers "range" and "roundrobin"; as leader it runs
// the one that was chosen, and starts a rebalance when a topic of the group changes.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/groups/group_messages.h"
#include "broker/quotas/local_throttle.h"
#include "broker/services.h"
#include "kafka/group_consumer.h"

namespace freshet::broker {

class LocalConsumer final : public kafka::GroupConsumer {
 public:
  /// `services` outlives the consumer.
  LocalConsumer(Services& services, ConsumerOptions options);
  /// Leaves, if nobody called leave().
  ~LocalConsumer() override;

  Result<kafka::GroupEvent> poll(std::chrono::milliseconds wait) override;
  Result<kafka::FetchedBatches> fetch(const TopicPartition& tp, Offset from, size_t bytes_max,
                                      std::chrono::milliseconds wait) override;
  Result<kafka::PartitionBounds> bounds(const TopicPartition& tp) override;
  [[nodiscard]] std::optional<SteadyTime> arrived_since(const TopicPartition& tp,
                                                        Offset from) override;
  Result<Offset> offset_at(const TopicPartition& tp,
                           std::chrono::milliseconds since_epoch) override;
  Result<void> commit(std::span<const kafka::OffsetCommit> commits) override;
  Result<std::vector<kafka::AssignedPartition>> committed(
      std::span<const TopicPartition> tps) override;
  Result<void> leave() override;

  [[nodiscard]] std::string group() const override { return options_.group; }
  [[nodiscard]] std::string member_id() const override;
  [[nodiscard]] int32_t generation() const override;

 private:
  enum class Phase { kOut, kJoining, kSyncing, kOwning, kRevoking };
  /// Where the coordinator puts its answers; outlives this object if need be.
  struct Inbox;
  /// What the leader based its assignment on: partition counts and ids of the group's topics.
  struct TopicState {
    TopicId id;
    int32_t partitions = 0;
    bool operator==(const TopicState&) const = default;
  };
  using GroupTopics = std::vector<std::pair<std::string, TopicState>>;
  using Step = Result<std::optional<kafka::GroupEvent>>;  // nullopt: go on with the next phase
  using Deadline = std::chrono::steady_clock::time_point;

  void start_join();
  void start_sync(const JoinResult& joined);
  Step finish_join(Deadline deadline);
  Step finish_sync(Deadline deadline);
  Step watch(Deadline deadline);
  Step handle_refusal(kafka::ErrorCode code);
  Result<kafka::GroupEvent> take_assignment(std::string_view blob);
  std::vector<std::pair<std::string, std::string>> assign(const JoinResult& joined);
  [[nodiscard]] GroupTopics look_up(const std::vector<std::string>& topics) const;
  [[nodiscard]] bool topics_changed() const;
  [[nodiscard]] Result<PartitionLogPtr> find_log(const TopicPartition& tp) const;
  [[nodiscard]] MemberIdentity identity() const;
  void set_identity(std::string member_id, int32_t generation);
  [[nodiscard]] std::vector<TopicPartition> owned() const;
  void set_owned(std::vector<TopicPartition> owned);
  /// The identity to commit with, if this member owns all of it.
  Result<MemberIdentity> may_commit(std::span<const kafka::OffsetCommit> commits) const;

  Services& services_;
  const ConsumerOptions options_;
  const std::optional<std::string> instance_id_;
  LocalThrottle throttle_;  // makes fetch() wait while the client id is over a quota

  // Of the thread that polls.
  Phase phase_ = Phase::kOut;
  std::shared_ptr<Inbox> inbox_;
  std::optional<GroupTopics> led_topics_;  // set while this member leads
  std::string joining_as_;                 // the id of a join without an answer so far

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::string member_id_;
  int32_t generation_ = -1;            // -1: owns nothing and may commit nothing
  std::vector<TopicPartition> owned_;  // sorted
};

}  // namespace freshet::broker
