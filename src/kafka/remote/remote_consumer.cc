#include "kafka/remote/remote_consumer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "io/thread_name.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/sticky_assignor.h"
#include "observe/log.h"

namespace freshet::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const Logger logger("kafka.consumer");

constexpr int16_t kOffsetsOfOneGroup = 7;  // OffsetFetch asks for several groups from 8 on
constexpr size_t kMetadataBytesMax = 4096;

/// Carries what is owned, and since when.
constexpr int16_t kSubscriptionVersion = 2;

std::vector<TopicPartition> without(std::span<const TopicPartition> all,
                                    std::span<const TopicPartition> sorted) {
  std::vector<TopicPartition> rest;
  for (const auto& tp : all) {
    if (!std::ranges::binary_search(sorted, tp)) rest.push_back(tp);
  }
  return rest;
}

bool is_about_coordinator(ErrorCode code) {
  return code == ErrorCode::kNotCoordinator || code == ErrorCode::kCoordinatorNotAvailable ||
         code == ErrorCode::kCoordinatorLoadInProgress;
}

}  // namespace

RemoteConsumer::RemoteConsumer(std::shared_ptr<Cluster> cluster, RemoteConsumerOptions options)
    : cluster_(std::move(cluster)), options_(std::move(options)), log_(cluster_, options_.log) {}

RemoteConsumer::~RemoteConsumer() { static_cast<void>(leave()); }

// ---- membership

Result<GroupEvent> RemoteConsumer::poll(milliseconds wait) {
  const Deadline deadline = steady_clock::now() + wait;
  while (true) {
    if (!lost_.empty()) return Lost{std::exchange(lost_, {})};
    Step step;
    switch (phase_) {
      case Phase::kRevoking:
        set_owned({});
        phase_ = Phase::kOut;
        break;
      case Phase::kOut:
        FRESHET_TRY(start_join());
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
    if (!step) {
      // A connection that failed in mid-rebalance: the next poll joins anew.
      if (coordinator_ && !due_) {
        coordinator_.reset();
        phase_ = Phase::kOut;
      }
      return std::unexpected(std::move(step).error());
    }
    if (*step) return std::move(**step);
  }
}

std::optional<std::string> RemoteConsumer::instance_id() const {
  if (options_.static_member_name.empty()) return std::nullopt;
  return options_.static_member_name;
}

bool RemoteConsumer::cooperative() const {
  return options_.assignors.front() == kCooperativeSticky;
}

std::string RemoteConsumer::encoded_subscription() const {
  Subscription subscription;
  subscription.topics = options_.topics;
  if (!cooperative()) return encode_subscription(subscription);
  const std::lock_guard lock(mutex_);
  subscription.owned_partitions = by_topic(owned_);
  subscription.generation_id = identity_.generation;
  return encode_subscription(subscription, kSubscriptionVersion);
}

Result<void> RemoteConsumer::start_join() {
  bool anew = false;
  {
    const std::lock_guard lock(mutex_);
    beating_ = false;
    rebalancing_ = true;
    signal_ = ErrorCode::kNone;
    // What is owned is read on under the id that it has.
    anew = owned_.empty();
  }
  if (anew) log_.begin_anew();
  if (!heart_.joinable()) {
    heart_ = std::jthread([this](const std::stop_token& stop) {
      io::name_this_thread("kafka.beat", 0);
      beat(stop);
    });
  }
  led_topics_.reset();
  expected_.reset();
  due_.reset();
  join_again_ = false;
  const std::string metadata = encoded_subscription();
  JoinGroupRequest join;
  join.group_id = options_.group;
  join.session_timeout_ms = static_cast<int32_t>(options_.session_timeout.count());
  join.rebalance_timeout_ms = static_cast<int32_t>(options_.rebalance_timeout.count());
  join.member_id = member_id();
  join.group_instance_id = instance_id();
  join.protocol_type = kConsumerProtocolType;
  for (const auto& assignor : options_.assignors) join.protocols.push_back({assignor, metadata});
  const Deadline deadline = cluster_->deadline();
  FRESHET_ASSIGN(auto lease, cluster_->coordinator(options_.group, deadline));
  FRESHET_TRY_CONTEXT(lease->send(join, deadline), "group {}", options_.group);
  coordinator_.emplace(std::move(lease));
  answer_by_ = cluster_->deadline() + options_.rebalance_timeout;
  phase_ = Phase::kJoining;
  return {};
}

RemoteConsumer::Step RemoteConsumer::finish_join(Deadline deadline) {
  FRESHET_ASSIGN_CONTEXT(const auto joined, (*coordinator_)->receive<JoinGroupResponse>(deadline),
                         "group {}", options_.group);
  if (!joined) {
    if (steady_clock::now() < answer_by_) return GroupEvent();
    cluster_->forget_coordinator(options_.group);
    return fail(Errc::kTimeout, "group {}: its coordinator does not end the rebalance",
                options_.group);
  }
  if (joined->error_code == ErrorCode::kMemberIdRequired) {
    set_identity({.member_id = joined->member_id, .generation = -1});
    coordinator_.reset();
    phase_ = Phase::kOut;
    return std::nullopt;
  }
  if (joined->error_code != ErrorCode::kNone) return handle_refusal(joined->error_code);
  const int32_t before = generation();
  if (joined->generation_id != before && joined->generation_id != before + 1) {
    lost_ = owned();
    set_owned({});  // before the generation with which it could be committed
  }
  set_identity({.member_id = joined->member_id, .generation = joined->generation_id});
  FRESHET_TRY(start_sync(*joined));
  return std::nullopt;
}

Result<void> RemoteConsumer::start_sync(const JoinGroupResponse& joined) {
  SyncGroupRequest sync;
  sync.group_id = options_.group;
  sync.generation_id = joined.generation_id;
  sync.member_id = joined.member_id;
  sync.group_instance_id = instance_id();
  sync.protocol_type = std::string(kConsumerProtocolType);
  sync.protocol_name = joined.protocol_name;
  if (joined.leader == joined.member_id) {
    FRESHET_ASSIGN(auto assignments, assign(joined));
    if (joined.skip_assignment && cooperative()) {
      // What the topics were when the group last assigned is not known: one more rebalance, in
      // which nothing moves, makes sure that they have not grown since.
      for (auto& [name, state] : *led_topics_) state.second = -1;
    } else if (joined.skip_assignment) {
      // The coordinator hands out what was assigned before; should the topics have grown since,
      // this leader starts a rebalance as soon as it has joined.
      for (const auto& one : assignments) {
        if (one.member_id != joined.member_id) continue;
        FRESHET_ASSIGN(const auto mine, decode_assignment(one.assignment));
        expected_ = one_by_one(mine.assigned_partitions);
        std::ranges::sort(*expected_);
      }
    } else {
      sync.assignments = std::move(assignments);
    }
  }
  FRESHET_TRY_CONTEXT((*coordinator_)->send(sync, cluster_->deadline()), "group {}",
                      options_.group);
  answer_by_ = cluster_->deadline() + options_.rebalance_timeout;
  phase_ = Phase::kSyncing;
  return {};
}

void RemoteConsumer::let_go() {
  if (leaving_.empty()) return;
  set_owned(without(owned(), leaving_));
  leaving_.clear();
}

/// How the group refuses, or kNone with what is due; nullopt: no answer by the deadline.
Result<std::optional<ErrorCode>> RemoteConsumer::receive_assignment(Deadline deadline) {
  FRESHET_ASSIGN_CONTEXT(const auto synced, (*coordinator_)->receive<SyncGroupResponse>(deadline),
                         "group {}", options_.group);
  if (!synced) {
    if (steady_clock::now() < answer_by_) return std::nullopt;
    cluster_->forget_coordinator(options_.group);
    return fail(Errc::kTimeout, "group {}: its leader assigns nothing", options_.group);
  }
  if (synced->error_code != ErrorCode::kNone) return synced->error_code;
  FRESHET_ASSIGN_CONTEXT(const Assignment assignment, decode_assignment(synced->assignment),
                         "assignment by the leader of group {}", options_.group);
  due_ = one_by_one(assignment.assigned_partitions);
  std::erase_if(*due_, [this](const TopicPartition& tp) {  // a foreign leader's mistake
    return std::ranges::find(options_.topics, tp.topic) == options_.topics.end();
  });
  std::ranges::sort(*due_);
  coordinator_.reset();
  const std::lock_guard lock(mutex_);
  beating_ = true;
  rebalancing_ = false;
  signalled_.notify_all();
  if (expected_ && *expected_ != *due_) signal_ = ErrorCode::kRebalanceInProgress;
  return ErrorCode::kNone;
}

RemoteConsumer::Step RemoteConsumer::finish_sync(Deadline deadline) {
  let_go();
  if (due_ && take_signal() != ErrorCode::kNone) {
    // The group went on while its offsets could not be read.
    due_.reset();
    phase_ = Phase::kOut;
    return std::nullopt;
  }
  if (!due_) {
    FRESHET_ASSIGN(const auto told, receive_assignment(deadline));
    if (!told) return GroupEvent();
    if (*told != ErrorCode::kNone) return handle_refusal(*told);
    leaving_ = without(owned(), *due_);
    if (!leaving_.empty()) {
      join_again_ = true;
      return Revoked{leaving_};
    }
  }
  auto partitions = committed(without(*due_, owned()));
  if (!partitions) {
    // The broker that was asked may not have heard yet of a topic that the leader knows.
    Error error = std::move(partitions).error();
    const bool too_new = error.code() == Errc::kNotFound && steady_clock::now() < answer_by_;
    if (too_new) error = Error(Errc::kUnavailable, error.message());
    return std::unexpected(std::move(error));
  }
  set_owned(*std::exchange(due_, std::nullopt));
  topics_at_ = steady_clock::now() + options_.topics_every;
  phase_ = join_again_ ? Phase::kOut : Phase::kOwning;
  return Assigned{std::move(*partitions)};
}

RemoteConsumer::Step RemoteConsumer::watch(Deadline deadline) {
  ErrorCode told = ErrorCode::kNone;
  {
    std::unique_lock lock(mutex_);
    signalled_.wait_until(lock, deadline, [&] { return signal_ != ErrorCode::kNone; });
    told = std::exchange(signal_, ErrorCode::kNone);
  }
  if (told == ErrorCode::kNone && led_topics_ && steady_clock::now() >= topics_at_) {
    topics_at_ = steady_clock::now() + options_.topics_every;
    FRESHET_ASSIGN(const bool changed, topics_changed());
    if (changed) told = ErrorCode::kRebalanceInProgress;
  }
  if (told == ErrorCode::kNone) return GroupEvent();
  if (told != ErrorCode::kRebalanceInProgress) return handle_refusal(told);
  if (cooperative()) {
    phase_ = Phase::kOut;
    return std::nullopt;
  }
  phase_ = Phase::kRevoking;
  auto revoked = owned();
  if (revoked.empty()) return std::nullopt;
  return Revoked{std::move(revoked)};
}

ErrorCode RemoteConsumer::take_signal() {
  const std::lock_guard lock(mutex_);
  return std::exchange(signal_, ErrorCode::kNone);
}

RemoteConsumer::Step RemoteConsumer::lose() {
  auto lost = owned();
  set_identity({});
  if (lost.empty()) return std::nullopt;
  return Lost{std::move(lost)};
}

RemoteConsumer::Step RemoteConsumer::handle_refusal(ErrorCode code) {
  coordinator_.reset();
  phase_ = Phase::kOut;
  if (is_about_coordinator(code)) cluster_->forget_coordinator(options_.group);
  switch (code) {
    case ErrorCode::kRebalanceInProgress:
      return std::nullopt;
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kIllegalGeneration:
      return lose();
    case ErrorCode::kFencedInstanceId: {
      // Joining again would throw the other out, which would join again.
      set_identity({});
      return fail(Errc::kRefused,
                  "group {}: another process took over the instance name {}; if both are to work, "
                  "give each a services.kafka.instance of its own",
                  options_.group, options_.static_member_name);
    }
    case ErrorCode::kInconsistentGroupProtocol:
      return fail(Errc::kRefused,
                  "group {}: its other members do not offer the assignor {}; stop them, or set "
                  "partition.assignment.strategy in services.kafka.properties to what they use",
                  options_.group, fmt::join(options_.assignors, ","));
    case ErrorCode::kInvalidSessionTimeout:
      return fail(Errc::kInvalidArgument,
                  "group {}: Kafka does not allow a session time-out of {} ms; set "
                  "session.timeout.ms in services.kafka.properties to a value between "
                  "group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers",
                  options_.group, options_.session_timeout.count());
    default:
      return std::unexpected(remote_error(code, "consumer group " + options_.group));
  }
}

Result<std::vector<SyncGroupRequest::Assignment>> RemoteConsumer::assign(
    const JoinGroupResponse& joined) {
  std::vector<GroupMember> members;
  std::set<std::string> names;
  for (const auto& member : joined.members) {
    auto subscription = decode_subscription(member.metadata);
    if (!subscription) {
      logger.warn("a member of the group cannot be understood and gets no partitions",
                  kv("group", options_.group), kv("member", member.member_id),
                  kv("error", subscription.error()));
      continue;
    }
    names.insert(subscription->topics.begin(), subscription->topics.end());
    members.push_back({.member_id = member.member_id,
                       .group_instance_id = member.group_instance_id,
                       .topics = std::move(subscription->topics),
                       .owned = one_by_one(subscription->owned_partitions),
                       .generation = subscription->generation_id});
  }
  FRESHET_ASSIGN(led_topics_, look_up({names.begin(), names.end()}));
  PartitionCounts counts;
  for (const auto& [name, state] : *led_topics_) {
    if (state.second > 0) counts[name] = state.second;
  }
  std::vector<SyncGroupRequest::Assignment> assignments;
  const Assignor assignor = find_assignor(joined.protocol_name.value_or("range"));
  if (assignor == nullptr) return assignments;  // only what this member offered can be chosen
  for (const auto& [member, partitions] : assignor(members, counts)) {
    Assignment assignment;
    assignment.assigned_partitions = by_topic(partitions);
    assignments.push_back({member, encode_assignment(assignment)});
  }
  return assignments;
}

Result<RemoteConsumer::GroupTopics> RemoteConsumer::look_up(
    const std::vector<std::string>& topics) {
  GroupTopics states;
  for (const std::string& name : topics) {
    const auto found = cluster_->refresh_topic(name, cluster_->deadline());
    if (!found && found.error().code() != Errc::kNotFound) return std::unexpected(found.error());
    states[name] = found ? std::pair(found->id, static_cast<int32_t>(found->leaders.size()))
                         : std::pair(TopicId(), 0);
  }
  return states;
}

Result<bool> RemoteConsumer::topics_changed() {
  std::vector<std::string> names;
  for (const auto& [name, state] : *led_topics_) names.push_back(name);
  FRESHET_ASSIGN(const auto now, look_up(names));
  return now != *led_topics_;
}

Result<void> RemoteConsumer::leave() {
  if (heart_.joinable()) {
    heart_.request_stop();
    heart_.join();
    heart_ = std::jthread();
  }
  coordinator_.reset();
  due_.reset();
  leaving_.clear();
  lost_.clear();
  phase_ = Phase::kOut;
  const Identity who = identity();
  set_identity({});
  if (who.member_id.empty()) return {};
  LeaveGroupRequest request;
  request.group_id = options_.group;
  request.member_id = who.member_id;
  request.members = {
      {.member_id = who.member_id, .group_instance_id = instance_id(), .reason = {}}};
  const Deadline deadline = cluster_->deadline();
  FRESHET_ASSIGN(auto coordinator, cluster_->coordinator(options_.group, deadline));
  FRESHET_ASSIGN(const auto answer, coordinator->call<LeaveGroupResponse>(request, deadline));
  if (answer.error_code == ErrorCode::kNone || answer.error_code == ErrorCode::kUnknownMemberId) {
    return {};
  }
  return std::unexpected(remote_error(answer.error_code, "leaving group " + options_.group));
}

// ---- heartbeats

void RemoteConsumer::beat(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    signalled_.wait_for(lock, stop, options_.heartbeat_every, [] { return false; });
    if (stop.stop_requested() || !beating_) continue;
    const Identity who = identity_;
    lock.unlock();
    const ErrorCode told = heartbeat(who);
    lock.lock();
    if (told == ErrorCode::kNone || !beating_ || identity_.generation != who.generation) continue;
    signal_ = told;
    signalled_.notify_all();
  }
}

/// kNone also when nobody answered: the session time-out decides what that means.
ErrorCode RemoteConsumer::heartbeat(const Identity& who) {
  HeartbeatRequest request;
  request.group_id = options_.group;
  request.generation_id = who.generation;
  request.member_id = who.member_id;
  request.group_instance_id = instance_id();
  // One that is not answered leaves time for two more before the session ends.
  const Deadline deadline =
      std::min(cluster_->deadline(), steady_clock::now() + options_.session_timeout / 3);
  auto coordinator = cluster_->coordinator(options_.group, deadline);
  if (!coordinator) return ErrorCode::kNone;
  const auto answer = (*coordinator)->call<HeartbeatResponse>(request, deadline);
  if (!answer || is_about_coordinator(answer->error_code)) {
    cluster_->forget_coordinator(options_.group);
    return ErrorCode::kNone;
  }
  return answer->error_code;
}

// ---- offsets of the group

std::string RemoteConsumer::member_id() const { return identity().member_id; }
int32_t RemoteConsumer::generation() const { return identity().generation; }

RemoteConsumer::Identity RemoteConsumer::identity() const {
  const std::lock_guard lock(mutex_);
  return identity_;
}

void RemoteConsumer::set_identity(Identity identity) {
  const std::lock_guard lock(mutex_);
  identity_ = std::move(identity);
  if (identity_.generation < 0) {
    owned_.clear();
    beating_ = rebalancing_ = false;
    signalled_.notify_all();
  }
}

std::vector<TopicPartition> RemoteConsumer::owned() const {
  const std::lock_guard lock(mutex_);
  return owned_;
}

void RemoteConsumer::set_owned(std::vector<TopicPartition> owned) {
  std::ranges::sort(owned);
  const std::lock_guard lock(mutex_);
  owned_ = std::move(owned);
}

Result<RemoteConsumer::Identity> RemoteConsumer::may_commit(
    std::span<const OffsetCommit> commits) const {
  const std::lock_guard lock(mutex_);
  if (identity_.generation < 0) {
    return fail(Errc::kFenced, "group {}: this consumer is not a member now", options_.group);
  }
  // The coordinator does not know who owns what: a thread that lags behind a rebalance would
  // commit under the new generation what it read under the old one.
  for (const OffsetCommit& commit : commits) {
    if (!std::ranges::binary_search(owned_, commit.tp)) {
      return fail(Errc::kFenced, "group {}: partition {} is not this consumer's any more",
                  options_.group, commit.tp);
    }
  }
  return identity_;
}

Result<void> RemoteConsumer::commit(std::span<const OffsetCommit> commits) {
  const Deadline deadline = cluster_->deadline();
  while (true) {
    FRESHET_ASSIGN(const Identity who, may_commit(commits));
    FRESHET_ASSIGN(const ErrorCode refused, send_commit(who, commits, deadline));
    if (refused == ErrorCode::kNone) return {};
    if (!was_a_rebalance(refused, who, deadline)) {
      return std::unexpected(refused_commit(refused, who.generation));
    }
  }
}

/// The first refusal of a partition; kNone: all are committed.
Result<ErrorCode> RemoteConsumer::send_commit(const Identity& who,
                                              std::span<const OffsetCommit> commits,
                                              Deadline deadline) {
  OffsetCommitRequest request;
  request.group_id = options_.group;
  request.generation_id_or_member_epoch = who.generation;
  request.member_id = who.member_id;
  request.group_instance_id = instance_id();
  for (const OffsetCommit& commit : commits) {
    if (commit.metadata.size() > kMetadataBytesMax) {
      return fail(Errc::kTooLarge, "group {} partition {}: {} bytes of metadata, at most {}",
                  options_.group, commit.tp, commit.metadata.size(), kMetadataBytesMax);
    }
    auto topic =
        std::ranges::find(request.topics, commit.tp.topic, &OffsetCommitRequest::Topic::name);
    if (topic == request.topics.end()) {
      request.topics.emplace_back().name = commit.tp.topic;
      topic = request.topics.end() - 1;
    }
    auto& partition = topic->partitions.emplace_back();
    partition.partition_index = commit.tp.partition;
    partition.committed_offset = commit.offset.value();
    partition.committed_metadata = commit.metadata;
  }
  FRESHET_ASSIGN(auto coordinator, cluster_->coordinator(options_.group, deadline));
  auto answer = coordinator->call<OffsetCommitResponse>(request, deadline);
  if (!answer) {
    cluster_->forget_coordinator(options_.group);
    return std::unexpected(std::move(answer).error());
  }
  size_t confirmed = 0;
  for (const auto& topic : answer->topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::kNone) return partition.error_code;
      ++confirmed;
    }
  }
  if (confirmed != commits.size()) {
    return fail(Errc::kInternal, "group {}: Kafka confirms {} of {} commits", options_.group,
                confirmed, commits.size());
  }
  return ErrorCode::kNone;
}

/// Whether the commit met a rebalance that this member has taken part in and that is over now.
bool RemoteConsumer::was_a_rebalance(ErrorCode code, const Identity& who, Deadline deadline) {
  if (!cooperative()) return false;
  if (code != ErrorCode::kRebalanceInProgress && code != ErrorCode::kIllegalGeneration)
    return false;
  std::unique_lock lock(mutex_);
  if (!rebalancing_ && identity_ == who) return false;
  return signalled_.wait_until(lock, deadline, [&] { return !rebalancing_; });
}

Error RemoteConsumer::refused_commit(ErrorCode code, int32_t generation) {
  switch (code) {
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kIllegalGeneration:
    case ErrorCode::kGroupIdNotFound:
    case ErrorCode::kFencedInstanceId:
    case ErrorCode::kRebalanceInProgress:
      return Error(may_still_own(code) ? Errc::kUnavailable : Errc::kFenced,
                   fmt::format("group {}: the commit of generation {} came too late: {}",
                               options_.group, generation, code));
    default:
      if (is_about_coordinator(code)) cluster_->forget_coordinator(options_.group);
      return remote_error(code, "commit of group " + options_.group);
  }
}

/// Who keeps what it owns through a rebalance is told nothing at its end, so it must not give up
/// before; if it does not keep it, it is told so.
bool RemoteConsumer::may_still_own(ErrorCode refused) const {
  const std::lock_guard lock(mutex_);
  return cooperative() && (rebalancing_ || refused == ErrorCode::kRebalanceInProgress);
}

Result<std::vector<AssignedPartition>> RemoteConsumer::committed(
    std::span<const TopicPartition> tps) {
  if (tps.empty()) return std::vector<AssignedPartition>();
  OffsetFetchRequest request;
  request.group_id = options_.group;
  request.require_stable = true;
  request.topics.emplace();
  for (const auto& topic : by_topic(tps)) {
    request.topics->push_back({.name = topic.topic, .partition_indexes = topic.partitions});
  }
  const Deadline deadline = cluster_->deadline();
  FRESHET_ASSIGN(auto coordinator, cluster_->coordinator(options_.group, deadline));
  auto answer = coordinator->call<OffsetFetchResponse>(request, deadline, kOffsetsOfOneGroup);
  if (!answer || answer->error_code != ErrorCode::kNone) {
    cluster_->forget_coordinator(options_.group);
    if (!answer) return std::unexpected(std::move(answer).error());
    return std::unexpected(
        remote_error(answer->error_code, "committed offsets of group " + options_.group));
  }
  std::map<TopicPartition, const OffsetFetchResponse::Partition*> found;
  for (const auto& topic : answer->topics) {
    for (const auto& one : topic.partitions) found[{topic.name, one.partition_index}] = &one;
  }
  std::vector<AssignedPartition> partitions;
  for (const auto& tp : tps) {
    const auto one = found.find(tp);
    if (one == found.end()) {
      return fail(Errc::kInternal, "group {}: Kafka does not say what is committed for {}",
                  options_.group, tp);
    }
    if (one->second->error_code != ErrorCode::kNone) {
      return std::unexpected(
          remote_error(one->second->error_code, fmt::format("committed offset of {}", tp)));
    }
    FRESHET_ASSIGN(const TopicId id, log_.topic_id(tp.topic));
    const int64_t offset = one->second->committed_offset;
    partitions.push_back({.tp = tp,
                          .topic_id = id,
                          .committed = offset < 0 ? kNoOffset : Offset(offset),
                          .metadata = one->second->metadata.value_or("")});
  }
  return partitions;
}

}  // namespace freshet::kafka
