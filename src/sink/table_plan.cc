#include "sink/table_plan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "sink/row_binary_value.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/native_block.h"
#include "warehouse/sql_tokens.h"

namespace freshet::sink {
namespace {

using warehouse::ClickHouse;
using warehouse::DefaultKind;
using warehouse::SqlToken;
using warehouse::TableColumn;
using warehouse::TableDescription;
using warehouse::ViewTarget;

constexpr uint64_t kWindowAdvised = 10'000;
// Longer than a night in which nobody looks.
constexpr uint64_t kWindowSecondsMin = 86'400;
constexpr uint64_t kWindowSecondsAdvised = 604'800;
constexpr size_t kDefaultBytesMax = size_t{1} << 20;

struct ProvenanceColumn {
  std::string_view name;
  std::string_view type;
};
constexpr std::array<ProvenanceColumn, 3> kProvenance = {{
    {"_topic", "LowCardinality(String)"},
    {"_partition", "UInt32"},
    {"_offset", "UInt64"},
}};

// What makes one INSERT one block of which every part either lands or is recognised. Values that
// are ClickHouse's defaults stand here too: its defaults have changed before. What is required has
// to be known to the ClickHouse; the rest can only be missing where it does not yet do what the
// setting turns off.
struct PinnedSetting {
  std::string_view name;
  std::string value;
  bool required = false;
};
std::vector<PinnedSetting> pinned_settings() {
  const std::string never = "1099511627776";  // 2^40 rows or bytes
  return {
      {"async_insert", "0", true},
      {"insert_deduplicate", "1", true},
      {"deduplicate_insert", "enable"},
      {"deduplicate_blocks_in_dependent_materialized_views", "1", true},
      {"max_insert_threads", "1", true},
      {"max_insert_block_size", never, true},
      {"min_insert_block_size_rows", never, true},
      {"min_insert_block_size_bytes", never, true},
      {"min_insert_block_size_rows_for_materialized_views", never},
      {"min_insert_block_size_bytes_for_materialized_views", never},
      {"use_strict_insert_block_limits", "0"},
      {"max_partitions_per_insert_block", "0"},
      {"optimize_on_insert", "0"},  // collapsing before landing would hide rows from the probe
      {"parallel_view_processing", "0"},
      {"materialized_views_ignore_errors", "0"},
      {"input_format_native_allow_types_conversion", "1"},  // JSON comes as its text
      {"input_format_json_read_bools_as_numbers", "0"},     // in it, [1, true] is not [1, 1]
  };
}

bool is_provenance(std::string_view name) {
  return std::ranges::any_of(kProvenance,
                             [&](const ProvenanceColumn& own) { return own.name == name; });
}

void check_target(const TableDescription& table, const std::string& role,
                  std::vector<std::string>& problems) {
  const std::string name = role + table.name.display();
  if (table.engine == "Distributed") {
    problems.push_back(
        fmt::format("{} is a Distributed table, which does not deduplicate a repeated insert: "
                    "write to the local table of each shard",
                    name));
    return;
  }
  if (!table.is_merge_tree()) {
    problems.push_back(fmt::format(
        "{} has engine {}, which cannot deduplicate a repeated insert: use a MergeTree engine",
        name, table.engine));
    return;
  }
  if (table.engine.starts_with("Shared")) {
    problems.push_back(
        fmt::format("{} has engine {}, which is not supported yet", name, table.engine));
    return;
  }
  std::string mend;
  const auto add = [&mend](std::string_view setting) {
    mend += fmt::format("{}{}", mend.empty() ? "" : ", ", setting);
  };
  std::string wrong;
  const auto is_wrong = [&wrong](std::string_view what) {
    wrong += fmt::format("{}{}", wrong.empty() ? "" : " and ", what);
  };
  if (table.safety.deduplication_window == 0) {
    is_wrong("has no deduplication window");
    add(fmt::format("{}replicated_deduplication_window = {}", table.is_replicated() ? "" : "non_",
                    kWindowAdvised));
  }
  if (table.is_replicated() && table.safety.deduplication_seconds < kWindowSecondsMin) {
    is_wrong(fmt::format("forgets inserts after {} s", table.safety.deduplication_seconds));
    add(fmt::format("replicated_deduplication_window_seconds = {}", kWindowSecondsAdvised));
  }
  if (!table.safety.fsync_after_insert || !table.safety.fsync_part_directory) {
    is_wrong("does not fsync what is inserted");
    add("fsync_after_insert = 1, fsync_part_directory = 1");
  }
  if (table.safety.async_insert) {
    is_wrong("forces asynchronous inserts");
    add("async_insert = 0");
  }
  if (!wrong.empty()) {
    problems.push_back(fmt::format("{} {}: ALTER TABLE {} MODIFY SETTING {}", name, wrong,
                                   table.name.quoted(), mend));
  }
}

// Names of the functions called in an expression: words before an opening parenthesis.
std::set<std::string> functions_in(const std::vector<SqlToken>& tokens) {
  std::set<std::string> names;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].kind == SqlToken::Kind::kWord && tokens[i + 1].is_symbol('(')) {
      names.emplace(tokens[i].text);
    }
  }
  return names;
}

bool is_time(ColumnKind kind) {
  return kind == ColumnKind::kDateTime || kind == ColumnKind::kDateTime64 ||
         kind == ColumnKind::kDate || kind == ColumnKind::kDate32;
}

// "now()", "now64(3)", "today()", "now('UTC')": one call with at most literal arguments.
bool is_current_time(const std::vector<SqlToken>& tokens) {
  if (tokens.size() < 3 || !tokens[1].is_symbol('(')) return false;
  if (!tokens[0].is_word("now") && !tokens[0].is_word("now64") && !tokens[0].is_word("today")) {
    return false;
  }
  return std::ranges::all_of(tokens.begin() + 2, tokens.end() - 1, [](const SqlToken& token) {
    return token.kind == SqlToken::Kind::kString || token.is_symbol(',') ||
           (token.kind == SqlToken::Kind::kWord && token.text[0] >= '0' && token.text[0] <= '9');
  });
}

Result<bool> is_deterministic(ClickHouse& clickhouse, const std::set<std::string>& functions) {
  if (functions.empty()) return true;
  std::string list;
  for (const std::string& name : functions) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", warehouse::quote_string(name));
  }
  FRESHET_ASSIGN(
      const warehouse::QueryResult result,
      clickhouse.query(fmt::format("SELECT count() FROM system.functions WHERE name IN ({}) "
                                   "AND NOT ifNull(deterministic, 0)",
                                   list)));
  return result.bytes.starts_with("0");
}

bool holds_json(const ColumnType& type) {
  return type.kind == ColumnKind::kJson || std::ranges::any_of(type.parts, holds_json);
}

// nullopt: the table has to compute it, row by row.
Result<std::optional<SinkColumn>> plan_default(ClickHouse& clickhouse, const TableColumn& column) {
  SinkColumn planned{.field = {.name = column.name, .type = *column.type},
                     .when_missing = WhenMissing::kConstant,
                     .has_default = true,
                     .constant = Column(*column.type)};
  FRESHET_ASSIGN(const std::vector<SqlToken> tokens,
                 warehouse::tokenize_sql(column.default_expression));
  if (is_time(column.type->kind) && is_current_time(tokens)) {
    planned.when_missing = WhenMissing::kRecordTime;
    return planned;
  }
  FRESHET_ASSIGN(const bool deterministic, is_deterministic(clickhouse, functions_in(tokens)));
  if (!deterministic) return std::nullopt;
  const auto value =
      clickhouse.query(fmt::format("SELECT CAST({}, {}){}", column.default_expression,
                                   warehouse::quote_string(column.type_text),
                                   holds_json(*column.type)
                                       ? " SETTINGS output_format_binary_write_json_as_string = 1"
                                       : ""),
                       "RowBinary");
  if (!value) {
    // An expression that does not stand alone reads other columns of the row.
    if (warehouse::failure_class(warehouse::clickhouse_code(value.error()).value_or(0)) ==
        warehouse::FailureClass::kSchema) {
      return std::nullopt;
    }
    return std::unexpected(value.error());
  }
  if (value->bytes.size() > kDefaultBytesMax) {
    return fail(Errc::kTooLarge, "the default has {} bytes, at most {} fit", value->bytes.size(),
                kDefaultBytesMax);
  }
  FRESHET_TRY(append_row_binary(planned.constant, value->bytes));
  return planned;
}

Result<std::optional<SinkColumn>> plan_column(ClickHouse& clickhouse, const TableColumn& column) {
  if (column.default_kind == DefaultKind::kDefault) return plan_default(clickhouse, column);
  SinkColumn planned{
      .field = {.name = column.name, .type = *column.type},
      .when_missing = column.type->nullable ? WhenMissing::kNull : WhenMissing::kConstant,
      .has_default = false,
      .constant = Column(*column.type)};
  if (!column.type->nullable) planned.constant.append_default();
  return planned;
}

Result<void> plan_columns(ClickHouse& clickhouse, TablePlan& plan,
                          std::vector<std::string>& problems) {
  auto schema = std::make_shared<Schema>();
  for (const TableColumn& column : plan.table.columns) {
    if (is_provenance(column.name) || column.default_kind == DefaultKind::kMaterialized ||
        column.default_kind == DefaultKind::kAlias ||
        column.default_kind == DefaultKind::kEphemeral) {
      continue;
    }
    if (!column.type) {
      if (column.default_kind == DefaultKind::kDefault) continue;  // the table fills it in
      problems.push_back(fmt::format(
          "column {} has type {}, which is not supported yet: give it a DEFAULT (the table then "
          "fills it in) or another type",
          column.name, column.type_text));
      continue;
    }
    FRESHET_ASSIGN_CONTEXT(std::optional<SinkColumn> planned, plan_column(clickhouse, column),
                           "column {} DEFAULT {}", column.name, column.default_expression);
    if (!planned) continue;
    schema->push_back(planned->field);
    plan.columns.push_back(std::move(*planned));
  }
  if (plan.columns.empty()) problems.emplace_back("no column can be written");
  plan.schema = std::move(schema);
  return {};
}

void plan_proof(TablePlan& plan, const ClickHouseSinkOptions& options,
                std::vector<std::string>& problems) {
  std::string missing;
  for (const ProvenanceColumn& own : kProvenance) {
    const TableColumn* column = plan.table.find(own.name);
    if (column == nullptr) {
      missing += fmt::format("{}ADD COLUMN {} {}", missing.empty() ? "" : ", ", own.name, own.type);
    } else if (column->type_text != own.type || column->default_kind == DefaultKind::kAlias ||
               column->default_kind == DefaultKind::kMaterialized) {
      problems.push_back(fmt::format("provenance column {} must be a plain {}, it is {}", own.name,
                                     own.type, column->type_text));
    }
  }
  plan.has_provenance = missing.empty();
  if (!missing.empty()) {
    plan.proof.reason = fmt::format(
        "table {} has no provenance columns, so ranges rest on intent and token alone and cannot "
        "be verified row by row: ALTER TABLE {} {}",
        plan.table.name.display(), plan.table.name.quoted(), missing);
    if (options.require_provenance) problems.push_back(plan.proof.reason);
    return;
  }
  if (plan.table.local_engine() != "MergeTree" && !plan.table.is_replacing()) {
    plan.proof.reason = fmt::format(
        "table {} has engine {}, which rewrites rows when it merges, so they cannot be verified "
        "one by one; ranges rest on intent and token",
        plan.table.name.display(), plan.table.engine);
    return;
  }
  plan.proof = {.by_provenance = true, .reason = "every row carries its topic, partition, offset"};
}

Result<void> plan_insert_settings(ClickHouse& clickhouse, TablePlan& plan,
                                  std::vector<std::string>& problems) {
  std::vector<PinnedSetting> pinned = pinned_settings();
  std::string list = "'insert_deduplication_token'";
  for (const PinnedSetting& setting : pinned) {
    list += fmt::format(", {}", warehouse::quote_string(setting.name));
  }
  FRESHET_ASSIGN(
      const warehouse::QueryResult result,
      clickhouse.query(fmt::format("SELECT name FROM system.settings WHERE name IN ({})", list),
                       "Native"));
  FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks,
                 warehouse::decode_native(result.bytes));
  std::set<std::string, std::less<>> known;
  for (const warehouse::NativeBlock& block : blocks) {
    known.insert(block.strings(0).begin(), block.strings(0).end());
  }
  std::string unknown =
      known.contains("insert_deduplication_token") ? "" : "insert_deduplication_token";
  for (PinnedSetting& setting : pinned) {
    if (known.contains(setting.name)) {
      plan.insert_settings.push_back({std::string(setting.name), std::move(setting.value)});
    } else if (setting.required) {
      unknown += fmt::format("{}{}", unknown.empty() ? "" : ", ", setting.name);
    }
  }
  if (!unknown.empty()) {
    problems.push_back(fmt::format("ClickHouse {} does not know the settings {}: use a newer one",
                                   clickhouse.version(), unknown));
  }
  return {};
}

}  // namespace

warehouse::Settings copy_settings() {
  return {{"flatten_nested", "0"}, {"allow_suspicious_low_cardinality_types", "1"}};
}

std::vector<std::string> safety_problems(const TableDescription& table,
                                         const std::vector<ViewTarget>& views) {
  std::vector<std::string> problems;
  check_target(table, "table ", problems);
  std::set<warehouse::TableName> checked = {table.name};
  for (const ViewTarget& view : views) {
    if (!checked.insert(view.target.name).second) continue;
    check_target(view.target,
                 fmt::format("the target of materialized view {}, ", view.view.display()),
                 problems);
  }
  return problems;
}

Result<TablePlan> plan_table(ClickHouse& clickhouse, const warehouse::TableName& name,
                             const ClickHouseSinkOptions& options) {
  TablePlan plan;
  auto table = describe_table(clickhouse, name);
  if (!table) {
    if (table.error().code() != Errc::kNotFound) return std::unexpected(std::move(table).error());
    return fail(Errc::kNotFound,
                "table {} does not exist: create it, or declare it under tables: in the platform "
                "file",
                name.display());
  }
  plan.table = std::move(*table);
  FRESHET_ASSIGN(plan.views, view_targets(clickhouse, name));
  std::vector<std::string> problems = safety_problems(plan.table, plan.views);
  if (clickhouse.replicas() > 1 && !plan.table.is_replicated()) {
    problems.push_back(
        fmt::format("table {} has engine {}, so each of the {} urls has another one of its own: "
                    "give one url, or "
                    "replicate the table",
                    name.display(), plan.table.engine, clickhouse.replicas()));
  }
  FRESHET_TRY_CONTEXT(plan_columns(clickhouse, plan, problems), "table {}", name.display());
  plan_proof(plan, options, problems);
  FRESHET_TRY_CONTEXT(plan_insert_settings(clickhouse, plan, problems), "table {}", name.display());
  if (!problems.empty()) {
    return fail(Errc::kRefused, "table {} cannot be written exactly once ({} problem{}): {}",
                name.display(), problems.size(), problems.size() == 1 ? "" : "s",
                fmt::join(problems, "; "));
  }
  return plan;
}

}  // namespace freshet::sink
