// Deletes rows of which there are more than one.
//
// A row is named by its part and its place in the part, which no later row ever has: a merge or
// another mutation that comes between looking and deleting makes new parts, and then nothing is
// deleted, never the wrong row.
#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"
#include "model/offset.h"
#include "warehouse/clickhouse.h"
#include "warehouse/table.h"

namespace freshet::sink {

/// Most offsets of one call.
inline constexpr size_t kCopyOffsetsMax = 10'000;

/// Leaves the first row of each offset; returns how many others there were. They are gone when it
/// returns, as durably as the engine's merges are, unless the table was rearranged meanwhile.
Result<size_t> remove_copies(warehouse::ClickHouse& clickhouse, const warehouse::TableName& table,
                             const TopicPartition& tp, std::span<const Offset> offsets);

}  // namespace freshet::sink
