// Fetch: answers with record batches straight from the log files, waiting for them if need be.
//
// The answer goes out as soon as min_bytes are there, a partition has an error, or max_wait is
// over. The first partition that has data always gives at least one whole batch, however large
// (KIP-74), so a consumer cannot get stuck. Fetch sessions (KIP-227) are declined: session id 0.
#include "kafka/messages/fetch.h"

#include <algorithm>
#include <atomic>

#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_epoch_check.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::FetchRequest;
using Response = kafka::FetchResponse;

const Logger logger("broker.fetch");

constexpr int16_t kFirstTopicIdVersion = 13;
constexpr int8_t kReadCommitted = 1;
/// Nobody may park a request for longer.
constexpr Millis kWaitMax{300'000};
/// No answer is larger, whatever the client allows.
constexpr size_t kAnswerBytesMax = 64 << 20;

ErrorCode read_error_code(const Error& error, const PartitionLog& log) {
  if (error.code() == Errc::kOutOfRange) return ErrorCode::kOffsetOutOfRange;
  if (log.is_deleted()) return ErrorCode::kUnknownTopicOrPartition;
  logger.error("a fetch failed", kv("partition", log.tp()), kv("error", error));
  return ErrorCode::kKafkaStorageError;
}

/// One Fetch from arrival to answer. Lives on the connection's thread; wake-ups are posted there.
class PendingFetch : public std::enable_shared_from_this<PendingFetch> {
 public:
  PendingFetch(CallPtr call, Request request)
      : call_(std::move(call)),
        request_(std::move(request)),
        isolation_(request_.isolation_level == kReadCommitted ? Isolation::kReadCommitted
                                                              : Isolation::kReadUncommitted) {}

  void run() {
    if (try_answer(/*last_chance=*/request_.max_wait_ms <= 0)) return;
    const Millis wait = std::min(Millis(request_.max_wait_ms), kWaitMax);
    call_->loop().post_after(wait, [self = shared_from_this()] {
      if (!self->answered_) self->try_answer(/*last_chance=*/true);
    });
    // The log holds what waits for it, and this holds the log: somebody must let go.
    call_->when_abandoned([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self) self->abandon();
    });
    watch();
  }

 private:
  struct Seen {
    PartitionLogPtr log;
    Offset end;  // for this isolation
  };
  struct Wait {
    PartitionLogPtr log;
    uint64_t id = 0;  // 0: not waiting just now
  };

  [[nodiscard]] TopicPtr find_topic(const Request::Topic& topic) const {
    const TopicRegistry& topics = call_->services().topics;
    return call_->version() >= kFirstTopicIdVersion ? topics.find(topic.topic_id)
                                                    : topics.find(topic.topic);
  }

  /// Reads everything anew. Cheap when there is nothing: each read is a comparison of offsets.
  bool try_answer(bool last_chance) {
    Response response;
    size_t bytes = 0;
    bool failed = false;
    if (request_.session_id != 0) {
      // We never gave out a session.
      response.error_code = ErrorCode::kFetchSessionIdNotFound;
      failed = true;
    }
    seen_.clear();
    const size_t limit =
        std::min(kAnswerBytesMax, static_cast<size_t>(std::max(request_.max_bytes, 0)));
    for (size_t t = 0; !failed && t < request_.topics.size(); ++t) {
      const Request::Topic& wanted = request_.topics[t];
      const TopicPtr topic = find_topic(wanted);
      auto& topic_out = response.responses.emplace_back();
      topic_out.topic = wanted.topic;
      topic_out.topic_id = wanted.topic_id;
      topic_out.partitions.reserve(wanted.partitions.size());
      for (const auto& partition : wanted.partitions) {
        auto& out = topic_out.partitions.emplace_back();
        read(topic, partition, limit, bytes, out);
        any_error_ |= out.error_code != ErrorCode::kNone;
      }
    }
    const bool enough = bytes >= static_cast<size_t>(std::max(request_.min_bytes, 0));
    if (!failed && !any_error_ && !enough && !last_chance) return false;
    answered_ = true;
    unwatch();
    if (bytes > 0) {
      const auto wait = call_->charge(QuotaKind::kConsume, static_cast<double>(bytes));
      response.throttle_time_ms = static_cast<int32_t>(wait.count());
    }
    call_->answer(response);
    return true;
  }

  void read(const TopicPtr& topic, const Request::Partition& wanted, size_t limit, size_t& bytes,
            Response::Partition& out) {
    out.partition_index = wanted.partition;
    out.high_watermark = -1;
    const PartitionLogPtr log = topic ? topic->partition(wanted.partition) : nullptr;
    if (!log) {
      const bool by_id = call_->version() >= kFirstTopicIdVersion && !topic;
      out.error_code = by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
      return;
    }
    out.error_code = check_leader_epoch(*log, wanted.current_leader_epoch);
    if (out.error_code != ErrorCode::kNone) return;

    // Taken before the read: whatever lands after it must wake this fetch.
    const Offset high_watermark = log->high_watermark();
    seen_.push_back({log, log->end_offset(isolation_)});
    // Over the limit a partition gives its position only. The first one with data gives a batch,
    // however large; a batch is never cut, so another that has no room left waits to be the first
    // of an answer.
    const size_t room = limit > bytes ? limit - bytes : 0;
    const size_t first_batch_max = bytes == 0 ? SIZE_MAX : room;
    const auto partition_limit = static_cast<size_t>(std::max(wanted.partition_max_bytes, 0));
    const Offset from(wanted.fetch_offset);
    if (from < log->log_start() || from > high_watermark) {
      out.error_code = ErrorCode::kOffsetOutOfRange;
    } else if (first_batch_max > 0) {
      auto got = log->read(from, std::min(room, partition_limit), isolation_, first_batch_max);
      if (got) {
        out.records = std::move(got->slices);
        if (isolation_ == Isolation::kReadCommitted)
          list_aborted(*log, from, got->next_offset, out);
      } else {
        out.error_code = read_error_code(got.error(), *log);
      }
    }
    bytes += size_of(out.records);
    out.high_watermark = high_watermark.value();
    out.last_stable_offset = log->last_stable_offset().value();
    out.log_start_offset = log->log_start().value();
  }

  template <typename Slices>
  static size_t size_of(const Slices& slices) {
    size_t total = 0;
    for (const auto& slice : slices) total += slice.bytes.size();
    return total;
  }

  /// Adds which transactions among the records were rolled back: the client leaves those out.
  static void list_aborted(const PartitionLog& log, Offset from, Offset to,
                           Response::Partition& out) {
    auto& listed = out.aborted_transactions.emplace();
    auto aborted = log.aborted_transactions(from, to);
    if (!aborted) {
      out.error_code = read_error_code(aborted.error(), log);
      out.records.clear();
      return;
    }
    for (const AbortedTransaction& transaction : *aborted) {
      listed.push_back({transaction.producer_id, transaction.first_offset.value()});
    }
  }

  /// Asks every partition to tell when it grows, on whatever thread; the rest happens here.
  void watch() {
    waits_.resize(seen_.size());
    for (size_t i = 0; i < waits_.size(); ++i) arm(i);
  }

  void arm(size_t index) {
    const Seen& seen = seen_[index];
    waits_[index].log = seen.log;
    const auto ready = [self = shared_from_this(), index] {
      self->call_->loop().post([self, index] { self->woken(index); });
    };
    waits_[index].id = seen.log->when_past(seen.end, ready, isolation_);
  }

  void woken(size_t index) {
    if (answered_) return;
    waits_[index].id = 0;
    // Below min_bytes: go on waiting for the next batch of the same partition.
    if (!try_answer(/*last_chance=*/false)) arm(index);
  }

  void abandon() {
    answered_ = true;
    unwatch();
    seen_.clear();
  }

  void unwatch() {
    for (const Wait& wait : waits_) {
      if (wait.id != 0) wait.log->cancel_wait(wait.id);
    }
    waits_.clear();
  }

  CallPtr call_;
  const Request request_;
  const Isolation isolation_;
  std::vector<Seen> seen_;   // by the last try, every partition in request order
  std::vector<Wait> waits_;  // the same order: a try without errors sees the same partitions
  bool any_error_ = false;
  bool answered_ = false;
};

}  // namespace

void handle_fetch(CallPtr call, kafka::FetchRequest request) {
  std::make_shared<PendingFetch>(std::move(call), std::move(request))->run();
}

}  // namespace freshet::broker
