// Finds where the sound part of a segment ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kafka/record_batch.h"
#include "model/offset.h"

namespace freshet::broker {

struct SegmentScan {
  uint64_t end = 0;   // behind the last sound batch
  Offset next;        // the offset that follows it
  std::string fault;  // why the scan stopped before the end of the bytes; empty when it did not
};

/// Compaction leaves gaps between offsets; what the commit thread has written has none.
enum class OffsetGaps : bool { kNone, kAllowed };

/// Walks whole batches of `bytes` from `position` on, checks each one's CRC and that offsets go on
/// from `expected`, and calls `visit` for each sound one.
SegmentScan scan_segment(
    std::string_view bytes, uint64_t position, Offset expected, OffsetGaps gaps,
    const std::function<void(kafka::RecordBatchView batch, uint64_t position)>& visit);

}  // namespace freshet::broker
