// What a sink must know about its table before it writes the first row, and what speaks against
// writing at all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "sink/clickhouse_sink.h"
#include "warehouse/clickhouse.h"
#include "warehouse/table.h"

namespace freshet::sink {

struct TablePlan {
  warehouse::TableDescription table;
  std::vector<warehouse::ViewTarget> views;
  std::vector<SinkColumn> columns;
  std::shared_ptr<const Schema> schema;
  bool has_provenance = false;  // the three columns are there and are written
  Proof proof;
  warehouse::Settings insert_settings;  // pinned in every INSERT
};

/// Every reason not to write to this table or its views' targets, each with what mends it; empty if
/// there is none. Pure.
[[nodiscard]] std::vector<std::string> safety_problems(
    const warehouse::TableDescription& table, const std::vector<warehouse::ViewTarget>& views);

/// Describes, checks and plans; kRefused with all problems in one message.
Result<TablePlan> plan_table(warehouse::ClickHouse& clickhouse, const warehouse::TableName& name,
                             const ClickHouseSinkOptions& options);

/// With these a CREATE statement takes the columns of a table over as they are.
[[nodiscard]] warehouse::Settings copy_settings();

}  // namespace freshet::sink
