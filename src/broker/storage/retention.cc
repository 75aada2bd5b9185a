#include "broker/storage/retention.h"

namespace freshet::broker {

Offset retention_point(const PartitionState& partition, int64_t now_ms) {
  PartitionConfig config;
  {
    const std::lock_guard lock(partition.mutex);
    config = partition.config;
  }
  const auto segments = partition.segment_list();
  uint64_t total = 0;
  for (const auto& segment : *segments) total += segment->size();
  Offset keep_from(partition.log_start.load());
  for (size_t i = 0; i + 1 < segments->size(); ++i) {
    const Segment& segment = *(*segments)[i];
    const bool over_size = config.retention_bytes >= 0 &&
                           total >= static_cast<uint64_t>(config.retention_bytes) + segment.size();
    // A segment whose timestamps are not known is kept.
    const auto newest = segment.max_timestamp_ms();
    const bool over_age = config.retention_ms >= 0 && newest && *newest >= 0 &&
                          now_ms - *newest > config.retention_ms;
    if (!over_size && !over_age) break;
    total -= segment.size();
    keep_from = std::max(keep_from, (*segments)[i + 1]->base_offset());
  }
  return keep_from;
}

}  // namespace freshet::broker
