#include "kafka/remote/remote_producer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

#include "io/thread_name.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/record_batch.h"
#include "kafka/transaction_marker.h"
#include "observe/log.h"

namespace freshet::kafka {
namespace {

using std::chrono::steady_clock;

const Logger logger("kafka.producer");

constexpr int16_t kAcksAll = -1;
constexpr int64_t kLatest = -1;  // ListOffsets' special timestamps
constexpr int64_t kEarliest = -2;
constexpr int16_t kFetchByName = 12;

// How far back read_backwards() looks first, and how it goes on when records are large or missing.
constexpr int64_t kLookBack = 256;
constexpr int64_t kLookBackLess = 16;
constexpr int64_t kLookBackMore = 64;

std::future<Result<std::vector<Offset>>> failed(Error error) {
  std::promise<Result<std::vector<Offset>>> promise;
  promise.set_value(std::unexpected(std::move(error)));
  return promise.get_future();
}

}  // namespace

RemoteProducer::RemoteProducer(std::shared_ptr<Cluster> cluster, RemoteProducerOptions options)
    : cluster_(std::move(cluster)), options_(options), sender_([this](const std::stop_token& stop) {
        io::name_this_thread("kafka.send", 0);
        send_loop(stop);
      }) {}

RemoteProducer::~RemoteProducer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  sender_.request_stop();
  changed_.notify_all();
  sender_.join();
  for (const auto& job : queue_) {
    job->promise.set_value(fail(Errc::kCancelled, "the producer was stopped"));
  }
}

Result<int32_t> RemoteProducer::partition_count(const std::string& topic) {
  FRESHET_ASSIGN(const auto found, cluster_->topic(topic));
  return static_cast<int32_t>(found.leaders.size());
}

std::future<Result<std::vector<Offset>>> RemoteProducer::produce(
    std::vector<PartitionBatch> batches) {
  auto job = std::make_unique<Job>();
  for (const auto& one : batches) job->bytes += one.batch.size();
  job->offsets.assign(batches.size(), kNoOffset);
  job->numbered.assign(batches.size(), false);
  job->batches = std::move(batches);
  auto future = job->promise.get_future();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return stopping_ || queue_.empty() || queued_bytes_ + job->bytes <= options_.queue_bytes_max;
  });
  if (stopping_) return failed(Error(Errc::kCancelled, "the producer was stopped"));
  queued_bytes_ += job->bytes;
  job->deadline = steady_clock::now() + options_.delivery_timeout;
  queue_.push_back(std::move(job));
  lock.unlock();
  changed_.notify_all();
  return future;
}

void RemoteProducer::send_loop(const std::stop_token& stop) {
  while (true) {
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !queue_.empty(); })) return;
      job = queue_.front().get();
    }
    auto delivered = deliver(*job, stop);
    if (stop.stop_requested() && !delivered) return;
    std::unique_ptr<Job> done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= done->bytes;
    }
    if (delivered) {
      done->promise.set_value(std::move(done->offsets));
    } else {
      renew_epoch();
      fail_behind(*done, delivered.error());
      done->promise.set_value(std::unexpected(std::move(delivered).error()));
    }
    changed_.notify_all();
  }
}

/// What would land behind a gap must not land.
void RemoteProducer::fail_behind(const Job& job, const Error& error) {
  std::set<TopicPartition> partitions;
  for (const auto& one : job.batches) partitions.insert(one.tp);
  const std::lock_guard lock(mutex_);
  std::erase_if(queue_, [&](const std::unique_ptr<Job>& queued) {
    const bool behind = std::ranges::any_of(
        queued->batches, [&](const PartitionBatch& one) { return partitions.contains(one.tp); });
    if (behind) {
      queued_bytes_ -= queued->bytes;
      queued->promise.set_value(std::unexpected(error));
    }
    return behind;
  });
}

Result<void> RemoteProducer::deliver(Job& job, const std::stop_token& stop) {
  bool told = false;
  auto pause = options_.retry_pause;
  while (true) {
    auto sent = ensure_producer_id();
    if (sent) sent = send_round(job);
    if (sent) {
      if (std::ranges::find(job.offsets, kNoOffset) == job.offsets.end()) return {};
      pause = options_.retry_pause;
      continue;
    }
    const bool lost_track = std::exchange(lost_track_, false);
    if (lost_track || !is_retriable(sent.error().code())) return sent;
    if (!std::exchange(told, true)) {
      logger.warn("records are not acknowledged and will be sent again",
                  kv("error", sent.error().message()));
    }
    std::unique_lock lock(mutex_);
    // Every producer of a cluster that comes back starts again, but not at the same moment.
    std::uniform_int_distribution<int64_t> spread(pause.count() / 2, pause.count());
    changed_.wait_for(lock, stop, std::chrono::milliseconds(spread(jitter_)), [] { return false; });
    pause = std::min(options_.retry_pause_max, pause * 2);
    if (stop.stop_requested()) return fail(Errc::kCancelled, "the producer was stopped");
    const auto now = steady_clock::now();
    if (now >= wait_until_) {
      return fail(Errc::kCancelled, "records are not acknowledged at the end: {}", sent.error());
    }
    if (now >= job.deadline) {
      return fail(Errc::kUnavailable, "records are not acknowledged after {} s: {}",
                  options_.delivery_timeout.count() / 1000, sent.error());
    }
  }
}

void RemoteProducer::stop_waiting(std::chrono::milliseconds limit) {
  const std::lock_guard lock(mutex_);
  wait_until_ = std::min(wait_until_, steady_clock::now() + limit);
}

Result<void> RemoteProducer::ensure_producer_id() {
  if (producer_id_ >= 0) return {};
  InitProducerIdRequest request;
  request.transaction_timeout_ms = 60'000;
  FRESHET_ASSIGN(const auto answer,
                 cluster_->ask_any<InitProducerIdResponse>(request, cluster_->deadline()));
  if (answer.error_code != ErrorCode::kNone) {
    return std::unexpected(remote_error(answer.error_code, "producer id"));
  }
  producer_id_ = answer.producer_id;
  epoch_ = answer.producer_epoch;
  sequences_.clear();
  return {};
}

/// Brokers refuse batches of the old epoch from a partition's first batch of the new one on.
void RemoteProducer::renew_epoch() {
  sequences_.clear();
  if (epoch_ == std::numeric_limits<int16_t>::max()) {
    producer_id_ = -1;
  } else {
    ++epoch_;
  }
}

void RemoteProducer::number(Job& job, size_t batch) {
  if (job.numbered[batch]) return;
  auto& [tp, bytes] = job.batches[batch];
  int32_t& next = sequences_[tp];
  set_producer(bytes.data(), bytes.size(), producer_id_, epoch_, next, /*transactional=*/false);
  const RecordBatchView view(bytes);
  next = static_cast<int32_t>((int64_t{view.last_sequence()} + 1) & 0x7FFFFFFF);
  job.numbered[batch] = true;
}

Result<void> RemoteProducer::send_round(Job& job) {
  std::map<int32_t, std::vector<size_t>> by_leader;
  std::set<TopicPartition> taken;  // a request holds one batch a partition
  for (size_t i = 0; i < job.batches.size(); ++i) {
    if (job.offsets[i] != kNoOffset || !taken.insert(job.batches[i].tp).second) continue;
    FRESHET_ASSIGN(const int32_t leader,
                   cluster_->leader_id(job.batches[i].tp, cluster_->deadline()));
    number(job, i);
    by_leader[leader].push_back(i);
  }
  Result<void> worst;
  for (const auto& [leader, batches] : by_leader) {
    auto sent = send_to(leader, job, batches);
    if (!sent && (worst || is_retriable(worst.error().code()))) worst = std::move(sent);
  }
  return worst;
}

Result<void> RemoteProducer::send_to(int32_t leader, Job& job, const std::vector<size_t>& batches) {
  ProduceRequest request;
  request.acks = kAcksAll;
  // The broker gives up first, and says why.
  request.timeout_ms = static_cast<int32_t>(cluster_->settings().request_timeout.count() / 4 * 3);
  std::map<TopicPartition, size_t> by_partition;
  for (const size_t i : batches) {
    const auto& [tp, bytes] = job.batches[i];
    by_partition[tp] = i;
    auto topic = std::ranges::find(request.topic_data, tp.topic, &ProduceRequest::Topic::name);
    if (topic == request.topic_data.end()) {
      request.topic_data.emplace_back().name = tp.topic;
      topic = request.topic_data.end() - 1;
    }
    topic->partition_data.push_back({.index = tp.partition, .records = bytes});
  }
  const Deadline deadline = cluster_->deadline();
  auto broker = cluster_->node(leader, deadline);
  auto answer = broker ? (*broker)->call<ProduceResponse>(request, deadline)
                       : Result<ProduceResponse>(std::unexpected(broker.error()));
  if (!answer) {
    for (const auto& [tp, i] : by_partition) cluster_->forget_topic(tp.topic);
    return std::unexpected(std::move(answer).error());
  }
  Result<void> worst;
  for (const auto& topic : answer->responses) {
    for (const auto& partition : topic.partition_responses) {
      const auto found = by_partition.find({topic.name, partition.index});
      if (found == by_partition.end()) continue;
      auto taken = take_answer(job, found->second, partition);
      by_partition.erase(found);
      if (!taken && (worst || is_retriable(worst.error().code()))) worst = std::move(taken);
    }
  }
  if (!by_partition.empty() && worst) {
    return fail(Errc::kInternal, "Kafka does not answer for partition {}",
                by_partition.begin()->first);
  }
  return worst;
}

Result<void> RemoteProducer::take_answer(Job& job, size_t batch,
                                         const ProduceResponse::Partition& answer) {
  const TopicPartition& tp = job.batches[batch].tp;
  switch (answer.error_code) {
    case ErrorCode::kNone:
      if (answer.base_offset < 0) {
        return fail(Errc::kInternal, "partition {}: Kafka acknowledges records without offsets",
                    tp);
      }
      job.offsets[batch] = Offset(answer.base_offset);
      return {};
    case ErrorCode::kDuplicateSequenceNumber:   // landed before, the broker has forgotten where
    case ErrorCode::kOutOfOrderSequenceNumber:  // what was acknowledged before is gone
    case ErrorCode::kUnknownProducerId:
    case ErrorCode::kInvalidProducerEpoch:
      lost_track_ = true;
      return fail(Errc::kUnavailable,
                  "partition {}: the broker has lost track of this producer: {}", tp,
                  answer.error_code);
    case ErrorCode::kInvalidTimestamp:
      return fail(Errc::kOutOfRange,
                  "partition {}: {}: a record's time is further from the broker's clock than "
                  "message.timestamp.before.max.ms and .after.max.ms of the topic allow{}{}",
                  tp, answer.error_code, answer.error_message ? ": " : "",
                  answer.error_message.value_or(""));
    default:
      cluster_->forget_topic(tp.topic);
      return std::unexpected(remote_error(
          answer.error_code, fmt::format("partition {}{}{}", tp, answer.error_message ? ": " : "",
                                         answer.error_message.value_or(""))));
  }
}

// ---- reading back

Result<std::pair<Offset, Offset>> RemoteProducer::log_ends(const TopicPartition& tp) {
  std::array<Offset, 2> ends;
  for (const int64_t timestamp : {kEarliest, kLatest}) {
    ListOffsetsRequest request;
    request.replica_id = -1;
    request.topics.push_back({.name = tp.topic, .partitions = {}});
    request.topics.back().partitions.push_back(
        {.partition_index = tp.partition, .current_leader_epoch = -1, .timestamp = timestamp});
    const Deadline deadline = cluster_->deadline();
    FRESHET_ASSIGN(auto leader, cluster_->leader(tp, deadline));
    FRESHET_ASSIGN(const auto answer, leader->call<ListOffsetsResponse>(request, deadline));
    if (answer.topics.size() != 1 || answer.topics.front().partitions.size() != 1) {
      return fail(Errc::kInternal, "partition {}: Kafka does not say where its log ends", tp);
    }
    const auto& one = answer.topics.front().partitions.front();
    if (one.error_code != ErrorCode::kNone) {
      cluster_->forget_topic(tp.topic);
      return std::unexpected(remote_error(one.error_code, fmt::format("partition {}", tp)));
    }
    ends[timestamp == kLatest ? 1 : 0] = Offset(one.offset);
  }
  return std::pair(ends[0], ends[1]);
}

/// The whole batches from `from` on that end before `before`, at most about `bytes_max`; empty if
/// there are none.
Result<std::string> RemoteProducer::read_range(const TopicPartition& tp, Offset from, Offset before,
                                               size_t bytes_max) {
  FetchRequest request;
  request.max_bytes = static_cast<int32_t>(std::min<size_t>(bytes_max, 64 << 20));
  request.topics.emplace_back().topic = tp.topic;
  auto& wanted = request.topics.back().partitions.emplace_back();
  wanted.partition = tp.partition;
  wanted.fetch_offset = from.value();
  wanted.partition_max_bytes = request.max_bytes;
  const Deadline deadline = cluster_->deadline();
  FRESHET_ASSIGN(auto leader, cluster_->leader(tp, deadline));
  std::shared_ptr<const std::string> frame;
  FRESHET_ASSIGN(const auto answer,
                 leader->call<FetchResponse>(request, deadline, kFetchByName, &frame));
  if (answer.responses.empty() && answer.throttle_time_ms > 0) {
    return fail(Errc::kUnavailable, "partition {}: Kafka slows this client down for {} ms (quota)",
                tp, answer.throttle_time_ms);
  }
  if (answer.responses.size() != 1 || answer.responses.front().partitions.size() != 1) {
    return fail(Errc::kInternal, "partition {}: Kafka answers a fetch of it with others", tp);
  }
  const auto& got = answer.responses.front().partitions.front();
  if (got.error_code != ErrorCode::kNone) {
    cluster_->forget_topic(tp.topic);
    return std::unexpected(remote_error(got.error_code, fmt::format("partition {}", tp)));
  }
  std::string found;
  for (const auto& slice : got.records) {
    std::string_view rest = slice.bytes;
    while (true) {
      FRESHET_ASSIGN_CONTEXT(const auto batch, next_batch(rest), "partition {}", tp);
      if (!batch || batch->next_offset() > before) break;
      if (batch->last_offset() >= from) found += batch->bytes();
    }
  }
  return found;
}

Result<std::vector<LogSlice>> RemoteProducer::read_backwards(const TopicPartition& tp,
                                                             Offset before, size_t bytes_max) {
  FRESHET_ASSIGN(const auto ends, log_ends(tp));
  const Offset end = before == kNoOffset ? ends.second : std::min(before, ends.second);
  int64_t look_back = kLookBack;
  bool further = false;  // nothing ends within look_back: compaction left a gap
  while (end > ends.first) {
    const Offset from = std::max(ends.first, end - look_back);
    std::string found;
    // All that lies between, piece by piece; given up when it is more than was asked for.
    for (Offset next = from; next < end && (found.size() < bytes_max || further);) {
      FRESHET_ASSIGN(const std::string piece, read_range(tp, next, end, bytes_max));
      if (piece.empty()) {
        next = end;
        break;
      }
      if (further) found.clear();
      found += piece;
      std::string_view rest = piece;
      for (auto batch = next_batch(rest); batch && *batch; batch = next_batch(rest)) {
        next = (*batch)->next_offset();
      }
    }
    std::string_view rest = found;
    Offset reached = from;
    for (auto batch = next_batch(rest); batch && *batch; batch = next_batch(rest)) {
      reached = (*batch)->next_offset();
    }
    const bool complete = found.size() < bytes_max || reached >= end || further;
    if (!found.empty() && (complete || look_back == 1)) {
      auto owner = std::make_shared<const std::string>(std::move(found));
      return std::vector<LogSlice>{{.owner = owner, .bytes = *owner}};
    }
    if (from == ends.first && found.empty()) break;
    if (found.empty()) {
      further = true;
      look_back *= kLookBackMore;
    } else {
      look_back = std::max<int64_t>(1, look_back / kLookBackLess);
    }
  }
  return std::vector<LogSlice>();
}

}  // namespace freshet::kafka
