#include "warehouse/table.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "warehouse/native_block.h"
#include "warehouse/sql_tokens.h"

namespace freshet::warehouse {
namespace {

constexpr size_t kViewTargetsMax = 1'000;

Result<std::vector<NativeBlock>> select(ClickHouse& clickhouse, const std::string& sql) {
  FRESHET_ASSIGN(const QueryResult result, clickhouse.query(sql, "Native"));
  return decode_native(result.bytes);
}

Result<DefaultKind> parse_default_kind(std::string_view text) {
  if (text.empty()) return DefaultKind::kNone;
  if (text == "DEFAULT") return DefaultKind::kDefault;
  if (text == "MATERIALIZED") return DefaultKind::kMaterialized;
  if (text == "ALIAS") return DefaultKind::kAlias;
  if (text == "EPHEMERAL") return DefaultKind::kEphemeral;
  return fail(Errc::kUnsupported, "the default kind {} is not supported yet", text);
}

uint64_t to_number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set_safety(TableSafety& safety, bool replicated, std::string_view name,
                std::string_view value) {
  const std::string_view window =
      replicated ? "replicated_deduplication_window" : "non_replicated_deduplication_window";
  if (name == window) safety.deduplication_window = to_number(value);
  if (replicated && name == "replicated_deduplication_window_seconds") {
    safety.deduplication_seconds = to_number(value);
  }
  if (name == "fsync_after_insert") safety.fsync_after_insert = to_number(value) != 0;
  if (name == "fsync_part_directory") safety.fsync_part_directory = to_number(value) != 0;
  if (name == "async_insert") safety.async_insert = to_number(value) != 0;
}

// Of "ReplacingMergeTree(version, is_deleted)" the version: a bare column, or nothing. Of a
// replicated one it comes after the strings that say where in Keeper it is.
std::string first_engine_argument(const std::vector<SqlToken>& tokens) {
  if (tokens.size() < 4 || !tokens[1].is_symbol('(')) return {};
  for (size_t i = 2; i < tokens.size() && tokens[i].depth > 0; ++i) {
    if (tokens[i].is_name()) return tokens[i].name();
  }
  return {};
}

Result<std::vector<TableColumn>> describe_columns(ClickHouse& clickhouse, const TableName& name) {
  FRESHET_ASSIGN(const std::vector<NativeBlock> blocks,
                 select(clickhouse,
                        fmt::format("SELECT name, type, toString(default_kind), default_expression "
                                    "FROM system.columns WHERE database = {} AND table = {} "
                                    "ORDER BY position",
                                    quote_string(name.database), quote_string(name.table))));
  std::vector<TableColumn> columns;
  for (const NativeBlock& block : blocks) {
    for (size_t row = 0; row < block.rows; ++row) {
      TableColumn column{.name = block.strings(0)[row],
                         .type_text = block.strings(1)[row],
                         .type = {},
                         .default_kind = DefaultKind::kNone,
                         .default_expression = block.strings(3)[row]};
      FRESHET_ASSIGN_CONTEXT(column.default_kind, parse_default_kind(block.strings(2)[row]),
                             "column {}", column.name);
      if (auto type = parse_clickhouse_type(column.type_text)) column.type = std::move(*type);
      columns.push_back(std::move(column));
    }
  }
  return columns;
}

Result<TableSafety> describe_safety(ClickHouse& clickhouse, bool replicated,
                                    const std::vector<Setting>& own) {
  TableSafety safety;
  FRESHET_ASSIGN(
      const std::vector<NativeBlock> defaults,
      select(clickhouse,
             fmt::format("SELECT name, value FROM system.{}merge_tree_settings WHERE name IN "
                         "('non_replicated_deduplication_window', "
                         "'replicated_deduplication_window', "
                         "'replicated_deduplication_window_seconds', 'fsync_after_insert', "
                         "'fsync_part_directory', 'async_insert')",
                         replicated ? "replicated_" : "")));
  for (const NativeBlock& block : defaults) {
    for (size_t row = 0; row < block.rows; ++row) {
      set_safety(safety, replicated, block.strings(0)[row], block.strings(1)[row]);
    }
  }
  for (const Setting& setting : own) set_safety(safety, replicated, setting.name, setting.value);
  return safety;
}

Result<std::vector<ViewTarget>> views_of(ClickHouse& clickhouse, const TableName& source) {
  FRESHET_ASSIGN(
      const std::vector<NativeBlock> blocks,
      select(clickhouse,
             fmt::format("SELECT database, name, target_database, target_table FROM system.tables "
                         "WHERE engine = 'MaterializedView' AND (database, name) IN ("
                         "SELECT arrayJoin(arrayZip(dependencies_database, dependencies_table)) "
                         "FROM system.tables WHERE database = {} AND name = {}) "
                         "ORDER BY database, name",
                         quote_string(source.database), quote_string(source.table))));
  std::vector<ViewTarget> views;
  for (const NativeBlock& block : blocks) {
    for (size_t row = 0; row < block.rows; ++row) {
      const TableName view{block.strings(0)[row], block.strings(1)[row]};
      const TableName target{block.strings(2)[row], block.strings(3)[row]};
      FRESHET_ASSIGN_CONTEXT(TableDescription description, describe_table(clickhouse, target),
                             "target of materialized view {}", view.display());
      views.push_back({.view = view, .source = source, .target = std::move(description)});
    }
  }
  return views;
}

}  // namespace

Result<TableName> TableName::parse(std::string_view text) {
  FRESHET_ASSIGN(const std::vector<SqlToken> tokens, tokenize_sql(text));
  if (tokens.size() == 1 && tokens[0].is_name()) {
    return TableName{.database = "default", .table = tokens[0].name()};
  }
  if (tokens.size() == 3 && tokens[0].is_name() && tokens[1].is_symbol('.') &&
      tokens[2].is_name()) {
    return TableName{.database = tokens[0].name(), .table = tokens[2].name()};
  }
  return fail(Errc::kInvalidArgument,
              "\"{}\" is not a table name; expected table or database.table", text);
}

std::string TableName::quoted() const {
  return quote_identifier(database) + "." + quote_identifier(table);
}

std::string TableName::display() const { return database + "." + table; }

std::string_view TableDescription::local_engine() const {
  constexpr std::string_view kPrefix = "Replicated";
  std::string_view name = engine;
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  return name;
}

std::string local_engine_clause(std::string_view clause) {
  constexpr std::string_view kPrefix = "Replicated";
  const auto tokens = tokenize_sql(clause);
  if (!tokens || tokens->empty() || !(*tokens)[0].text.starts_with(kPrefix)) {
    return std::string(clause);
  }
  const std::string name((*tokens)[0].text.substr(kPrefix.size()));
  if (tokens->size() < 2 || !(*tokens)[1].is_symbol('(')) {
    return name + std::string(clause.substr((*tokens)[0].end()));
  }
  // The strings at the front of the arguments, each with its comma.
  size_t next = 2;
  while (next < tokens->size() && (*tokens)[next].kind == SqlToken::Kind::kString) {
    ++next;
    if (next < tokens->size() && (*tokens)[next].is_symbol(',')) ++next;
  }
  if (next == tokens->size()) return std::string(clause);
  const bool no_arguments = (*tokens)[next].is_symbol(')');
  const size_t rest = no_arguments ? (*tokens)[next].end() : (*tokens)[next].at;
  return fmt::format("{}{}{}", name, no_arguments ? "" : "(", clause.substr(rest));
}

const TableColumn* TableDescription::find(std::string_view column) const {
  const auto found = std::ranges::find(columns, column, &TableColumn::name);
  return found == columns.end() ? nullptr : &*found;
}

std::vector<Setting> settings_clause(std::string_view engine_full) {
  std::vector<Setting> settings;
  const auto tokens = tokenize_sql(engine_full);
  if (!tokens) return settings;
  size_t i = 0;
  while (i < tokens->size() && !((*tokens)[i].depth == 0 && (*tokens)[i].is_word("SETTINGS"))) ++i;
  for (++i; i + 2 < tokens->size(); i += 4) {  // name = value ,
    if (!(*tokens)[i].is_name() || !(*tokens)[i + 1].is_symbol('=')) break;
    std::string_view value = (*tokens)[i + 2].text;
    if (value.size() >= 2 && value.front() == '\'') value = value.substr(1, value.size() - 2);
    settings.push_back({.name = (*tokens)[i].name(), .value = std::string(value)});
  }
  return settings;
}

Result<TableDescription> describe_table(ClickHouse& clickhouse, const TableName& name) {
  FRESHET_ASSIGN(
      const std::vector<NativeBlock> blocks,
      select(clickhouse, fmt::format("SELECT engine, engine_full, sorting_key, partition_key, "
                                     "primary_key, data_paths[1] FROM system.tables "
                                     "WHERE database = {} AND name = {}",
                                     quote_string(name.database), quote_string(name.table))));
  if (blocks.empty() || blocks[0].rows == 0) {
    return fail(Errc::kNotFound, "table {} does not exist", name.display());
  }
  const NativeBlock& row = blocks[0];
  TableDescription table{.name = name,
                         .engine = row.strings(0)[0],
                         .engine_full = row.strings(1)[0],
                         .sorting_key = row.strings(2)[0],
                         .partition_key = row.strings(3)[0],
                         .primary_key = row.strings(4)[0],
                         .version_column = {},
                         .data_directory = row.strings(5)[0],
                         .columns = {},
                         .safety = {}};
  if (table.is_replacing()) {
    FRESHET_ASSIGN(const std::vector<SqlToken> tokens, tokenize_sql(table.engine_full));
    table.version_column = first_engine_argument(tokens);
  }
  FRESHET_ASSIGN_CONTEXT(table.columns, describe_columns(clickhouse, name), "table {}",
                         name.display());
  if (table.is_merge_tree()) {
    FRESHET_ASSIGN(table.safety, describe_safety(clickhouse, table.is_replicated(),
                                                 settings_clause(table.engine_full)));
  }
  return table;
}

Result<std::vector<ViewTarget>> view_targets(ClickHouse& clickhouse, const TableName& table) {
  std::vector<ViewTarget> all;
  std::set<TableName> visited = {table};
  std::vector<TableName> frontier = {table};
  for (size_t next = 0; next < frontier.size(); ++next) {
    const TableName source = frontier[next];
    FRESHET_ASSIGN(std::vector<ViewTarget> views, views_of(clickhouse, source));
    for (ViewTarget& view : views) {
      if (all.size() == kViewTargetsMax) {
        return fail(Errc::kTooLarge, "table {} feeds more than {} materialized views",
                    table.display(), kViewTargetsMax);
      }
      if (visited.insert(view.target.name).second) frontier.push_back(view.target.name);
      all.push_back(std::move(view));
    }
  }
  return all;
}

}  // namespace freshet::warehouse
