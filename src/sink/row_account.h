// Finds out what became of rows that are not in their table: a ReplacingMergeTree keeps one row per
// sorting key within a partition, so an absent row is accounted for if and only if a row that may
// replace it is there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sink/table_plan.h"
#include "warehouse/clickhouse.h"

namespace freshet::sink {

/// Whose row may have replaced an absent one, in a table without a version column.
enum class Survivor {
  /// Another origin's too: there is no order between origins. Right for rows that have landed.
  kAnyOrigin,
  /// Only of the same topic and partition. Right for rows that may never have landed: another
  /// origin's row says nothing about them, and may itself give way at a later merge to an older row
  /// of theirs. Writing such a row again is harmless, because either row may win.
  kSameOrigin,
};

/// `block` holds rows of one topic partition, encoded with `columns`, all absent from the table.
/// Returns the offsets of those that were replaced, in no order. A survivor has the same sorting
/// key and the same partition of the table and
///   with a version column: an equal or higher version
///   without: the same topic and partition and a higher offset, or, for kAnyOrigin, another origin
/// The engine evaluates keys and versions, so any expression works.
Result<std::vector<uint64_t>> find_replaced(warehouse::ClickHouse& clickhouse,
                                            const TablePlan& plan, std::string_view block,
                                            const std::vector<std::string>& columns,
                                            Survivor survivor);

}  // namespace freshet::sink
