#include "broker/storage/partition_state.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr uint64_t kSegmentBytesMax = INT32_MAX;  // positions in the index are i32

constexpr size_t kSnapshotsKept = 2;

Result<void> overwrite(Disk& disk, const std::filesystem::path& path, std::string_view content) {
  FRESHET_ASSIGN(const auto file, disk.open(path, io::OpenMode::kCreate));
  FRESHET_TRY(file->truncate(0));
  return file->write(content, 0);
}

bool must_roll(const Segment& active, uint64_t pending_bytes, kafka::RecordBatchView batch,
               const PartitionConfig& config, int64_t active_since_ms, int64_t now_ms) {
  const uint64_t size = active.size() + pending_bytes;
  if (size == 0) return false;
  return size + batch.size() > std::min(config.segment_bytes, kSegmentBytesMax) ||
         batch.last_offset() - active.base_offset() > INT32_MAX ||
         (active_since_ms >= 0 && now_ms - active_since_ms > config.segment_age_max.count());
}

void publish(PartitionState& partition, const SegmentPtr& active,
             std::span<const kafka::RecordBatchView> batches) {
  const std::lock_guard lock(partition.mutex);
  uint64_t position = active->size();
  for (const auto& batch : batches) {
    if (auto noted = active->note_batch(batch, position, partition.config.index_interval_bytes);
        !noted) {
      logger.warn("index entry was not kept", kv("partition", partition.tp),
                  kv("error", noted.error()));
    }
    position += batch.size();
    partition.epochs.note(batch.leader_epoch(), batch.base_offset());
    if (batch.has_producer_id()) {
      partition.producers.settle(batch.producer_id(), batch.next_offset());
    }
    partition.note_transaction(*active, batch);
  }
  active->publish(position);
  partition.high_watermark.store(batches.back().next_offset().value(), std::memory_order_release);
  partition.mark_dirty(active);
}

}  // namespace

std::string partition_directory_name(const TopicPartition& tp) {
  return fmt::format("{}-{}", tp.topic, tp.partition);
}

std::optional<TopicPartition> parse_partition_directory_name(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  TopicPartition tp{.topic = std::string(name.substr(0, dash)), .partition = -1};
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + dash + 1, end, tp.partition);
  if (parsed.ec != std::errc{} || parsed.ptr != end || tp.partition < 0) return std::nullopt;
  return tp;
}

std::string partition_metadata_text(const TopicId& id) {
  return fmt::format("version: 0\ntopic_id: {}\n", id.to_string());
}

Result<TopicId> parse_partition_metadata(std::string_view text) {
  constexpr std::string_view kKey = "topic_id: ";
  const auto at = text.find(kKey);
  if (at == std::string_view::npos) return fail(Errc::kCorrupt, "it holds no topic_id");
  const auto value = text.substr(at + kKey.size());
  return TopicId::parse(value.substr(0, value.find('\n')));
}

void PartitionState::mark_dirty(const SegmentPtr& segment) {
  dirty = true;
  if (std::ranges::find(dirty_segments, segment) == dirty_segments.end()) {
    dirty_segments.push_back(segment);
  }
}

Result<PartitionPoint> PartitionState::point() const {
  const auto& active = segments->back();
  PartitionPoint point;
  point.tp = tp;
  point.topic_id = topic_id;
  point.log_start = Offset(log_start);
  point.segment_base = active->base_offset();
  point.position = active->size();
  point.offset = Offset(high_watermark);
  FRESHET_ASSIGN(point.offset_index_entries, active->offset_index().file().count());
  FRESHET_ASSIGN(point.time_index_entries, active->time_index().file().count());
  for (const auto& segment : *segments) {
    if (segment->transaction_index().empty()) continue;
    point.transaction_indexes.push_back(
        {.base = segment->base_offset(), .sum = segment->transaction_index().sum()});
  }
  point.newest = active->newest();
  point.epochs = epochs;
  point.producers = producers.durable_before(point.offset);
  point.transactions = transactions;
  return point;
}

Offset PartitionState::last_stable_offset() const {
  // In this order: a transaction enters first_open_offset before its first batch is published.
  const int64_t end = high_watermark.load(std::memory_order_acquire);
  const int64_t first = std::max(first_open_offset.load(), log_start.load());
  return Offset(std::min(end, first));
}

void PartitionState::note_transaction(const Segment& segment, kafka::RecordBatchView batch) {
  if (!batch.is_transactional()) return;
  if (const auto aborted = transactions.note(batch)) {
    segment.transaction_index().append(*aborted);
    last_rollback = aborted->last_offset.value();
  }
  first_open_offset = transactions.first_offset().value_or(Offset(INT64_MAX)).value();
}

std::vector<std::move_only_function<void()>> PartitionState::ripe_waiters() {
  std::vector<std::move_only_function<void()>> ripe;
  const std::lock_guard lock(mutex);
  const Offset end(high_watermark.load());
  const Offset stable = last_stable_offset();
  for (auto at = waiters.begin(); at != waiters.end();) {
    if (at->second.past < (at->second.committed ? stable : end) || deleted) {
      ripe.push_back(std::move(at->second.ready));
      at = waiters.erase(at);
    } else {
      ++at;
    }
  }
  return ripe;
}

Result<void> roll_segment(PartitionState& partition) {
  const auto list = partition.segment_list();
  const auto& active = list->back();
  if (active->size() == 0) return {};
  const Offset base(partition.high_watermark.load());
  FRESHET_ASSIGN(auto next, Segment::create(partition.disk, partition.directory, base));
  // The roll stands without them.
  if (auto written = write_sidecars(partition); !written) {
    logger.warn("files for Kafka's tools were not written", kv("partition", partition.tp),
                kv("error", written.error()));
  }
  const std::lock_guard lock(partition.mutex);
  FRESHET_TRY(active->seal());
  auto longer = std::make_shared<SegmentList>(*partition.segments);
  longer->push_back(next);
  partition.segments = std::move(longer);
  partition.mark_dirty(active);
  partition.mark_dirty(next);
  partition.dirty_directory = true;
  partition.active_since_ms = -1;
  return {};
}

Result<void> apply_batches(PartitionState& partition,
                           std::span<const kafka::RecordBatchView> batches, int64_t now_ms,
                           size_t& done) {
  PartitionConfig config;
  SegmentPtr active;
  const auto refresh = [&] {
    const std::lock_guard lock(partition.mutex);
    config = partition.config;
    active = partition.segments->back();
  };
  refresh();
  if (partition.active_since_ms < 0 && active->size() > 0) {
    const auto first = active->first_timestamp_ms();
    partition.active_since_ms = first && *first ? std::min(**first, now_ms) : now_ms;
  }
  std::vector<iovec> pieces;
  while (done < batches.size()) {
    const size_t begin = done;
    size_t end = begin;
    uint64_t bytes = 0;
    pieces.clear();
    while (end < batches.size() &&
           !must_roll(*active, bytes, batches[end], config, partition.active_since_ms, now_ms)) {
      const auto& batch = batches[end++];
      pieces.push_back({const_cast<char*>(batch.bytes().data()), batch.size()});
      bytes += batch.size();
    }
    if (end > begin) {
      FRESHET_TRY(active->write(pieces));
      publish(partition, active, batches.subspan(begin, end - begin));
      if (partition.active_since_ms < 0) partition.active_since_ms = now_ms;
      done = end;
    }
    if (done < batches.size()) {
      FRESHET_TRY(roll_segment(partition));
      refresh();
    }
  }
  return {};
}

SegmentList advance_log_start(PartitionState& partition, Offset to) {
  const std::lock_guard lock(partition.mutex);
  SegmentList gone;
  auto kept = std::make_shared<SegmentList>();
  for (size_t i = 0; i < partition.segments->size(); ++i) {
    const bool last = i + 1 == partition.segments->size();
    const bool outdated = !last && (*partition.segments)[i + 1]->base_offset() <= to;
    auto& list = outdated && !partition.pinned ? gone : *kept;
    list.push_back((*partition.segments)[i]);
  }
  partition.segments = std::move(kept);
  partition.log_start = to.value();
  std::erase_if(partition.dirty_segments, [&gone](const SegmentPtr& segment) {
    return std::ranges::find(gone, segment) != gone.end();
  });
  partition.dirty = true;
  partition.dirty_directory = true;
  return gone;
}

Result<void> write_sidecars(PartitionState& partition) {
  std::string epochs;
  std::string bytes;
  Offset offset;
  std::vector<Offset> outdated;
  {
    const std::lock_guard lock(partition.mutex);
    offset = Offset(partition.high_watermark.load());
    partition.sidecars_at = offset;
    epochs = partition.epochs.to_text();
    const auto durable = partition.producers.durable_before(offset);
    auto& snapshots = partition.snapshots;
    if (!durable.empty()) {
      bytes = durable.to_snapshot(partition.transactions);
      if (snapshots.empty() || snapshots.back() != offset) snapshots.push_back(offset);
    }
    while (snapshots.size() > kSnapshotsKept) {
      outdated.push_back(snapshots.front());
      snapshots.erase(snapshots.begin());
    }
  }
  FRESHET_TRY(overwrite(partition.disk, partition.directory / "leader-epoch-checkpoint", epochs));
  if (!bytes.empty()) {
    FRESHET_TRY(overwrite(partition.disk,
                          partition.directory / segment_file_name(offset, ".snapshot"), bytes));
  }
  for (const Offset old : outdated) {
    FRESHET_TRY(partition.disk.remove(partition.directory / segment_file_name(old, ".snapshot")));
  }
  return {};
}

}  // namespace freshet::broker
