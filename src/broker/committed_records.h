// Leaves the records of rolled back transactions out of what was read from a log.
#pragma once

#include <vector>

#include "broker/storage/partition_log.h"
#include "kafka/group_consumer.h"

namespace freshet::broker {

/// `slices` were read up to the last stable offset and `aborted` are the transactions that were
/// rolled back within. Runs of batches of those are replaced by a control batch without records
/// (kafka::encode_gap), so that a reader's position still follows from the batches it is given.
[[nodiscard]] std::vector<kafka::LogSlice> leave_out_aborted(
    std::vector<kafka::LogSlice> slices, std::vector<AbortedTransaction> aborted);

}  // namespace freshet::broker
