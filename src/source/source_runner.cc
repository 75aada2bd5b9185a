#include "source/source_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "observe/log.h"
#include "source/chunk.h"
#include "source/coverage.h"
#include "source/pace.h"
#include "source/partitioner.h"
#include "source/source_mark.h"

namespace freshet::source {
namespace {

const Logger logger("source");

constexpr auto kIdlePoll = std::chrono::milliseconds(50);  // of a source that may get more later
constexpr auto kRateWindow = std::chrono::seconds(5);
constexpr uint64_t kClockEvery = 64;  // events between two looks at the clock
// What a batch needs for a record beside key and value, at most: lengths, deltas, no headers.
constexpr size_t kRecordOverhead = 24;

}  // namespace

class SourceRunner::Impl {
 public:
  Impl(SourceRunnerSettings settings, std::unique_ptr<EventSource> source,
       kafka::RecordProducer& producer, Clock& clock)
      : settings_(std::move(settings)),
        source_(std::move(source)),
        producer_(producer),
        clock_(clock) {}

  Result<void> run();

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
  }

  void allow() {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }

  [[nodiscard]] SourceStatus status() const;

 private:
  enum class Filled : uint8_t { kPart, kEnd };

  /// A chunk handed to the log.
  struct InFlight {
    SourcePosition end;  // after its last event
    uint64_t published = 0;
    std::optional<std::future<Result<std::vector<Offset>>>> durable;  // nullopt: nothing to write
  };

  Result<void> find_position();
  Result<void> refuse_other_source() const;
  Result<Filled> fill(Chunk& chunk, const Pace& pace);
  void send(Chunk& chunk, const SourcePosition& end);
  Result<void> wait_oldest();
  Result<void> look_in_flight();
  Result<void> drain();
  void note_durable(const InFlight& chunk);
  [[nodiscard]] bool wait_until(SteadyTime deadline);
  [[nodiscard]] bool wait_for_pace(const Pace& pace, SteadyTime now);
  [[nodiscard]] bool is_stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  const SourceRunnerSettings settings_;
  const std::unique_ptr<EventSource> source_;
  kafka::RecordProducer& producer_;
  Clock& clock_;

  // Of the thread in run().
  int32_t partitions_ = 0;
  Coverage coverage_;
  SourcePosition durable_;  // every event below is in the log
  std::deque<InFlight> in_flight_;
  uint64_t next_ = 0;   // number of the event that the source gives next
  uint64_t paced_ = 0;  // events counted against the pace
  SteadyTime last_chunk_{};

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_, as all below
  SourceStatus status_;
  std::deque<std::pair<SteadyTime, uint64_t>> samples_;
};

Result<void> SourceRunner::Impl::refuse_other_source() const {
  if (!coverage_.fingerprint() || *coverage_.fingerprint() == source_->fingerprint()) return {};
  return fail(Errc::kRefused,
              "topic {} already holds {} events of a source named {} that was set up differently "
              "(fingerprint {}, now {}): its kind, seed or files were changed. Change them back, "
              "give the source another name, or delete the topic to begin anew",
              settings_.topic, coverage_.everywhere().next, settings_.name,
              *coverage_.fingerprint(), source_->fingerprint());
}

Result<void> SourceRunner::Impl::find_position() {
  FRESHET_ASSIGN(partitions_, producer_.partition_count(settings_.topic));
  FRESHET_ASSIGN(coverage_, read_coverage(producer_, settings_.topic, partitions_, settings_.name));
  FRESHET_TRY(refuse_other_source());
  durable_ = coverage_.everywhere();
  FRESHET_TRY(source_->seek(durable_));
  next_ = durable_.next;
  const std::lock_guard lock(mutex_);
  status_.position = durable_.next;
  status_.total = source_->total();
  samples_.clear();
  return {};
}

/// Sleeps until then, or until stop(): false.
bool SourceRunner::Impl::wait_until(SteadyTime deadline) {
  std::unique_lock lock(mutex_);
  const auto wait = deadline - clock_.steady();
  wake_.wait_for(lock, std::max<SteadyTime::duration>(wait, std::chrono::microseconds(50)),
                 [&] { return stopping_; });
  return !stopping_;
}

/// Waits until events are due, or false for stop() and for a look at what is in flight.
bool SourceRunner::Impl::wait_for_pace(const Pace& pace, SteadyTime now) {
  auto until = std::max(pace.due_at(paced_), last_chunk_ + settings_.linger);
  if (!in_flight_.empty()) until = std::min(until, now + kIdlePoll);
  return wait_until(until);
}

/// Reads events until the chunk is full or no more are due or there. Without a rate, where chunks
/// are cut depends on the events alone: a restart cuts them at the same places.
Result<SourceRunner::Impl::Filled> SourceRunner::Impl::fill(Chunk& chunk, const Pace& pace) {
  size_t bytes = 0;
  uint64_t due = 0;
  int64_t timestamp_ms = 0;
  for (uint64_t events = 0;; ++events) {
    if (events % kClockEvery == 0 || paced_ >= due) {
      const auto now = clock_.steady();
      timestamp_ms = clock_.wall().time_since_epoch().count();
      due = pace.due(now);
      if (is_stopping()) return Filled::kPart;
      if (paced_ >= due ||
          (settings_.rate && events == 0 && now < last_chunk_ + settings_.linger)) {
        if (events == 0) static_cast<void>(wait_for_pace(pace, now));
        return Filled::kPart;
      }
    }
    SourceEvent event;
    FRESHET_ASSIGN(const auto status, source_->read(event));
    if (status == ReadStatus::kEnd) return Filled::kEnd;
    if (status == ReadStatus::kIdle) {
      if (events == 0) static_cast<void>(wait_until(clock_.steady() + kIdlePoll));
      return Filled::kPart;
    }
    const size_t size = event.value.size() + (event.key ? event.key->size() : 0) + kRecordOverhead;
    if (events > 0 && bytes + size > settings_.chunk_bytes) {
      source_->unread();
      return Filled::kPart;
    }
    bytes += size;
    const uint64_t number = next_++;
    if (coverage_.contains(event.key, number)) continue;
    ++paced_;
    chunk.add(partition_of(event.key, number, partitions_), timestamp_ms, event.key, event.value);
  }
}

void SourceRunner::Impl::send(Chunk& chunk, const SourcePosition& end) {
  const uint64_t begin = in_flight_.empty() ? durable_.next : in_flight_.back().end.next;
  if (begin == end.next) return;
  InFlight sent{.end = end, .published = chunk.events(), .durable = std::nullopt};
  SourceMark mark{.source = settings_.name,
                  .fingerprint = source_->fingerprint(),
                  .partitions = partitions_,
                  .covered = {},
                  .everywhere = durable_};
  kafka::RecordBatchBuilder builder(
      {.codec = settings_.codec, .reserve_bytes = chunk.size_bytes()});
  std::vector<kafka::PartitionBatch> batches;
  for (int32_t partition = 0; partition < partitions_; ++partition) {
    if (!chunk.has(partition)) continue;
    mark.covered = coverage_.ranges_above(partition, partitions_, end.next);
    mark.covered.insert(mark.covered.begin(), {.from = begin, .to = end.next});
    const std::string text = mark.to_string();
    const kafka::HeaderView header{.key = kSourceMarkHeader, .value = text};
    batches.push_back(
        {.tp = {.topic = settings_.topic, .partition = partition},
         .batch = chunk.build(partition, builder, kafka::encode_headers(std::span(&header, 1)))});
  }
  if (!batches.empty()) sent.durable = producer_.produce(std::move(batches));
  in_flight_.push_back(std::move(sent));
  chunk.clear();
  last_chunk_ = clock_.steady();
}

void SourceRunner::Impl::note_durable(const InFlight& chunk) {
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  status_.position = chunk.end.next;
  status_.published += chunk.published;
  while (!samples_.empty() && now - samples_.front().first > kRateWindow) samples_.pop_front();
  samples_.emplace_back(now, status_.published);
}

Result<void> SourceRunner::Impl::wait_oldest() {
  InFlight chunk = std::move(in_flight_.front());
  in_flight_.pop_front();
  if (chunk.durable) {
    auto landed = chunk.durable->get();
    if (!landed) {
      return std::unexpected(
          kafka::failure_of_fresh_records(std::move(landed).error())
              .with_context(fmt::format("source {}: events before {} into topic {}", settings_.name,
                                        chunk.end.next, settings_.topic)));
    }
  }
  durable_ = chunk.end;
  note_durable(chunk);
  return {};
}

/// Takes note of chunks that are durable; waits only if too many are not.
Result<void> SourceRunner::Impl::look_in_flight() {
  const auto is_ready = [](const InFlight& chunk) {
    return !chunk.durable ||
           chunk.durable->wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  while (!in_flight_.empty() &&
         (in_flight_.size() >= settings_.chunks_in_flight || is_ready(in_flight_.front()))) {
    FRESHET_TRY(wait_oldest());
  }
  return {};
}

/// Waits for everything handed to the log; the first failure is told, and nothing behind it counts.
Result<void> SourceRunner::Impl::drain() {
  Result<void> result;
  while (!in_flight_.empty()) {
    if (result) {
      result = wait_oldest();
    } else {
      if (in_flight_.front().durable) in_flight_.front().durable->wait();
      in_flight_.pop_front();
    }
  }
  return result;
}

Result<void> SourceRunner::Impl::run() {
  FRESHET_TRY(check_source_name(settings_.name));
  FRESHET_TRY_CONTEXT(find_position(), "source {}", settings_.name);
  logger.info("source starts", kv("source", settings_.name), kv("topic", settings_.topic),
              kv("position", durable_.next));
  const Pace pace(settings_.rate, clock_.steady());
  paced_ = 0;
  Chunk chunk(partitions_);
  auto filled = Filled::kPart;
  while (filled != Filled::kEnd && !is_stopping()) {
    auto result = fill(chunk, pace);
    // What was read before a failure is good, and is published before the failure is told.
    send(chunk, source_->position());
    auto landed = look_in_flight();
    if (!landed || !result) {
      auto drained = drain();
      FRESHET_TRY(landed);
      FRESHET_TRY(drained);
      return std::unexpected(
          std::move(result).error().with_context(fmt::format("source {}", settings_.name)));
    }
    filled = *result;
  }
  FRESHET_TRY(drain());
  logger.info("source ends", kv("source", settings_.name), kv("position", durable_.next),
              kv("done", filled == Filled::kEnd));
  const std::lock_guard lock(mutex_);
  status_.done = filled == Filled::kEnd;
  return {};
}

SourceStatus SourceRunner::Impl::status() const {
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  SourceStatus status = status_;
  if (!samples_.empty() && now - samples_.back().first < kRateWindow) {
    const std::chrono::duration<double> span = now - samples_.front().first;
    const auto events = samples_.back().second - samples_.front().second;
    if (span.count() > 0) status.events_per_second = static_cast<double>(events) / span.count();
  }
  return status;
}

SourceRunner::SourceRunner(SourceRunnerSettings settings, std::unique_ptr<EventSource> source,
                           kafka::RecordProducer& producer, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(source), producer, clock)) {}
SourceRunner::~SourceRunner() = default;
Result<void> SourceRunner::run() { return impl_->run(); }
void SourceRunner::stop() { impl_->stop(); }
void SourceRunner::allow() { impl_->allow(); }
SourceStatus SourceRunner::status() const { return impl_->status(); }

}  // namespace freshet::source
