// Which closed segments a partition need not keep.
#pragma once

#include <cstdint>

#include "broker/storage/partition_state.h"
#include "model/offset.h"

namespace freshet::broker {

/// Where the log may start by retention.ms (the largest timestamp of a segment) and
/// retention.bytes; the log start when nothing may go. Whole segments only, never the active one.
[[nodiscard]] Offset retention_point(const PartitionState& partition, int64_t now_ms);

/// Everything in the partition is older than retention.ms, also what the active segment holds.
[[nodiscard]] bool is_outlived(const PartitionState& partition, int64_t now_ms);

}  // namespace freshet::broker
