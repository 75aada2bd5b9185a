// Some rows of a batch as a batch of their own.
#pragma once

#include <span>
#include <vector>

#include "model/column_batch.h"
#include "model/offset.h"

namespace freshet::sink {

/// Copies the rows with the given indexes, in that order.
[[nodiscard]] ColumnBatch select_rows(const ColumnBatch& batch, std::span<const size_t> rows);
[[nodiscard]] std::vector<Offset> select_offsets(std::span<const Offset> offsets,
                                                 std::span<const size_t> rows);

}  // namespace freshet::sink
