// Leaves the records of rolled back transactions out of what was read from a log.
#pragma once

#include <cstdint>
#include <vector>

#include "kafka/group_consumer.h"
#include "model/offset.h"

namespace freshet::kafka {

/// A transaction that was rolled back, as a Fetch response names it.
struct AbortedTransaction {
  int64_t producer_id = -1;
  Offset first_offset;
};

/// `slices` were read up to the last stable offset and `aborted` are the transactions that were
/// rolled back within. Runs of batches of those are replaced by a control batch without records
/// (encode_gap), so that a reader's position still follows from the batches it is given.
[[nodiscard]] std::vector<LogSlice> leave_out_aborted(std::vector<LogSlice> slices,
                                                      std::vector<AbortedTransaction> aborted);

}  // namespace freshet::kafka
