#include "broker/local_producer.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "broker/produced_batch.h"
#include "broker/recompressed_batch.h"

namespace freshet::broker {

/// The outcome of one produce() while its appends are on their way.
struct LocalProducer::Pending {
  std::promise<Result<std::vector<Offset>>> promise;
  std::vector<Offset> offsets;
  std::atomic<size_t> outstanding = 1;
  std::mutex mutex;
  std::optional<Error> error;  // guarded by mutex: the first one

  void failed(Error failure) {
    const std::lock_guard lock(mutex);
    if (!error) error = std::move(failure);
  }
  void done() {
    if (outstanding.fetch_sub(1) != 1) return;
    if (error) {
      promise.set_value(std::unexpected(std::move(*error)));
    } else {
      promise.set_value(std::move(offsets));
    }
  }
};

namespace {

/// How long a caller is held while the append queue is full.
constexpr std::chrono::seconds kRoomWait{30};

Errc code_of(AppendStatus status) {
  switch (status) {
    case AppendStatus::kAppended:
    case AppendStatus::kDuplicate:
    case AppendStatus::kOutOfOrderSequence:
    case AppendStatus::kInvalidBatch:
      return Errc::kInvalidArgument;
    case AppendStatus::kInvalidTxnState:
      return Errc::kRefused;
    case AppendStatus::kInvalidProducerEpoch:
      return Errc::kFenced;
    case AppendStatus::kTooLarge:
      return Errc::kTooLarge;
    case AppendStatus::kDeleted:
      return Errc::kNotFound;
    case AppendStatus::kOverloaded:
      return Errc::kUnavailable;
    case AppendStatus::kNoSpace:
      return Errc::kNoSpace;
    case AppendStatus::kFailed:
      return Errc::kIo;
  }
  return Errc::kInternal;
}

}  // namespace

Result<PartitionLogPtr> LocalProducer::find_log(const TopicPartition& tp) const {
  const TopicPtr topic = services_.topics.find(tp.topic);
  PartitionLogPtr log = topic ? topic->partition(tp.partition) : nullptr;
  if (!log) return fail(Errc::kNotFound, "partition {} does not exist", tp);
  return log;
}

Result<std::string> LocalProducer::admit(const TopicPartition& tp, std::string batch) const {
  const TopicPtr topic = services_.topics.find(tp.topic);
  if (!topic) return fail(Errc::kNotFound, "topic {} does not exist", tp.topic);
  if (topic->internal) return fail(Errc::kRefused, "topic {} belongs to the broker", tp.topic);
  const TopicSettings& settings = topic->settings;
  const int64_t now_ms = services_.clock.wall().time_since_epoch().count();
  std::vector<RefusedRecord> refused;
  if (auto accepted =
          accept_produced_batch({batch.data(), batch.size()}, settings, now_ms, refused);
      !accepted) {
    Error error = std::move(accepted).error();
    if (refused.empty()) return std::unexpected(std::move(error));
    return std::unexpected(std::move(error).with_context(
        fmt::format("record {}: {}", refused.front().index, refused.front().reason)));
  }
  const kafka::RecordBatchView view(batch);
  const auto codec = settings.codec.value_or(view.codec());
  if (codec == view.codec()) return batch;
  return recompress_batch(view, codec, settings.batch_bytes_max);
}

bool LocalProducer::try_append(PartitionLog& log, const std::shared_ptr<std::string>& batch,
                               const std::shared_ptr<Pending>& pending, size_t index) {
  // A full queue is answered on this thread, before append() returns.
  auto refused = std::make_shared<bool>(false);
  ++pending->outstanding;
  log.append({batch, {batch->data(), batch->size()}},
             [pending, index, refused, tp = log.tp()](AppendResult result) {
               if (result.ok()) {
                 pending->offsets[index] = result.base_offset;
               } else if (result.status == AppendStatus::kOverloaded) {
                 *refused = true;
               } else {
                 pending->failed(Error(code_of(result.status),
                                       fmt::format("partition {}: {}", tp, result.message)));
               }
               pending->done();
             });
  return !*refused;
}

Result<void> LocalProducer::append(PartitionLog& log, std::string bytes,
                                   const std::shared_ptr<Pending>& pending, size_t index) {
  const auto batch = std::make_shared<std::string>(std::move(bytes));
  const auto deadline = std::chrono::steady_clock::now() + kRoomWait;
  do {
    if (services_.stopping) return fail(Errc::kCancelled, "the broker is stopping");
    if (!services_.store.wait_for_room(deadline)) {
      return fail(Errc::kUnavailable,
                  "partition {}: the append queue stayed full for {} s; is the disk that slow?",
                  log.tp(), kRoomWait.count());
    }
  } while (!try_append(log, batch, pending, index));
  return {};
}

Result<int32_t> LocalProducer::partition_count(const std::string& topic) {
  const TopicPtr found = services_.topics.find(topic);
  if (!found) return fail(Errc::kNotFound, "topic {} does not exist", topic);
  return static_cast<int32_t>(found->partitions.size());
}

std::future<Result<std::vector<Offset>>> LocalProducer::produce(
    std::vector<kafka::PartitionBatch> batches) {
  auto pending = std::make_shared<Pending>();
  pending->offsets.resize(batches.size(), kNoOffset);
  auto future = pending->promise.get_future();
  throttle_.wait();
  const LocalThrottle::Work work(throttle_);
  size_t bytes = 0;
  for (const auto& batch : batches) bytes += batch.batch.size();
  throttle_.charge(QuotaKind::kProduce, static_cast<double>(bytes));
  for (size_t i = 0; i < batches.size(); ++i) {
    const TopicPartition tp = std::move(batches[i].tp);
    auto log = find_log(tp);
    if (!log) {
      pending->failed(std::move(log).error());
      break;
    }
    auto admitted = admit(tp, std::move(batches[i].batch));
    if (!admitted) {
      pending->failed(std::move(admitted).error().with_context(fmt::format("partition {}", tp)));
      break;
    }
    if (auto queued = append(**log, std::move(*admitted), pending, i); !queued) {
      pending->failed(std::move(queued).error());
      break;
    }
  }
  pending->done();
  return future;
}

Result<std::vector<kafka::LogSlice>> LocalProducer::read_backwards(const TopicPartition& tp,
                                                                   Offset before,
                                                                   size_t bytes_max) {
  throttle_.wait();
  const LocalThrottle::Work work(throttle_);
  FRESHET_ASSIGN(const PartitionLogPtr log, find_log(tp));
  return log->read_backwards(before, bytes_max);
}

}  // namespace freshet::broker
