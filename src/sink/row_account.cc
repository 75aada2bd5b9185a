#include "sink/row_account.h"

#include "warehouse/native_block.h"

namespace freshet::sink {
namespace {

using warehouse::DefaultKind;

// A session table with the same columns; expressions of keys read them by name.
std::string create_rows_table(const TablePlan& plan) {
  std::string sql = "CREATE TEMPORARY TABLE _freshet_rows (";
  bool first = true;
  for (const warehouse::TableColumn& column : plan.table.columns) {
    sql += fmt::format("{}{} {}", first ? "" : ", ", warehouse::quote_identifier(column.name),
                       column.type_text);
    first = false;
    switch (column.default_kind) {
      case DefaultKind::kNone:
        break;
      case DefaultKind::kDefault:
        sql += " DEFAULT " + column.default_expression;
        break;
      case DefaultKind::kMaterialized:
        sql += " MATERIALIZED " + column.default_expression;
        break;
      case DefaultKind::kAlias:
        sql += " ALIAS " + column.default_expression;
        break;
      case DefaultKind::kEphemeral:
        sql += " EPHEMERAL " + column.default_expression;
        break;
    }
  }
  return sql + ") ENGINE = Memory";
}

std::string replaced_query(const TablePlan& plan, Survivor survivor) {
  const std::string key = fmt::format("tuple({})", plan.table.sorting_key);
  const std::string partition = plan.table.partition_key.empty()
                                    ? "tuple(0)"
                                    : fmt::format("tuple({})", plan.table.partition_key);
  const std::string version = plan.table.version_column.empty()
                                  ? "0"
                                  : warehouse::quote_identifier(plan.table.version_column);
  std::string_view wins = "s._freshet_v >= r._freshet_v";
  if (plan.table.version_column.empty()) {
    wins = survivor == Survivor::kAnyOrigin
               ? "(s._freshet_t != r._freshet_t OR s._freshet_p != r._freshet_p OR "
                 "s._freshet_o > r._freshet_o)"
               : "s._freshet_t = r._freshet_t AND s._freshet_p = r._freshet_p AND "
                 "s._freshet_o > r._freshet_o";
  }
  // Names that no column of the table has; the inner IN lets the primary key skip what cannot
  // match.
  const std::string values = fmt::format(
      "_topic AS _freshet_t, _partition AS _freshet_p, _offset AS _freshet_o, {} AS _freshet_k, {} "
      "AS _freshet_k2, {} AS _freshet_v",
      key, partition, version);
  return fmt::format(
      "SELECT DISTINCT r._freshet_o AS o FROM (SELECT {0} FROM _freshet_rows) AS r INNER JOIN "
      "(SELECT {0} FROM {1} WHERE {2} IN (SELECT {2} FROM _freshet_rows)) AS s "
      "ON r._freshet_k = s._freshet_k AND r._freshet_k2 = s._freshet_k2 WHERE {3}",
      values, plan.table.name.quoted(), key, wins);
}

}  // namespace

Result<std::vector<uint64_t>> find_replaced(warehouse::ClickHouse& clickhouse,
                                            const TablePlan& plan, std::string_view block,
                                            const std::vector<std::string>& columns,
                                            Survivor survivor) {
  // The temporary table lives in the session; one that was used before may still have it.
  const std::string drop = "DROP TEMPORARY TABLE IF EXISTS _freshet_rows";
  FRESHET_ASSIGN(const auto session, clickhouse.open_session());
  FRESHET_TRY(session->query(drop, "Null"));
  FRESHET_TRY(session->query(create_rows_table(plan), "Null", copy_settings()));
  const warehouse::InsertStatement insert{
      .table = "_freshet_rows", .columns = columns, .settings = plan.insert_settings};
  FRESHET_TRY(session->insert(insert, std::span(&block, 1)));
  FRESHET_ASSIGN(
      const warehouse::QueryResult result,
      session->query(replaced_query(plan, survivor), "Native", {{"transform_null_in", "1"}}));
  FRESHET_TRY(session->query(drop, "Null"));
  FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks,
                 warehouse::decode_native(result.bytes));
  std::vector<uint64_t> offsets;
  for (const warehouse::NativeBlock& part : blocks) {
    offsets.insert(offsets.end(), part.u64(0).begin(), part.u64(0).end());
  }
  return offsets;
}

}  // namespace freshet::sink
