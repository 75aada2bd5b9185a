#include "broker/storage/partition_log.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <ranges>

#include "broker/storage/log_store_core.h"
#include "broker/storage/partition_state.h"

namespace freshet::broker {
namespace {

// The segment that holds `offset`, or would.
SegmentList::const_iterator segment_for(const SegmentList& segments, Offset offset) {
  const auto after = std::ranges::upper_bound(
      segments, offset, {}, [](const SegmentPtr& segment) { return segment->base_offset(); });
  return after == segments.begin() ? after : std::prev(after);
}

// Takes away the batches that begin at `end` or later. Returns one past the last offset that is
// left, `from` when nothing is.
Offset cut_at(std::vector<kafka::LogSlice>& slices, Offset end, Offset from) {
  Offset next = from;
  for (size_t i = 0; i < slices.size(); ++i) {
    std::string_view rest = slices[i].bytes;
    while (!rest.empty()) {
      const std::string_view left = rest;
      const auto batch = kafka::next_batch(rest);
      if (batch && *batch && (*batch)->base_offset() < end) {
        next = (*batch)->next_offset();
        continue;
      }
      slices[i].bytes.remove_suffix(left.size());
      slices.resize(slices[i].bytes.empty() ? i : i + 1);
      return next;
    }
  }
  return next;
}

Error lost(const Segment& segment, Offset first, Offset next) {
  return Error(Errc::kCorrupt,
               fmt::format("segment {} ends at byte {} before offset {}: records from offset {} to "
                           "{} are lost, read on from offset {}",
                           segment.path().native(), segment.size(), first, first, next - 1, next));
}

}  // namespace

PartitionLog::PartitionLog(LogStoreCore& core, std::unique_ptr<PartitionState> state)
    : core_(core), state_(std::move(state)) {}
PartitionLog::~PartitionLog() = default;

const TopicPartition& PartitionLog::tp() const { return state_->tp; }
const TopicId& PartitionLog::topic_id() const { return state_->topic_id; }
Offset PartitionLog::log_start() const { return Offset(state_->log_start.load()); }
Offset PartitionLog::high_watermark() const {
  return Offset(state_->high_watermark.load(std::memory_order_acquire));
}
Offset PartitionLog::last_stable_offset() const { return state_->last_stable_offset(); }
std::optional<SteadyTime> PartitionLog::arrived_since(Offset offset) const {
  const std::lock_guard lock(state_->mutex);
  return state_->arrivals.first_since(offset);
}
bool PartitionLog::is_deleted() const { return state_->deleted; }
int32_t PartitionLog::leader_epoch() const { return core_.leader_epoch(); }

uint64_t PartitionLog::size_bytes() const {
  uint64_t sum = 0;
  for (const auto& segment : *state_->segment_list()) sum += segment->size();
  return sum;
}

size_t PartitionLog::segment_count() const { return state_->segment_list()->size(); }

PartitionConfig PartitionLog::config() const {
  const std::lock_guard lock(state_->mutex);
  return state_->config;
}

void PartitionLog::set_config(const PartitionConfig& config) {
  const std::lock_guard lock(state_->mutex);
  state_->config = config;
}

void PartitionLog::append(AppendBatches batches, AppendDone done) {
  core_.append(shared_from_this(), std::move(batches), std::move(done));
}

Result<void> PartitionLog::check_bounds(Offset from) const {
  if (from >= log_start() && from <= high_watermark()) return {};
  return fail(Errc::kOutOfRange, "partition {}: offset {} is outside {} to {}", tp(), from,
              log_start(), high_watermark());
}

Result<LogRead> PartitionLog::read(Offset from, size_t bytes_max, Isolation isolation,
                                   size_t first_batch_max) const {
  FRESHET_TRY(check_bounds(from));
  const Offset end =
      isolation == Isolation::kReadCommitted ? last_stable_offset() : Offset(INT64_MAX);
  const auto segments = state_->segment_list();
  LogRead result;
  Offset next = from;
  size_t bytes = 0;
  const auto done = [&] {
    if (next > end) next = cut_at(result.slices, end, from);
    result.next_offset = next;
    result.log_start = log_start();
    result.high_watermark = high_watermark();
    return std::move(result);
  };
  if (from >= end) return done();
  for (auto at = segment_for(*segments, from); at != segments->end(); ++at) {
    const Segment& segment = **at;
    // Only the very first batch may be larger than what was asked for.
    const size_t left = bytes_max > bytes ? bytes_max - bytes : 0;
    const size_t batch_max = bytes > 0 ? left : first_batch_max;
    const auto position = segment.locate(next, batch_max);
    if (!position) {
      if (bytes > 0) return done();
      return std::unexpected(
          std::move(position).error().with_context(fmt::format("partition {}", tp())));
    }
    if (*position) {
      auto run = segment.read(**position, left, batch_max);
      if (!run) {
        if (bytes > 0) return done();
        return std::unexpected(
            std::move(run).error().with_context(fmt::format("partition {}", tp())));
      }
      if (run->slice.bytes.empty()) return done();
      bytes += run->slice.bytes.size();
      next = run->next_offset;
      result.slices.push_back(std::move(run->slice));
      if (bytes >= bytes_max || run->position + result.slices.back().bytes.size() < segment.size())
        return done();
    }
    const auto following = std::next(at);
    if (following != segments->end() && (*following)->base_offset() > next) {
      if (bytes > 0) return done();
      return std::unexpected(lost(segment, next, (*following)->base_offset())
                                 .with_context(fmt::format("partition {}", tp())));
    }
  }
  return done();
}

Result<std::vector<kafka::LogSlice>> PartitionLog::read_backwards(Offset before,
                                                                  size_t bytes_max) const {
  const Offset end = before == kNoOffset ? high_watermark() : std::min(before, high_watermark());
  const Offset start = log_start();
  const auto segments = state_->segment_list();
  std::vector<kafka::LogSlice> newest_first;
  size_t bytes = 0;
  for (auto at = std::next(segment_for(*segments, end)); at != segments->begin();) {
    const Segment& segment = **--at;
    FRESHET_ASSIGN_CONTEXT(const auto located, segment.locate(end), "partition {}", tp());
    uint64_t position = located.value_or(segment.size());
    while (position > 0) {
      const size_t wanted = bytes_max > bytes ? bytes_max - bytes : 1;
      FRESHET_ASSIGN(const uint64_t from, segment.boundary_before(position, wanted));
      FRESHET_ASSIGN_CONTEXT(auto run, segment.batches(from, position), "partition {}", tp());
      for (auto& slice : std::views::reverse(run)) {
        if (kafka::RecordBatchView(slice.bytes).last_offset() < start) return newest_first;
        if (bytes > 0 && bytes + slice.bytes.size() > bytes_max) return newest_first;
        bytes += slice.bytes.size();
        newest_first.push_back(std::move(slice));
      }
      position = from;
    }
  }
  return newest_first;
}

Result<std::vector<AbortedTransaction>> PartitionLog::aborted_transactions(Offset from,
                                                                           Offset to) const {
  std::vector<AbortedTransaction> found;
  const Offset last(state_->last_rollback.load());
  if (from >= to || last < from) return found;
  const auto segments = state_->segment_list();
  for (auto at = segment_for(*segments, from); at != segments->end(); ++at) {
    if ((*at)->base_offset() > last) break;
    FRESHET_ASSIGN_CONTEXT(const bool all, (*at)->collect_aborted(from, to, found), "partition {}",
                           tp());
    if (all) break;
  }
  return found;
}

std::vector<ActiveProducer> PartitionLog::active_producers() const {
  std::vector<ActiveProducer> all;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [id, producer] : state_->producers.producers()) {
      const auto* const data = producer.newest_data();
      all.push_back(
          {.producer_id = id,
           .epoch = producer.epoch(),
           .last_sequence = data != nullptr ? data->last_sequence : -1,
           .last_append_ms = producer.last_append_ms,
           .ended_any = std::ranges::any_of(producer.batches, &ProducerBatch::is_marker),
           .transaction_start = state_->transactions.first_offset_of(id).value_or(kNoOffset)});
    }
  }
  std::ranges::sort(all, {}, &ActiveProducer::producer_id);
  return all;
}

void PartitionLog::allow_transaction(int64_t producer_id, int16_t producer_epoch) {
  const std::lock_guard lock(state_->mutex);
  state_->may_begin[producer_id] = producer_epoch;
}

Result<std::optional<TimestampOffset>> PartitionLog::find_by_time(int64_t timestamp_ms) const {
  const auto segments = state_->segment_list();
  const Offset start = log_start();
  for (auto at = segment_for(*segments, start); at != segments->end(); ++at) {
    FRESHET_ASSIGN_CONTEXT(const auto newest, (*at)->max_timestamp_ms(), "partition {}", tp());
    // A segment whose largest timestamp is unknown (-1, its index is lost) is walked.
    if (newest >= 0 && newest < timestamp_ms) continue;
    FRESHET_ASSIGN_CONTEXT(const auto found, (*at)->find_by_time(timestamp_ms, start),
                           "partition {}", tp());
    if (!found) continue;
    return TimestampOffset{.timestamp_ms = found->timestamp_ms,
                           .offset = found->offset,
                           .leader_epoch = found->leader_epoch};
  }
  return std::nullopt;
}

Result<std::optional<TimestampOffset>> PartitionLog::max_timestamp() const {
  const auto segments = state_->segment_list();
  int64_t newest = -1;
  for (const auto& segment : *segments) {
    FRESHET_ASSIGN_CONTEXT(const auto of_segment, segment->max_timestamp_ms(), "partition {}",
                           tp());
    newest = std::max(newest, of_segment);
  }
  if (newest < 0) return std::nullopt;
  return find_by_time(newest);
}

std::pair<int32_t, Offset> PartitionLog::end_of_epoch(int32_t epoch) const {
  const std::lock_guard lock(state_->mutex);
  // The current epoch is known before anything was written under it, and ends those before it.
  LeaderEpochs known = state_->epochs;
  known.note(core_.leader_epoch(), high_watermark());
  return known.end_of(epoch, high_watermark());
}

uint64_t PartitionLog::when_past(Offset offset, std::move_only_function<void()> ready,
                                 Isolation isolation) {
  {
    const std::lock_guard lock(state_->mutex);
    if (end_offset(isolation) <= offset && !state_->deleted) {
      const uint64_t id = state_->next_waiter++;
      state_->waiters.emplace(
          id, PartitionState::Waiter{.past = offset,
                                     .committed = isolation == Isolation::kReadCommitted,
                                     .ready = std::move(ready)});
      return id;
    }
  }
  ready();
  return 0;
}

bool PartitionLog::cancel_wait(uint64_t id) {
  const std::lock_guard lock(state_->mutex);
  return state_->waiters.erase(id) > 0;
}

bool PartitionLog::wait_past(Offset offset, std::chrono::steady_clock::time_point deadline,
                             Isolation isolation) {
  struct Signal {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
  };
  const auto signal = std::make_shared<Signal>();
  const auto ready = [signal] {
    const std::lock_guard lock(signal->mutex);
    signal->ready = true;
    signal->changed.notify_all();
  };
  const uint64_t id = when_past(offset, ready, isolation);
  {
    std::unique_lock lock(signal->mutex);
    signal->changed.wait_until(lock, deadline, [&] { return signal->ready; });
  }
  if (id != 0) cancel_wait(id);
  return end_offset(isolation) > offset;
}

void PartitionLog::delete_before(Offset offset,
                                 std::move_only_function<void(Result<Offset>)> done) {
  core_.enqueue(
      LogStoreCore::MoveLogStart{.log = shared_from_this(), .to = offset, .done = std::move(done)});
}

void PartitionLog::roll(std::move_only_function<void(Result<void>)> done) {
  core_.enqueue(LogStoreCore::Roll{.log = shared_from_this(), .done = std::move(done)});
}

}  // namespace freshet::broker
