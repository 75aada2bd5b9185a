// What a table of the warehouse is, as the engine itself describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/column_type.h"
#include "warehouse/clickhouse.h"

namespace freshet::warehouse {

struct TableName {
  std::string database;
  std::string table;
  /// "db.table" or "table" (database "default"), each part optionally in backticks.
  static Result<TableName> parse(std::string_view text);
  [[nodiscard]] std::string quoted() const;   // for SQL
  [[nodiscard]] std::string display() const;  // for people
  friend auto operator<=>(const TableName&, const TableName&) = default;
};

enum class DefaultKind { kNone, kDefault, kMaterialized, kAlias, kEphemeral };

struct TableColumn {
  std::string name;
  std::string type_text;           // ClickHouse's spelling
  std::optional<ColumnType> type;  // nullopt: Freshet does not write this type yet
  DefaultKind default_kind = DefaultKind::kNone;
  std::string default_expression;
};

/// Settings of a MergeTree table that decide whether a write can be repeated and is durable.
/// Values in force: the table's own, else the engine's default.
struct TableSafety {
  uint64_t deduplication_window = 0;  // part-blocks remembered; 0: tokens do nothing
  /// How long a part-block is remembered at most. Replicated tables only: the others go by the
  /// window alone.
  uint64_t deduplication_seconds = 0;
  bool fsync_after_insert = false;
  bool fsync_part_directory = false;
  bool async_insert = false;  // set on the table itself, which wins over the statement
};

struct TableDescription {
  TableName name;
  std::string engine;         // "ReplacingMergeTree"
  std::string engine_full;    // with arguments, keys and settings
  std::string sorting_key;    // expression list, empty if none
  std::string partition_key;  // expression, empty if none
  std::string primary_key;
  std::string version_column;  // of a ReplacingMergeTree(version[, is_deleted])
  std::string data_directory;  // where the engine keeps its parts; empty if nowhere
  std::vector<TableColumn> columns;
  TableSafety safety;
  [[nodiscard]] bool is_merge_tree() const { return engine.ends_with("MergeTree"); }
  [[nodiscard]] bool is_replicated() const { return engine.starts_with("Replicated"); }
  /// The engine without "Replicated" before its name.
  [[nodiscard]] std::string_view local_engine() const;
  [[nodiscard]] bool is_replacing() const { return local_engine() == "ReplacingMergeTree"; }
  [[nodiscard]] const TableColumn* find(std::string_view column) const;
};

/// The settings at the end of system.tables.engine_full, in the order they stand there.
[[nodiscard]] Settings settings_clause(std::string_view engine_full);

/// "ReplicatedReplacingMergeTree('/path', '{replica}', version)" -> "ReplacingMergeTree(version)":
/// the engine clause of the same table on one server alone. Others stay as they are.
[[nodiscard]] std::string local_engine_clause(std::string_view clause);

/// kNotFound if there is no such table.
Result<TableDescription> describe_table(ClickHouse& clickhouse, const TableName& name);

/// A materialized view that an INSERT into `source` feeds, and the table it writes to.
struct ViewTarget {
  TableName view;
  TableName source;
  TableDescription target;
};

/// Every materialized view that an INSERT into `table` reaches, views of views too, nearest first.
Result<std::vector<ViewTarget>> view_targets(ClickHouse& clickhouse, const TableName& table);

}  // namespace freshet::warehouse
