#include "kafka/remote/remote_log.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "kafka/committed_records.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/record_batch.h"

namespace freshet::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int8_t kReadCommitted = 1;
constexpr int64_t kLatest = -1;  // ListOffsets' special timestamps
constexpr int64_t kEarliest = -2;
constexpr int16_t kFetchByName = 12;  // the last version without topic ids
/// The start of a log moves by retention only; a fetch below it makes us look at once.
constexpr milliseconds kStartAgeMax{1'000};
/// An answer about the ends of logs that takes longer is not waited for.
constexpr milliseconds kBoundsWait{2'000};
/// One pause for a broker that slows us down; what it wants beyond it, it says again.
constexpr milliseconds kThrottleMax{1'000};

/// The whole batches at the front: a broker may cut the last one short.
std::string_view whole_batches(std::string_view bytes) {
  std::string_view rest = bytes;
  while (true) {
    const auto batch = next_batch(rest);
    if (!batch) return bytes;  // whoever reads them says what is wrong
    if (!*batch) return bytes.substr(0, bytes.size() - rest.size());
  }
}

/// What a partition's answer holds; its records live in `frame`.
FetchedBatches batches_of(FetchResponse::Partition& got,
                          const std::shared_ptr<const std::string>& frame) {
  std::vector<AbortedTransaction> aborted;
  for (const auto& one :
       got.aborted_transactions.value_or(std::vector<FetchResponse::AbortedTransaction>())) {
    aborted.push_back({.producer_id = one.producer_id, .first_offset = Offset(one.first_offset)});
  }
  std::vector<LogSlice> slices;
  for (const auto& slice : got.records) {
    const std::string_view bytes = whole_batches(slice.bytes);
    if (!bytes.empty()) slices.push_back({.owner = frame, .bytes = bytes});
  }
  const int64_t end = got.last_stable_offset >= 0 ? got.last_stable_offset : got.high_watermark;
  return {.slices = leave_out_aborted(std::move(slices), std::move(aborted)),
          .log_start = Offset(std::max<int64_t>(got.log_start_offset, 0)),
          .high_watermark = Offset(end)};
}

}  // namespace

RemoteLog::RemoteLog(std::shared_ptr<Cluster> cluster, RemoteLogOptions options)
    : cluster_(std::move(cluster)), options_(options) {}

void RemoteLog::begin_anew() {
  const std::lock_guard lock(mutex_);
  topic_ids_.clear();
  bounds_.clear();
}

Result<TopicId> RemoteLog::topic_id(const std::string& topic) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = topic_ids_.find(topic); known != topic_ids_.end()) return known->second;
  }
  FRESHET_ASSIGN(const auto found, cluster_->topic(topic));
  const std::lock_guard lock(mutex_);
  return topic_ids_.try_emplace(topic, found.id).first->second;
}

// ---- records

/// A leader that does not know the topic: it was created again, or the leader is new.
Error RemoteLog::unknown_topic(const TopicPartition& tp, TopicId read_as) {
  const auto found = cluster_->refresh_topic(tp.topic, cluster_->deadline());
  if (!found) return found.error();
  if (found->id == read_as) {
    return Error(Errc::kUnavailable,
                 fmt::format("partition {}: its leader does not have it yet", tp));
  }
  return Error(Errc::kRefused,
               fmt::format("topic {} was deleted and created again while it was read: its records "
                           "are others now. Restart to begin with the new one",
                           tp.topic));
}

Error RemoteLog::refusal(const TopicPartition& tp, Offset from, ErrorCode code, TopicId id) {
  switch (code) {
    case ErrorCode::kOffsetOutOfRange:
      return Error(Errc::kOutOfRange,
                   fmt::format("partition {}: offset {} is not in the log", tp, from));
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kInconsistentTopicId:
    case ErrorCode::kUnknownTopicOrPartition:
      return unknown_topic(tp, id);
    default:
      return remote_error(code, fmt::format("partition {}", tp));
  }
}

Result<FetchedBatches> RemoteLog::fetch(const TopicPartition& tp, Offset from, size_t bytes_max,
                                        milliseconds wait) {
  auto fetched = fetch_once(tp, from, bytes_max, wait);
  const auto is_short = [&] {
    return fetched && fetched->slices.empty() && from < fetched->high_watermark;
  };
  if (is_short()) fetched = fetch_once(tp, from, bytes_max, wait);
  if (is_short()) {
    // Without this, a reader would take it for the end of the log.
    fetched = fail(Errc::kUnavailable,
                   "partition {}: Kafka gives no records from offset {} on although its log ends "
                   "at {}",
                   tp, from, fetched->high_watermark);
  }
  const auto now = steady_clock::now();
  if (!fetched && is_retriable(fetched.error().code())) cluster_->forget_topic(tp.topic);
  const std::lock_guard lock(mutex_);
  if (fetched) {
    KnownBounds& known = bounds_[tp];
    known.bounds = {.log_start = fetched->log_start, .high_watermark = fetched->high_watermark};
    known.end_at = known.start_at = now;
  } else {
    KnownBounds unknown;
    unknown.not_before = now;
    bounds_[tp] = unknown;
  }
  return fetched;
}

Result<FetchResponse> RemoteLog::ask(const TopicPartition& tp, const FetchRequest& request,
                                     TopicId id, std::shared_ptr<const std::string>& frame) {
  const Deadline deadline = cluster_->deadline() + milliseconds(request.max_wait_ms);
  while (true) {
    FRESHET_ASSIGN(auto leader, cluster_->leader(tp, deadline));
    FRESHET_ASSIGN(auto answer,
                   leader->call<FetchResponse>(
                       request, deadline,
                       id.is_zero() ? kFetchByName : BrokerConnection::kAnyVersion, &frame));
    if (answer.error_code != ErrorCode::kNone) {
      return std::unexpected(remote_error(answer.error_code, fmt::format("partition {}", tp)));
    }
    const bool throttled = answer.responses.empty() && answer.throttle_time_ms > 0;
    if (!throttled) return answer;
    const milliseconds pause = std::min(kThrottleMax, milliseconds(answer.throttle_time_ms));
    if (steady_clock::now() + pause >= deadline) {
      return fail(Errc::kUnavailable,
                  "partition {}: Kafka slows this client down (quota consumer_byte_rate or "
                  "request_percentage)",
                  tp);
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<FetchedBatches> RemoteLog::fetch_once(const TopicPartition& tp, Offset from,
                                             size_t bytes_max, milliseconds wait) {
  FRESHET_ASSIGN(const TopicId id, topic_id(tp.topic));
  FetchRequest request;
  request.max_wait_ms = static_cast<int32_t>(wait.count());
  request.min_bytes = 1;
  request.max_bytes = static_cast<int32_t>(std::min(bytes_max, options_.fetch_bytes_max));
  request.isolation_level = kReadCommitted;
  auto& topic = request.topics.emplace_back();
  topic.topic = tp.topic;
  topic.topic_id = id;
  auto& wanted = topic.partitions.emplace_back();
  wanted.partition = tp.partition;
  wanted.fetch_offset = from.value();
  wanted.partition_max_bytes = request.max_bytes;

  std::shared_ptr<const std::string> frame;
  FRESHET_ASSIGN(auto answer, ask(tp, request, id, frame));
  if (answer.responses.size() != 1 || answer.responses.front().partitions.size() != 1 ||
      answer.responses.front().partitions.front().partition_index != tp.partition) {
    return fail(Errc::kInternal, "partition {}: Kafka answers a fetch of it with others", tp);
  }
  auto& got = answer.responses.front().partitions.front();
  if (got.error_code != ErrorCode::kNone) {
    return std::unexpected(refusal(tp, from, got.error_code, id));
  }
  return batches_of(got, frame);
}

// ---- where logs begin and end

RemoteLog::KnownBounds RemoteLog::known_bounds(const TopicPartition& tp) {
  const std::lock_guard lock(mutex_);
  return bounds_[tp];
}

/// The partitions of the same leader that somebody has asked about, that one among them.
std::vector<TopicPartition> RemoteLog::asked_with(const TopicPartition& tp, int32_t leader,
                                                  Deadline deadline) {
  std::vector<TopicPartition> all;
  if (options_.bounds_age_max == milliseconds(0)) return {tp};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [each, known] : bounds_) all.push_back(each);
  }
  std::erase_if(all, [&](const TopicPartition& each) {
    if (each == tp) return true;
    const auto its = cluster_->leader_id(each, deadline);
    return !its || *its != leader;
  });
  all.insert(std::ranges::upper_bound(all, tp), tp);
  return all;
}

Result<Offset> RemoteLog::ask_bounds(const TopicPartition& tp, int64_t timestamp,
                                     Deadline deadline) {
  FRESHET_ASSIGN(const int32_t leader, cluster_->leader_id(tp, deadline));
  ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = kReadCommitted;
  for (const TopicPartition& each : asked_with(tp, leader, deadline)) {
    if (request.topics.empty() || request.topics.back().name != each.topic) {
      request.topics.emplace_back().name = each.topic;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = each.partition;
    partition.timestamp = timestamp;
  }
  FRESHET_ASSIGN(auto broker, cluster_->node(leader, deadline));
  const auto asked_at = steady_clock::now();
  FRESHET_ASSIGN(const auto answer, broker->call<ListOffsetsResponse>(request, deadline));
  const auto answered_at = steady_clock::now();
  std::optional<Result<Offset>> wanted;
  const std::lock_guard lock(mutex_);
  for (const auto& topic : answer.topics) {
    for (const auto& one : topic.partitions) {
      const TopicPartition each{topic.name, one.partition_index};
      if (one.error_code != ErrorCode::kNone || one.offset < 0) {
        if (each != tp) continue;
        const auto code = one.offset < 0 && one.error_code == ErrorCode::kNone
                              ? ErrorCode::kOffsetNotAvailable
                              : one.error_code;
        wanted.emplace(std::unexpected(remote_error(code, fmt::format("partition {}", tp))));
        continue;
      }
      if (each == tp) wanted.emplace(Offset(one.offset));
      const auto found = bounds_.find(each);
      if (found == bounds_.end() || asked_at < found->second.not_before) continue;
      auto& known = found->second;
      if (timestamp == kLatest) {
        known.bounds.high_watermark = Offset(one.offset);
        known.end_at = answered_at;
      } else {
        known.bounds.log_start = Offset(one.offset);
        known.start_at = answered_at;
      }
    }
  }
  if (!wanted) return fail(Errc::kInternal, "partition {}: Kafka does not say its bounds", tp);
  return *wanted;
}

Result<PartitionBounds> RemoteLog::bounds(const TopicPartition& tp) {
  const auto now = steady_clock::now();
  const Deadline deadline = now + std::min(kBoundsWait, cluster_->settings().request_timeout);
  const milliseconds start_age = std::min(kStartAgeMax, options_.bounds_age_max * 200);
  const KnownBounds known = known_bounds(tp);
  PartitionBounds bounds = known.bounds;
  const auto refresh = [&](int64_t timestamp, Offset& into) -> Result<void> {
    auto asked = ask_bounds(tp, timestamp, deadline);
    if (!asked) {
      if (is_retriable(asked.error().code())) cluster_->forget_topic(tp.topic);
      return std::unexpected(std::move(asked).error());
    }
    into = *asked;
    return {};
  };
  // The start first: it never passes the end that is asked for after it.
  if (known.start_at == Deadline{} || now - known.start_at > start_age) {
    FRESHET_TRY(refresh(kEarliest, bounds.log_start));
  }
  if (known.end_at == Deadline{} || now - known.end_at > options_.bounds_age_max) {
    FRESHET_TRY(refresh(kLatest, bounds.high_watermark));
  }
  return bounds;
}

Result<Offset> RemoteLog::offset_at(const TopicPartition& tp, milliseconds since_epoch) {
  // First: what comes meanwhile is not passed over.
  FRESHET_ASSIGN(const PartitionBounds now, bounds(tp));
  const Deadline deadline = cluster_->deadline();
  ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = kReadCommitted;
  request.topics.emplace_back().name = tp.topic;
  auto& wanted = request.topics.back().partitions.emplace_back();
  wanted.partition_index = tp.partition;
  wanted.timestamp = since_epoch.count();
  FRESHET_ASSIGN(auto leader, cluster_->leader(tp, deadline));
  FRESHET_ASSIGN(const auto answer, leader->call<ListOffsetsResponse>(request, deadline));
  if (answer.topics.size() != 1 || answer.topics.front().partitions.size() != 1) {
    return fail(Errc::kInternal, "partition {}: Kafka does not say what is at a time", tp);
  }
  const auto& found = answer.topics.front().partitions.front();
  if (found.error_code != ErrorCode::kNone) {
    cluster_->forget_topic(tp.topic);
    return std::unexpected(remote_error(found.error_code, fmt::format("partition {}", tp)));
  }
  return found.offset < 0 ? now.high_watermark : Offset(found.offset);
}

}  // namespace freshet::kafka
