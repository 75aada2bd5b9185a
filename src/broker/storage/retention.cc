#include "broker/storage/retention.h"

#include <sys/stat.h>

#include <algorithm>

namespace freshet::broker {

namespace {

// Without a known timestamp: when the file was last written, as Kafka does.
int64_t age_reference_ms(const Segment& segment) {
  const auto newest = segment.max_timestamp_ms();
  if (newest && *newest >= 0) return *newest;
  const auto file = segment.file();
  struct stat status{};
  if (!file || ::fstat((*file)->file().fd(), &status) != 0) return INT64_MAX;
  return int64_t{status.st_mtim.tv_sec} * 1000 + status.st_mtim.tv_nsec / 1'000'000;
}

bool is_over_age(const Segment& segment, const PartitionConfig& config, int64_t now_ms) {
  if (config.retention_ms < 0) return false;
  const int64_t reference_ms = age_reference_ms(segment);
  return reference_ms < now_ms && now_ms - reference_ms > config.retention_ms;
}

PartitionConfig config_of(const PartitionState& partition) {
  const std::lock_guard lock(partition.mutex);
  return partition.config;
}

}  // namespace

Offset retention_point(const PartitionState& partition, int64_t now_ms) {
  const PartitionConfig config = config_of(partition);
  const auto segments = partition.segment_list();
  uint64_t total = 0;
  for (const auto& segment : *segments) total += segment->size();
  Offset keep_from(partition.log_start.load());
  for (size_t i = 0; i + 1 < segments->size(); ++i) {
    const Segment& segment = *(*segments)[i];
    const bool over_size = config.retention_bytes >= 0 &&
                           total >= static_cast<uint64_t>(config.retention_bytes) + segment.size();
    if (!over_size && !is_over_age(segment, config, now_ms)) break;
    total -= segment.size();
    keep_from = std::max(keep_from, (*segments)[i + 1]->base_offset());
  }
  return keep_from;
}

bool is_outlived(const PartitionState& partition, int64_t now_ms) {
  const PartitionConfig config = config_of(partition);
  const auto segments = partition.segment_list();
  const Segment& active = *segments->back();
  if (active.size() == 0 || config.retention_ms < 0) return false;
  // Mostly this says it, without a look at any file.
  if (const int64_t newest = active.newest().timestamp_ms;
      newest >= 0 && now_ms - newest <= config.retention_ms) {
    return false;
  }
  return std::ranges::all_of(
      *segments, [&](const SegmentPtr& segment) { return is_over_age(*segment, config, now_ms); });
}

}  // namespace freshet::broker
