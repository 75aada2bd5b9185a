#include "broker/local_consumer.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <set>
#include <utility>

#include "broker/groups/member_id.h"
#include "kafka/committed_records.h"
#include "kafka/consumer_protocol.h"
#include "observe/log.h"

namespace freshet::broker {

using kafka::ErrorCode;
using kafka::GroupEvent;

namespace {

const Logger logger("broker.consumer");

/// Pipelines never see what may be rolled back, or was.
constexpr Isolation kIsolation = Isolation::kReadCommitted;

/// How long a new owner waits for a transaction that commits offsets of its partitions.
constexpr std::chrono::seconds kStableWait{60};

/// How often a leader looks whether the topics have changed.
constexpr Millis kTopicsEvery{500};

Millis remaining(std::chrono::steady_clock::time_point deadline) {
  return std::max(Millis(0),
                  std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now()));
}

Error stopped() { return Error(Errc::kCancelled, "the broker is stopping"); }

}  // namespace

struct LocalConsumer::Inbox {
  std::mutex mutex;
  std::condition_variable arrived;
  // Guarded by mutex.
  std::optional<JoinResult> joined;
  std::optional<SyncResult> synced;

  template <class T>
  std::optional<T> wait(std::optional<T> Inbox::* slot,
                        std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex);
    arrived.wait_until(lock, deadline, [&] { return (this->*slot).has_value(); });
    return std::exchange(this->*slot, std::nullopt);
  }
  template <class T>
  void put(std::optional<T> Inbox::* slot, T value) {
    {
      const std::lock_guard lock(mutex);
      this->*slot = std::move(value);
    }
    arrived.notify_all();
  }
};

LocalConsumer::LocalConsumer(Services& services, ConsumerOptions options)
    : services_(services),
      options_(std::move(options)),
      instance_id_(options_.static_member_name.empty()
                       ? std::nullopt
                       : std::optional(options_.static_member_name)),
      throttle_(services, options_.client_id) {}

LocalConsumer::~LocalConsumer() { static_cast<void>(leave()); }

// ---- membership

Result<GroupEvent> LocalConsumer::poll(std::chrono::milliseconds wait) {
  const Deadline deadline = std::chrono::steady_clock::now() + wait;
  for (;;) {
    if (services_.stopping) return std::unexpected(stopped());
    Step step;
    switch (phase_) {
      case Phase::kRevoking:
        set_owned({});
        start_join();
        break;
      case Phase::kOut:
        start_join();
        break;
      case Phase::kJoining:
        step = finish_join(deadline);
        break;
      case Phase::kSyncing:
        step = finish_sync(deadline);
        break;
      case Phase::kOwning:
        step = watch(deadline);
        break;
    }
    if (!step) return std::unexpected(std::move(step).error());
    if (*step) return std::move(**step);
  }
}

void LocalConsumer::start_join() {
  JoinRequest join;
  join.member_id = member_id();
  join.new_member_id = make_member_id(options_.client_id);
  join.instance_id = instance_id_;
  join.client_id = options_.client_id;
  join.client_host = "/in-process";
  join.protocol_type = kafka::kConsumerProtocolType;
  kafka::Subscription subscription;
  subscription.topics = options_.topics;
  const std::string metadata = kafka::encode_subscription(subscription);
  join.protocols = {{"range", metadata}, {"roundrobin", metadata}};
  join.session_timeout = options_.session_timeout;
  join.rebalance_timeout = options_.rebalance_timeout;
  joining_as_ = join.member_id.empty() ? join.new_member_id : join.member_id;
  join.can_skip_assignment = true;
  join.in_process = true;
  led_topics_.reset();
  phase_ = Phase::kJoining;
  inbox_ = std::make_shared<Inbox>();
  services_.groups.join(options_.group, std::move(join), [inbox = inbox_](JoinResult result) {
    inbox->put(&Inbox::joined, std::move(result));
  });
}

LocalConsumer::Step LocalConsumer::finish_join(Deadline deadline) {
  auto joined = inbox_->wait(&Inbox::joined, deadline);
  if (!joined) return GroupEvent();
  joining_as_.clear();
  if (joined->error != ErrorCode::kNone) return handle_refusal(joined->error);
  set_identity(joined->member_id, joined->generation);
  start_sync(*joined);
  return std::nullopt;
}

void LocalConsumer::start_sync(const JoinResult& joined) {
  SyncRequest sync;
  sync.who = identity();
  sync.protocol_type = joined.protocol_type;
  sync.protocol = joined.protocol;
  if (joined.leader == joined.member_id && !joined.skip_assignment) {
    sync.assignments = assign(joined);
  }
  phase_ = Phase::kSyncing;
  services_.groups.sync(options_.group, std::move(sync), [inbox = inbox_](SyncResult result) {
    inbox->put(&Inbox::synced, std::move(result));
  });
}

LocalConsumer::Step LocalConsumer::finish_sync(Deadline deadline) {
  auto synced = inbox_->wait(&Inbox::synced, deadline);
  if (!synced) return GroupEvent();
  if (synced->error != ErrorCode::kNone) return handle_refusal(synced->error);
  auto event = take_assignment(synced->assignment);
  if (!event) return std::unexpected(std::move(event).error());
  phase_ = Phase::kOwning;
  return std::move(*event);
}

LocalConsumer::Step LocalConsumer::watch(Deadline deadline) {
  const Millis slice = std::min({remaining(deadline), options_.session_timeout / 3, kTopicsEvery});
  const ErrorCode code = services_.groups.wait_for_rebalance(options_.group, identity(), slice);
  const bool rebalance =
      code == ErrorCode::kRebalanceInProgress || (code == ErrorCode::kNone && topics_changed());
  if (rebalance) {
    phase_ = Phase::kRevoking;
    auto revoked = owned();
    if (revoked.empty()) return std::nullopt;
    return kafka::Revoked{std::move(revoked)};
  }
  if (code != ErrorCode::kNone) return handle_refusal(code);
  if (remaining(deadline) == Millis(0)) return GroupEvent();
  return std::nullopt;
}

LocalConsumer::Step LocalConsumer::handle_refusal(ErrorCode code) {
  if (services_.stopping) return std::unexpected(stopped());
  phase_ = Phase::kOut;
  switch (code) {
    case ErrorCode::kRebalanceInProgress:
      return std::nullopt;
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kIllegalGeneration: {
      auto lost = owned();
      set_identity("", -1);
      if (lost.empty()) return std::nullopt;
      return kafka::Lost{std::move(lost)};
    }
    case ErrorCode::kFencedInstanceId:
      set_identity("", -1);
      return fail(Errc::kFenced, "group {}: another consumer uses the static member name {}",
                  options_.group, options_.static_member_name);
    case ErrorCode::kInconsistentGroupProtocol:
      return fail(Errc::kRefused,
                  "group {}: its members use assignment protocols other than range and roundrobin; "
                  "choose another group name",
                  options_.group);
    default:
      return std::unexpected(
          kafka::to_error(code).with_context(fmt::format("consumer group {}", options_.group)));
  }
}

Result<GroupEvent> LocalConsumer::take_assignment(std::string_view blob) {
  FRESHET_ASSIGN_CONTEXT(const kafka::Assignment assignment, kafka::decode_assignment(blob),
                         "assignment by the leader of group {}", options_.group);
  auto assigned = kafka::one_by_one(assignment.assigned_partitions);
  // A leader elsewhere may know topics that have just been deleted.
  std::erase_if(assigned, [this](const TopicPartition& tp) { return !find_log(tp); });
  FRESHET_ASSIGN(auto partitions, committed(assigned));
  set_owned(std::move(assigned));
  return kafka::Assigned{std::move(partitions)};
}

std::vector<std::pair<std::string, std::string>> LocalConsumer::assign(const JoinResult& joined) {
  std::vector<kafka::GroupMember> members;
  std::set<std::string> names;
  for (const JoinedMember& member : joined.members) {
    auto subscription = kafka::decode_subscription(member.metadata);
    if (!subscription) {
      logger.warn("a member of the group cannot be understood and gets no partitions",
                  kv("group", options_.group), kv("member", member.member_id),
                  kv("error", subscription.error()));
      continue;
    }
    names.insert(subscription->topics.begin(), subscription->topics.end());
    members.push_back({member.member_id, member.instance_id, std::move(subscription->topics)});
  }
  led_topics_ = look_up({names.begin(), names.end()});
  kafka::PartitionCounts counts;
  for (const auto& [name, state] : *led_topics_) {
    if (state.partitions > 0) counts[name] = state.partitions;
  }
  const kafka::Assignor assignor = kafka::find_assignor(joined.protocol.value_or("range"));
  std::vector<std::pair<std::string, std::string>> assignments;
  if (assignor == nullptr) return assignments;  // only what this member offered can be chosen
  for (const auto& [member, partitions] : assignor(members, counts)) {
    kafka::Assignment assignment;
    assignment.assigned_partitions = kafka::by_topic(partitions);
    assignments.emplace_back(member, kafka::encode_assignment(assignment));
  }
  return assignments;
}

LocalConsumer::GroupTopics LocalConsumer::look_up(const std::vector<std::string>& topics) const {
  GroupTopics states;
  for (const std::string& name : topics) {
    TopicState state;
    if (const TopicPtr topic = services_.topics.find(name)) {
      state = {topic->id, static_cast<int32_t>(topic->partitions.size())};
    }
    states.emplace_back(name, state);
  }
  return states;
}

bool LocalConsumer::topics_changed() const {
  if (!led_topics_) return false;
  return std::ranges::any_of(*led_topics_, [this](const auto& entry) {
    return look_up({entry.first}).front().second != entry.second;
  });
}

Result<void> LocalConsumer::leave() {
  std::vector<LeavingMember> leaving;
  const std::string id = member_id();
  if (!joining_as_.empty()) leaving.push_back({joining_as_, std::nullopt});
  if (!id.empty() && id != joining_as_) leaving.push_back({id, std::nullopt});
  if (!leaving.empty() && !services_.stopping) services_.groups.leave(options_.group, leaving);
  set_identity("", -1);
  joining_as_.clear();
  phase_ = Phase::kOut;
  return {};
}

std::string LocalConsumer::member_id() const {
  const std::lock_guard lock(mutex_);
  return member_id_;
}

int32_t LocalConsumer::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

MemberIdentity LocalConsumer::identity() const {
  const std::lock_guard lock(mutex_);
  return {member_id_, instance_id_, generation_};
}

void LocalConsumer::set_identity(std::string member_id, int32_t generation) {
  const std::lock_guard lock(mutex_);
  member_id_ = std::move(member_id);
  generation_ = generation;
  if (generation < 0) owned_.clear();
}

std::vector<TopicPartition> LocalConsumer::owned() const {
  const std::lock_guard lock(mutex_);
  return owned_;
}

void LocalConsumer::set_owned(std::vector<TopicPartition> owned) {
  std::ranges::sort(owned);
  const std::lock_guard lock(mutex_);
  owned_ = std::move(owned);
}

Result<MemberIdentity> LocalConsumer::may_commit(
    std::span<const kafka::OffsetCommit> commits) const {
  const std::lock_guard lock(mutex_);
  if (generation_ < 0) {
    return fail(Errc::kFenced, "group {}: this consumer is not a member now", options_.group);
  }
  // The coordinator does not know who owns what: a thread that lags behind a rebalance would
  // commit under the new generation what it read under the old one.
  for (const kafka::OffsetCommit& commit : commits) {
    if (!std::ranges::binary_search(owned_, commit.tp)) {
      return fail(Errc::kFenced, "group {}: partition {} is not this consumer's any more",
                  options_.group, commit.tp);
    }
  }
  return MemberIdentity{member_id_, instance_id_, generation_};
}

// ---- the log

Result<PartitionLogPtr> LocalConsumer::find_log(const TopicPartition& tp) const {
  const TopicPtr topic = services_.topics.find(tp.topic);
  PartitionLogPtr log = topic ? topic->partition(tp.partition) : nullptr;
  if (!log) return fail(Errc::kNotFound, "partition {} does not exist", tp);
  return log;
}

Result<kafka::FetchedBatches> LocalConsumer::fetch(const TopicPartition& tp, Offset from,
                                                   size_t bytes_max,
                                                   std::chrono::milliseconds wait) {
  throttle_.wait();
  const LocalThrottle::Work work(throttle_);
  const Deadline deadline = std::chrono::steady_clock::now() + wait;
  FRESHET_ASSIGN(const PartitionLogPtr log, find_log(tp));
  for (;;) {
    if (services_.stopping) return std::unexpected(stopped());
    FRESHET_ASSIGN_CONTEXT(LogRead read, log->read(from, bytes_max, kIsolation), "partition {}",
                           tp);
    for (const auto& slice : read.slices) {
      throttle_.charge(QuotaKind::kConsume, static_cast<double>(slice.bytes.size()));
    }
    if (!read.slices.empty() || !log->wait_past(from, deadline, kIsolation)) {
      FRESHET_ASSIGN(const auto rolled_back, log->aborted_transactions(from, read.next_offset));
      std::vector<kafka::AbortedTransaction> aborted;
      for (const auto& one : rolled_back) aborted.push_back({one.producer_id, one.first_offset});
      const Offset end = std::min(read.high_watermark, log->end_offset(kIsolation));
      return kafka::FetchedBatches{
          kafka::leave_out_aborted(std::move(read.slices), std::move(aborted)), read.log_start,
          std::max(end, read.next_offset)};
    }
  }
}

Result<kafka::PartitionBounds> LocalConsumer::bounds(const TopicPartition& tp) {
  FRESHET_ASSIGN(const PartitionLogPtr log, find_log(tp));
  return kafka::PartitionBounds{log->log_start(), log->end_offset(kIsolation)};
}

std::optional<SteadyTime> LocalConsumer::arrived_since(const TopicPartition& tp, Offset from) {
  const auto log = find_log(tp);
  return log ? (*log)->arrived_since(from) : std::nullopt;
}

Result<Offset> LocalConsumer::offset_at(const TopicPartition& tp,
                                        std::chrono::milliseconds since_epoch) {
  FRESHET_ASSIGN(const PartitionLogPtr log, find_log(tp));
  const Offset end = log->end_offset(kIsolation);  // first: what comes meanwhile is not passed over
  FRESHET_ASSIGN_CONTEXT(const auto found, log->find_by_time(since_epoch.count()), "partition {}",
                         tp);
  return found ? std::min(found->offset, end) : end;
}

Result<void> LocalConsumer::commit(std::span<const kafka::OffsetCommit> commits) {
  const LocalThrottle::Work work(throttle_);
  FRESHET_ASSIGN(const MemberIdentity who, may_commit(commits));
  std::vector<OffsetToCommit> offsets;
  for (const kafka::OffsetCommit& commit : commits) {
    if (commit.metadata.size() > kOffsetMetadataBytesMax) {
      return fail(Errc::kTooLarge, "group {} partition {}: {} bytes of metadata, at most {}",
                  options_.group, commit.tp, commit.metadata.size(), kOffsetMetadataBytesMax);
    }
    FRESHET_TRY(find_log(commit.tp));
    offsets.push_back({commit.tp, commit.offset, -1, commit.metadata});
  }
  std::promise<ErrorCode> done;
  auto outcome = done.get_future();
  services_.groups.commit(options_.group, who, std::move(offsets),
                          [done = std::move(done)](const std::vector<ErrorCode>& codes) mutable {
                            // One batch: they all share a fate.
                            done.set_value(codes.empty() ? ErrorCode::kNone : codes.front());
                          });
  const ErrorCode code = outcome.get();
  switch (code) {
    case ErrorCode::kNone:
      return {};
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kGroupIdNotFound:
    case ErrorCode::kFencedInstanceId:
    case ErrorCode::kRebalanceInProgress:
      return fail(Errc::kFenced, "group {}: the commit of generation {} came too late: {}",
                  options_.group, who.generation, code);
    default:
      if (services_.stopping) return std::unexpected(stopped());
      return std::unexpected(
          kafka::to_error(code).with_context(fmt::format("commit of group {}", options_.group)));
  }
}

Result<std::vector<kafka::AssignedPartition>> LocalConsumer::committed(
    std::span<const TopicPartition> tps) {
  // What an open transaction may still change is nobody's position yet.
  const auto deadline = std::chrono::steady_clock::now() + kStableWait;
  if (!services_.transactions.pending_offsets().wait_until_stable(options_.group, tps, deadline)) {
    return fail(Errc::kUnavailable,
                "group {}: a transaction that commits its offsets has been open for {} s",
                options_.group, kStableWait.count());
  }
  std::promise<std::vector<FetchedOffset>> done;
  auto outcome = done.get_future();
  services_.groups.fetch(options_.group, std::vector<TopicPartition>(tps.begin(), tps.end()),
                         [done = std::move(done)](std::vector<FetchedOffset> offsets) mutable {
                           done.set_value(std::move(offsets));
                         });
  std::vector<kafka::AssignedPartition> partitions;
  for (FetchedOffset& offset : outcome.get()) {
    kafka::AssignedPartition partition;
    if (const TopicPtr topic = services_.topics.find(offset.tp.topic)) {
      partition.topic_id = topic->id;
    }
    partition.tp = std::move(offset.tp);
    partition.committed = offset.committed.offset;
    partition.metadata = std::move(offset.committed.metadata);
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

}  // namespace freshet::broker
