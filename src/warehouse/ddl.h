// Tables as the platform file declares them: made if missing, compared if there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "warehouse/clickhouse.h"
#include "warehouse/table.h"

namespace freshet::warehouse {

struct DdlOptions {
  bool provenance = true;  // add _topic, _partition, _offset to tables that lack them
  uint64_t deduplication_window = 10'000;  // part-blocks; for tables that do not say
  /// Of replicated tables, likewise.
  std::chrono::seconds deduplication_time = std::chrono::hours(24 * 7);
};

/// One CREATE TABLE or CREATE MATERIALIZED VIEW statement, read just far enough to change it.
/// Everything else stays as written; the engine's own parser judges it.
struct TableStatement {
  enum class Kind { kTable, kMaterializedView };
  Kind kind = Kind::kTable;
  TableName name;
  std::optional<TableName> view_target;  // materialized view: TO …
  std::string text;                      // without a trailing semicolon

  /// kInvalidArgument names what was found and what was expected. At most 1 MiB.
  static Result<TableStatement> parse(std::string_view sql);
};

struct TableOutcome {
  TableName name;
  bool created = false;  // else it was there, and equal
};

/// Creates what is missing, in order, with their databases; compares the rest.
/// What Freshet adds to a MergeTree table that it creates, unless the statement says otherwise:
///   - provenance columns (not to the target of a materialized view, whose rows have no one origin)
///     and a minmax index on _offset, which keeps the probe of one range cheap
///   - non_replicated_deduplication_window (of a replicated table its own, in part-blocks and
///     seconds), fsync_after_insert = 1, fsync_part_directory = 1
/// A table that exists is never altered. kRefused: one message with every difference of every
/// table, each with what is there and what was declared.
Result<std::vector<TableOutcome>> apply_tables(ClickHouse& clickhouse,
                                               const std::vector<std::string>& statements,
                                               const DdlOptions& options = {});

}  // namespace freshet::warehouse
