#include "broker/storage/compaction.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/storage/segment_swap.h"

namespace freshet::broker {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr uint64_t kSegmentBytesMax = INT32_MAX;  // positions in the index are i32

// Where the segment before the active one ends, as far as compaction may go.
bool may_be_compacted(const Segment& segment, Offset end, Offset stable, int64_t now_ms,
                      const PartitionConfig& config) {
  if (end > stable) return false;
  if (config.compaction_lag_min.count() == 0) return true;
  const auto newest = segment.max_timestamp_ms();
  return newest && *newest <= now_ms - config.compaction_lag_min.count();
}

bool is_overdue(const Segment& first_dirty, int64_t now_ms, const PartitionConfig& config) {
  if (config.compaction_lag_max >= kForever) return false;
  const auto first = first_dirty.first_timestamp_ms();
  return first && *first && **first < now_ms - config.compaction_lag_max.count();
}

}  // namespace

std::optional<CompactionPlan> plan_compaction(const PartitionState& partition, int64_t now_ms) {
  PartitionConfig config;
  std::shared_ptr<const SegmentList> segments;
  CompactionPlan plan;
  {
    const std::lock_guard lock(partition.mutex);
    if (!partition.config.compact || partition.segments->size() < 2) return std::nullopt;
    config = partition.config;
    segments = partition.segments;
    plan.dirty_from = partition.clean_to;
  }
  if (partition.deleted || now_ms < partition.compaction_not_before_ms) return std::nullopt;
  const Offset stable = partition.last_stable_offset();
  plan.dirty_from = std::max(plan.dirty_from, segments->front()->base_offset());
  plan.end = segments->front()->base_offset();
  const Segment* first_dirty = nullptr;
  for (size_t i = 0; i + 1 < segments->size(); ++i) {
    const Segment& segment = *(*segments)[i];
    const Offset end = (*segments)[i + 1]->base_offset();
    const bool dirty = end > plan.dirty_from;
    if (dirty && !may_be_compacted(segment, end, stable, now_ms, config)) break;
    if (dirty && first_dirty == nullptr) first_dirty = &segment;
    plan.segments.push_back((*segments)[i]);
    plan.end = end;
    plan.bytes += segment.size();
    if (dirty) plan.dirty_bytes += segment.size();
  }
  if (first_dirty == nullptr) return std::nullopt;
  const double ratio = static_cast<double>(plan.dirty_bytes) / static_cast<double>(plan.bytes);
  if (ratio <= config.dirty_ratio_min && !is_overdue(*first_dirty, now_ms, config)) {
    return std::nullopt;
  }
  return plan;
}

// The cleaned segment while it is written.
class Compaction::Output {
 public:
  static Result<Output> create(const PartitionState& partition, Offset base,
                               uint32_t index_interval_bytes) {
    Output output;
    FRESHET_ASSIGN(output.segment_,
                   Segment::create(partition.disk, partition.directory, base, kCleanedSuffix));
    output.index_interval_bytes_ = index_interval_bytes;
    return output;
  }

  Result<void> add(kafka::RecordBatchView batch) {
    if (size() + batch.size() > kSegmentBytesMax) {
      return fail(Errc::kTooLarge, "the compacted segment {} would be over {} bytes",
                  segment_->path().native(), kSegmentBytesMax);
    }
    FRESHET_TRY(segment_->note_batch(batch, size(), index_interval_bytes_));
    if (batch.is_control()) markers_.insert(batch.last_offset());
    pending_.append(batch.bytes());
    return pending_.size() < kWriteBytes ? Result<void>() : flush();
  }
  /// Whether something is otherwise than it was, or there is not one batch.
  void note_change() { changed_ = true; }
  [[nodiscard]] bool changed() const { return changed_; }
  [[nodiscard]] uint64_t size() const { return segment_->size() + pending_.size(); }
  [[nodiscard]] const Segment& segment() const { return *segment_; }

  /// Keeps those of `rolled_back` whose marker is in the segment, then syncs all of its files.
  Result<void> finish(const std::vector<AbortedTransaction>& rolled_back) {
    FRESHET_TRY(flush());
    for (const auto& one : rolled_back) {
      if (markers_.contains(one.last_offset)) segment_->transaction_index().append(one);
    }
    FRESHET_TRY(segment_->seal());
    // A swap needs all of them, so that one that is not there was renamed already.
    FRESHET_TRY(segment_->transaction_index().file().make_file());
    FRESHET_TRY(segment_->flush_indexes());
    return segment_->sync();
  }

 private:
  Output() = default;
  Result<void> flush() {
    if (pending_.empty()) return {};
    const iovec piece{pending_.data(), pending_.size()};
    FRESHET_TRY(segment_->write({&piece, 1}));
    segment_->publish(size());
    pending_.clear();
    return {};
  }

  SegmentPtr segment_;
  uint32_t index_interval_bytes_ = 0;
  std::string pending_;
  std::set<Offset> markers_;
  bool changed_ = false;
};

Compaction::Compaction(PartitionState& partition, CompactionPlan plan, Options options,
                       std::vector<AbortedTransaction> aborted)
    : partition_(partition),
      plan_(std::move(plan)),
      options_(std::move(options)),
      aborted_(std::move(aborted)),
      config_([&partition] {
        const std::lock_guard lock(partition.mutex);
        return partition.config;
      }()),
      keys_(options_.map_bytes_max),
      mapped_to_(plan_.dirty_from) {}

Result<CompactionOutcome> Compaction::run() {
  learn_live_producers();
  FRESHET_TRY(learn_keys());
  TransactionFilter filter(aborted_);
  for (size_t first = 0; first < plan_.segments.size();) {
    if (plan_.segments[first]->base_offset() >= mapped_to_) break;
    const Group group = next_group(first);
    first += group.size();
    const Offset end =
        first < plan_.segments.size() ? plan_.segments[first]->base_offset() : plan_.end;
    if (auto rewritten = rewrite(group, end, filter); !rewritten) {
      if (!swap_broken_) {
        static_cast<void>(
            remove_cleaned(partition_.disk, partition_.directory, group.front()->base_offset()));
      }
      return std::unexpected(std::move(rewritten).error());
    }
  }
  outcome_.clean_to = mapped_to_;
  return outcome_;
}

void Compaction::learn_live_producers() {
  const std::lock_guard lock(partition_.mutex);
  for (const auto& [id, producer] : partition_.producers.producers()) {
    last_of_producers_.emplace(id, producer.batches.back().last_offset);
    if (const auto* const data = producer.newest_data()) {
      last_of_producers_.emplace(id, data->last_offset);
    }
  }
}

Result<void> Compaction::walk(const Segment& segment, const BatchVisitor& visit) const {
  uint64_t position = 0;
  while (position < segment.size()) {
    if (options_.cancelled && options_.cancelled()) {
      return fail(Errc::kCancelled, "the compaction was asked to stop");
    }
    FRESHET_ASSIGN(const auto run, segment.read(position, kReadBytes));
    std::string_view rest = run.slice.bytes;
    while (!rest.empty()) {
      FRESHET_ASSIGN(const auto batch, kafka::next_batch(rest));
      FRESHET_ASSIGN(const bool go_on, visit(*batch));
      if (!go_on) return {};
    }
    position = run.position + run.slice.bytes.size();
  }
  return {};
}

Result<void> Compaction::learn_keys() {
  std::vector<AbortedTransaction> dirty;
  for (const auto& one : aborted_) {
    if (one.last_offset >= plan_.dirty_from) dirty.push_back(one);
  }
  TransactionFilter filter(std::move(dirty));
  bool room = true;
  for (size_t i = 0; i < plan_.segments.size() && room; ++i) {
    const bool clean =
        i + 1 < plan_.segments.size() && plan_.segments[i + 1]->base_offset() <= plan_.dirty_from;
    if (clean) continue;
    FRESHET_TRY(walk(*plan_.segments[i], [&](kafka::RecordBatchView batch) -> Result<bool> {
      if (batch.base_offset() < plan_.dirty_from) return true;
      FRESHET_ASSIGN(room, learn_batch(batch, filter));
      return room;
    }));
  }
  if (room) mapped_to_ = plan_.end;
  return {};
}

// False: there is no room for its keys.
Result<bool> Compaction::learn_batch(kafka::RecordBatchView batch, TransactionFilter& filter) {
  const auto count = static_cast<size_t>(batch.record_count());
  // The first one is taken whatever its size, so that every compaction gets somewhere.
  if (keys_.size() > 0 && !keys_.has_room_for(count)) return false;
  mapped_to_ = batch.next_offset();
  if (batch.is_control()) {
    static_cast<void>(filter.ends_nothing(batch));
    return true;
  }
  if (filter.is_aborted(batch)) return true;
  FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(batch, scratch_));
  RecordView record;
  while (records.next(record)) {
    if (record.key) keys_.put(*record.key, record.offset);
  }
  FRESHET_TRY(records.finish());
  return true;
}

// As many segments as one may hold.
Compaction::Group Compaction::next_group(size_t first) const {
  const auto& segments = plan_.segments;
  const Offset base = segments[first]->base_offset();
  uint64_t bytes = segments[first]->size();
  size_t end = first + 1;
  for (; end < segments.size() && segments[end]->base_offset() < mapped_to_; ++end) {
    const Offset after = end + 1 < segments.size() ? segments[end + 1]->base_offset() : plan_.end;
    bytes += segments[end]->size();
    if (bytes > std::min(config_.segment_bytes, kSegmentBytesMax) || after - base > INT32_MAX) {
      break;
    }
  }
  return Group(segments).subspan(first, end - first);
}

Result<void> Compaction::rewrite(Group group, Offset group_end, TransactionFilter& filter) {
  const Offset base = group.front()->base_offset();
  auto output = [&]() -> Result<Output> {
    // Its directory may be another topic's by now.
    const std::lock_guard lock(partition_.directory_mutex);
    if (partition_.deleted) return fail(Errc::kCancelled, "the partition is deleted");
    return Output::create(partition_, base, config_.index_interval_bytes);
  }();
  if (!output) return std::unexpected(std::move(output).error());
  uint64_t before = 0;
  std::vector<AbortedTransaction> rolled_back;
  std::string last_header;
  for (const auto& segment : group) {
    before += segment->size();
    FRESHET_TRY(segment->collect_aborted(Offset(0), Offset(INT64_MAX), rolled_back));
    FRESHET_TRY(walk(*segment, [&](kafka::RecordBatchView batch) -> Result<bool> {
      last_header = batch.bytes().substr(0, kafka::batch_layout::kRecords);
      FRESHET_TRY(rewrite_batch(batch, group_end, filter, *output));
      return true;
    }));
  }
  if (output->size() == 0 && !last_header.empty()) {
    FRESHET_TRY(
        output->add(kafka::RecordBatchView(filler_batch(kafka::RecordBatchView(last_header)))));
  }
  outcome_.bytes_before += before;
  if (!output->changed() && group.size() == 1) {
    outcome_.bytes_after += before;
    return remove_cleaned(partition_.disk, partition_.directory, base);
  }
  FRESHET_TRY(output->finish(rolled_back));
  outcome_.bytes_after += output->size();
  return replace(group, output->segment());
}

Result<void> Compaction::rewrite_batch(kafka::RecordBatchView batch, Offset group_end,
                                       TransactionFilter& filter, Output& output) {
  if (batch.base_offset() >= mapped_to_) return output.add(batch);
  std::string fewer;
  FRESHET_ASSIGN(const CompactedBatch decided, decide(batch, filter, fewer));
  if (decided == CompactedBatch::kWhole) return output.add(batch);
  if (decided == CompactedBatch::kFewer) {
    output.note_change();
    return output.add(kafka::RecordBatchView(fewer));
  }
  const bool of_live_producer =
      batch.has_producer_id() &&
      last_of_producers_.contains({batch.producer_id(), batch.last_offset()});
  if (of_live_producer || batch.next_offset() == group_end) {
    if (batch.record_count() == 0) return output.add(batch);
    output.note_change();
    const std::string left = of_live_producer ? empty_batch(batch) : filler_batch(batch);
    return output.add(kafka::RecordBatchView(left));
  }
  output.note_change();
  return {};
}

Result<CompactedBatch> Compaction::decide(kafka::RecordBatchView batch, TransactionFilter& filter,
                                          std::string& fewer) {
  const bool horizon_passed =
      batch.has_delete_horizon() && batch.base_timestamp_ms() <= options_.now_ms;
  BatchCompaction rules{.keeps = [](const RecordView&) { return true; },
                        .delete_horizon_ms = options_.now_ms + config_.delete_retention.count()};
  if (batch.is_control()) {
    // An empty one is what an earlier compaction left of a producer's last marker.
    if (batch.record_count() == 0) return CompactedBatch::kNothing;
    rules.marker_may_go = filter.ends_nothing(batch);
    if (!rules.marker_may_go) return CompactedBatch::kWhole;
    if (horizon_passed) return CompactedBatch::kNothing;
  } else {
    if (filter.is_aborted(batch)) return CompactedBatch::kNothing;
    rules.keeps = [this, horizon_passed](const RecordView& record) {
      return keeps(record, horizon_passed);
    };
  }
  return compact_batch(batch, rules, scratch_, fewer);
}

bool Compaction::keeps(const RecordView& record, bool horizon_passed) const {
  if (!record.key) return false;
  const Offset newest = keys_.find(*record.key);
  return newest <= record.offset && (record.value || !horizon_passed);
}

Result<void> Compaction::replace(Group group, const Segment& cleaned) {
  std::vector<Offset> bases;
  for (const auto& segment : group) {
    // Whoever reads it goes on reading: through what is open.
    FRESHET_TRY(segment->file());
    FRESHET_TRY(segment->offset_index().file().count());
    FRESHET_TRY(segment->time_index().file().count());
    FRESHET_TRY(segment->transaction_index().file().count());
    bases.push_back(segment->base_offset());
  }
  const std::lock_guard names(partition_.directory_mutex);
  if (partition_.deleted) return fail(Errc::kCancelled, "the partition is deleted");
  swap_broken_ = true;
  FRESHET_TRY(swap_in(partition_.disk, partition_.directory, bases));
  swap_broken_ = false;
  const auto merged = std::make_shared<Segment>(partition_.disk, partition_.directory,
                                                bases.front(), cleaned.size(), 0);
  merged->set_max_timestamp(cleaned.newest());
  merged->transaction_index().trust(cleaned.transaction_index().sum());
  const std::lock_guard lock(partition_.mutex);
  auto list = std::make_shared<SegmentList>(*partition_.segments);
  const auto at = std::ranges::find(*list, group.front());
  *at = merged;
  list->erase(at + 1, at + static_cast<ptrdiff_t>(group.size()));
  partition_.segments = std::move(list);
  partition_.dirty = true;  // the next recovery point names the new transaction index
  return {};
}

}  // namespace freshet::broker
