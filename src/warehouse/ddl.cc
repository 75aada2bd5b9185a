#include "warehouse/ddl.h"

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <utility>

#include "base/check.h"
#include "observe/log.h"
#include "warehouse/native_block.h"
#include "warehouse/sql_tokens.h"

namespace freshet::warehouse {
namespace {

const Logger logger("warehouse");

// Tables as declared are made here for a moment, so that the engine's own parser and defaults say
// what the statement means.
constexpr std::string_view kScratchDatabase = "_freshet_declared";

// On a server several platforms may compare at the same time.
std::string scratch_database(const ClickHouse& clickhouse) {
  if (!clickhouse.may_run_on()) return std::string(kScratchDatabase);
  std::random_device random;
  return fmt::format("{}_{:08x}{:08x}", kScratchDatabase, random(), random());
}

struct ProvenanceColumn {
  std::string_view name;
  std::string_view declaration;
};
constexpr std::array<ProvenanceColumn, 3> kProvenance = {{
    {"_topic", "`_topic` LowCardinality(String)"},
    {"_partition", "`_partition` UInt32"},
    {"_offset", "`_offset` UInt64"},
}};
constexpr std::string_view kOffsetIndex =
    "INDEX `_offset_range` `_offset` TYPE minmax GRANULARITY 1";

// Where the parts of a statement stand; tokens view into the statement's text.
struct Anatomy {
  TableStatement::Kind kind = TableStatement::Kind::kTable;
  TableName name;
  std::optional<TableName> view_target;
  size_t name_at = 0;  // bytes of the name as written
  size_t name_end = 0;
  size_t columns_end = 0;  // byte of the closing parenthesis of the column list; 0: no list
  std::set<std::string> columns;
  std::string engine;            // empty: none given
  size_t engine_at = 0;          // where its name begins
  size_t settings_names_at = 0;  // byte after the word SETTINGS; 0: no such clause
  std::set<std::string> settings;
  size_t tail_at = 0;    // byte where a SETTINGS clause could be put
  size_t select_at = 0;  // byte of the SELECT of a view
};

class AnatomyReader {
 public:
  explicit AnatomyReader(const std::vector<SqlToken>& tokens) : tokens_(tokens) {}

  Result<Anatomy> read() {
    FRESHET_TRY(read_head());
    FRESHET_TRY(read_name(result_.name, result_.name_at, result_.name_end));
    if (at_word("UUID") || at_word("ON")) {
      return fail(Errc::kUnsupported, "{} in CREATE is not supported yet",
                  at_word("ON") ? "ON CLUSTER" : "UUID");
    }
    if (result_.kind == TableStatement::Kind::kMaterializedView && take_word("TO")) {
      size_t ignored = 0;
      TableName target;
      FRESHET_TRY(read_name(target, ignored, ignored));
      result_.view_target = std::move(target);
    }
    read_columns();
    read_storage();
    if (result_.kind == TableStatement::Kind::kTable && result_.columns_end == 0) {
      return fail(Errc::kUnsupported,
                  "CREATE TABLE without a list of columns is not supported yet: write the columns");
    }
    if (result_.kind == TableStatement::Kind::kMaterializedView && result_.select_at == 0) {
      return fail(Errc::kInvalidArgument, "a materialized view needs AS SELECT …");
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool at_end() const { return next_ == tokens_.size(); }
  [[nodiscard]] bool at_word(std::string_view word) const {
    return !at_end() && tokens_[next_].is_word(word);
  }
  bool take_word(std::string_view word) {
    if (!at_word(word)) return false;
    ++next_;
    return true;
  }
  [[nodiscard]] std::string found() const {
    return at_end() ? "the end" : fmt::format("\"{}\"", tokens_[next_].text.substr(0, 40));
  }

  Result<void> read_head() {
    if (!take_word("CREATE")) {
      return fail(Errc::kInvalidArgument, "expected CREATE TABLE, found {}", found());
    }
    if (take_word("TABLE")) {
      result_.kind = TableStatement::Kind::kTable;
    } else if (take_word("MATERIALIZED") && take_word("VIEW")) {
      result_.kind = TableStatement::Kind::kMaterializedView;
    } else {
      return fail(Errc::kUnsupported,
                  "CREATE {} is not supported in tables: expected CREATE TABLE or CREATE "
                  "MATERIALIZED VIEW",
                  found());
    }
    if (take_word("IF") && !(take_word("NOT") && take_word("EXISTS"))) {
      return fail(Errc::kInvalidArgument, "expected IF NOT EXISTS, found IF {}", found());
    }
    return {};
  }

  Result<void> read_name(TableName& name, size_t& begin, size_t& end) {
    if (at_end() || !tokens_[next_].is_name()) {
      return fail(Errc::kInvalidArgument, "expected a table name, found {}", found());
    }
    const SqlToken& first = tokens_[next_++];
    begin = first.at;
    end = first.end();
    name = TableName{.database = "default", .table = first.name()};
    if (next_ + 1 < tokens_.size() && tokens_[next_].is_symbol('.') &&
        tokens_[next_ + 1].is_name()) {
      name = TableName{.database = first.name(), .table = tokens_[next_ + 1].name()};
      end = tokens_[next_ + 1].end();
      next_ += 2;
    }
    return {};
  }

  void read_columns() {
    if (at_end() || !tokens_[next_].is_symbol('(')) return;
    bool starts_entry = true;
    for (++next_; !at_end(); ++next_) {
      const SqlToken& token = tokens_[next_];
      if (token.depth == 0) break;  // the closing parenthesis
      if (starts_entry && token.is_name() && !token.is_word("INDEX") &&
          !token.is_word("CONSTRAINT") && !token.is_word("PROJECTION") &&
          !token.is_word("PRIMARY")) {
        result_.columns.insert(token.name());
      }
      starts_entry = token.depth == 1 && token.is_symbol(',');
    }
    if (!at_end()) result_.columns_end = tokens_[next_++].at;
  }

  void read_storage() {
    // Not the end of the text: a comment there would swallow what is put behind it.
    result_.tail_at = tokens_.back().end();
    for (; !at_end(); ++next_) {
      const SqlToken& token = tokens_[next_];
      if (token.depth != 0) continue;
      if (token.is_word("AS") || token.is_word("COMMENT") || token.is_word("POPULATE") ||
          token.is_word("EMPTY")) {
        result_.tail_at = std::min(result_.tail_at, token.at);
        if (token.is_word("AS")) {
          if (next_ + 1 < tokens_.size()) result_.select_at = tokens_[next_ + 1].at;
          return;
        }
      } else if (token.is_word("ENGINE")) {
        size_t name = next_ + 1;
        if (name < tokens_.size() && tokens_[name].is_symbol('=')) ++name;
        if (name < tokens_.size()) {
          result_.engine = tokens_[name].name();
          result_.engine_at = tokens_[name].at;
        }
      } else if (token.is_word("SETTINGS") && result_.settings_names_at == 0) {
        result_.settings_names_at = token.end();
      } else if (result_.settings_names_at != 0 && token.is_name() && next_ + 1 < tokens_.size() &&
                 tokens_[next_ + 1].is_symbol('=')) {
        result_.settings.insert(token.name());
      }
    }
  }

  const std::vector<SqlToken>& tokens_;
  size_t next_ = 0;
  Anatomy result_;
};

Result<Anatomy> read_anatomy(const std::string& text) {
  FRESHET_ASSIGN(const std::vector<SqlToken> tokens, tokenize_sql(text));
  if (std::ranges::any_of(tokens, [](const SqlToken& token) { return token.is_symbol(';'); })) {
    return fail(Errc::kInvalidArgument, "expected one statement, found several: split them");
  }
  return AnatomyReader(tokens).read();
}

bool is_replicated(std::string_view engine) { return engine.starts_with("Replicated"); }

bool has_deduplication(std::string_view engine) {
  return engine.ends_with("MergeTree") && !engine.starts_with("Shared");
}

// The statement with the provenance columns and settings that Freshet adds.
std::string with_additions(const std::string& text, const Anatomy& anatomy, bool provenance,
                           const DdlOptions& options) {
  std::string settings;
  if (has_deduplication(anatomy.engine)) {
    const auto add = [&](std::string_view name, uint64_t value) {
      if (anatomy.settings.contains(std::string(name))) return;
      settings += fmt::format("{}{} = {}", settings.empty() ? "" : ", ", name, value);
    };
    if (is_replicated(anatomy.engine)) {
      add("replicated_deduplication_window", options.deduplication_window);
      add("replicated_deduplication_window_seconds",
          static_cast<uint64_t>(options.deduplication_time.count()));
    } else {
      add("non_replicated_deduplication_window", options.deduplication_window);
    }
    add("fsync_after_insert", 1);
    add("fsync_part_directory", 1);
  }
  std::string columns;
  if (provenance && anatomy.columns_end != 0 && anatomy.engine.ends_with("MergeTree")) {
    for (const ProvenanceColumn& column : kProvenance) {
      if (anatomy.columns.contains(std::string(column.name))) continue;
      columns += fmt::format(", {}", column.declaration);
    }
    if (!columns.empty()) columns += fmt::format(", {}", kOffsetIndex);
  }
  // From the back to the front, so that the positions stay true.
  std::string result = text;
  if (!settings.empty()) {
    if (anatomy.settings_names_at != 0) {
      result.insert(anatomy.settings_names_at, fmt::format(" {},", settings));
    } else {
      result.insert(anatomy.tail_at, fmt::format(" SETTINGS {} ", settings));
    }
  }
  if (!columns.empty()) result.insert(anatomy.columns_end, columns);
  return result;
}

// The same table under another name. A replicated one on this server alone: the copy must not join
// the replicas.
std::string renamed(const std::string& text, const Anatomy& anatomy, const TableName& name) {
  std::string result = text;
  if (is_replicated(anatomy.engine)) {
    result.replace(anatomy.engine_at, std::string::npos,
                   local_engine_clause(std::string_view(text).substr(anatomy.engine_at)));
  }
  result.replace(anatomy.name_at, anatomy.name_end - anatomy.name_at, name.quoted());
  return result;
}

std::string_view default_kind_word(DefaultKind kind) {
  switch (kind) {
    case DefaultKind::kNone:
      return "";
    case DefaultKind::kDefault:
      return " DEFAULT ";
    case DefaultKind::kMaterialized:
      return " MATERIALIZED ";
    case DefaultKind::kAlias:
      return " ALIAS ";
    case DefaultKind::kEphemeral:
      return " EPHEMERAL ";
  }
  return "";
}

std::string declaration(const TableColumn& column) {
  return column.type_text + std::string(default_kind_word(column.default_kind)) +
         column.default_expression;
}

bool is_provenance(std::string_view column) {
  return std::ranges::any_of(kProvenance,
                             [&](const ProvenanceColumn& own) { return own.name == column; });
}

// "(a, b)" and "a, b" are the same key.
std::string without_parentheses(const std::string& key) {
  const auto tokens = tokenize_sql(key);
  if (!tokens || tokens->size() < 2 || !tokens->front().is_symbol('(') ||
      std::ranges::count(*tokens, 0, &SqlToken::depth) != 2 || tokens->back().depth != 0) {
    return key;
  }
  return key.substr(1, tokens->back().at - 1);
}

// Every difference between a table as it is and as it is declared, one sentence each.
std::vector<std::string> differences(const TableDescription& there,
                                     const TableDescription& declared) {
  std::vector<std::string> found;
  for (const TableColumn& column : declared.columns) {
    const TableColumn* other = there.find(column.name);
    if (other == nullptr) {
      found.push_back(fmt::format("column {} {} is declared but not in the table", column.name,
                                  declaration(column)));
    } else if (declaration(*other) != declaration(column)) {
      found.push_back(fmt::format("column {} is {} in the table but declared as {}", column.name,
                                  declaration(*other), declaration(column)));
    }
  }
  for (const TableColumn& column : there.columns) {
    if (declared.find(column.name) == nullptr && !is_provenance(column.name)) {
      found.push_back(fmt::format("column {} {} is in the table but not declared", column.name,
                                  declaration(column)));
    }
  }
  const auto compare = [&found](std::string_view what, const std::string& is,
                                const std::string& wanted) {
    if (is == wanted) return;
    const auto shown = [](const std::string& text) { return text.empty() ? "none" : text; };
    found.push_back(
        fmt::format("{} is {} in the table but declared as {}", what, shown(is), shown(wanted)));
  };
  // Everything before the keys: the engine and its arguments.
  const auto engine_of = [](const TableDescription& table) {
    const auto tokens = tokenize_sql(table.engine_full);
    if (!tokens) return table.engine;
    for (size_t i = 1; i < tokens->size(); ++i) {
      if ((*tokens)[i].depth == 0 && (*tokens)[i].kind == SqlToken::Kind::kWord) {
        return table.engine_full.substr(0, (*tokens)[i - 1].end());
      }
    }
    return table.engine_full;
  };
  compare("the engine", local_engine_clause(engine_of(there)), engine_of(declared));
  compare("ORDER BY", without_parentheses(there.sorting_key),
          without_parentheses(declared.sorting_key));
  compare("PRIMARY KEY", without_parentheses(there.primary_key),
          without_parentheses(declared.primary_key));
  compare("PARTITION BY", without_parentheses(there.partition_key),
          without_parentheses(declared.partition_key));
  const Settings have = settings_clause(there.engine_full);
  for (const Setting& setting : settings_clause(declared.engine_full)) {
    const auto own = std::ranges::find(have, setting.name, &Setting::name);
    if (own == have.end() || own->value != setting.value) {
      found.push_back(fmt::format("setting {} is {} in the table but declared as {}", setting.name,
                                  own == have.end() ? "not set" : own->value, setting.value));
    }
  }
  return found;
}

class TableApplier {
 public:
  TableApplier(ClickHouse& clickhouse, const DdlOptions& options)
      : clickhouse_(clickhouse), options_(options), scratch_(scratch_database(clickhouse)) {}

  Result<std::vector<TableOutcome>> apply(const std::vector<std::string>& statements) {
    std::vector<std::pair<std::string, Anatomy>> parsed;
    for (size_t i = 0; i < statements.size(); ++i) {
      FRESHET_ASSIGN_CONTEXT(const TableStatement statement, TableStatement::parse(statements[i]),
                             "table {} of {}", i + 1, statements.size());
      FRESHET_ASSIGN(Anatomy anatomy, read_anatomy(statement.text));
      if (anatomy.view_target) view_targets_.insert(*anatomy.view_target);
      parsed.emplace_back(statement.text, std::move(anatomy));
    }
    auto outcomes = apply_all(parsed);
    if (scratch_made_) {
      FRESHET_TRY(clickhouse_.query(fmt::format("DROP DATABASE IF EXISTS {} SYNC", scratch_)));
    }
    FRESHET_TRY(outcomes);
    if (!mismatches_.empty()) return std::unexpected(Error(Errc::kRefused, mismatches_));
    return outcomes;
  }

 private:
  Result<std::vector<TableOutcome>> apply_all(
      const std::vector<std::pair<std::string, Anatomy>>& statements) {
    std::vector<TableOutcome> outcomes;
    for (const auto& [text, anatomy] : statements) {
      FRESHET_ASSIGN_CONTEXT(TableOutcome outcome, apply_one(text, anatomy), "table {}",
                             anatomy.name.display());
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  Result<TableOutcome> apply_one(const std::string& text, const Anatomy& anatomy) {
    auto there = describe_table(clickhouse_, anatomy.name);
    if (there) {
      FRESHET_TRY(anatomy.kind == TableStatement::Kind::kTable
                      ? compare_table(text, anatomy, *there)
                      : compare_view(text, anatomy, *there));
      return TableOutcome{.name = anatomy.name, .created = false};
    }
    if (there.error().code() != Errc::kNotFound) return std::unexpected(there.error());
    FRESHET_TRY(clickhouse_.query(
        fmt::format("CREATE DATABASE IF NOT EXISTS {}", quote_identifier(anatomy.name.database))));
    const bool provenance = options_.provenance && !view_targets_.contains(anatomy.name) &&
                            anatomy.kind == TableStatement::Kind::kTable;
    FRESHET_TRY(clickhouse_.query(with_additions(text, anatomy, provenance, options_)));
    logger.info("table created", kv("table", anatomy.name.display()));
    return TableOutcome{.name = anatomy.name, .created = true};
  }

  Result<void> compare_table(const std::string& text, const Anatomy& anatomy,
                             const TableDescription& there) {
    if (!scratch_made_) {
      FRESHET_TRY(clickhouse_.query(fmt::format("DROP DATABASE IF EXISTS {} SYNC", scratch_)));
      FRESHET_TRY(clickhouse_.query(fmt::format("CREATE DATABASE {}", scratch_)));
      scratch_made_ = true;
    }
    const TableName scratch{.database = scratch_, .table = fmt::format("t{}", scratch_tables_++)};
    FRESHET_TRY(clickhouse_.query(renamed(text, anatomy, scratch)));
    FRESHET_ASSIGN(const TableDescription declared, describe_table(clickhouse_, scratch));
    std::vector<std::string> found = differences(there, declared);
    if (there.is_replicated() != is_replicated(anatomy.engine)) {
      found.push_back(
          fmt::format("it has engine {} but is declared as {}", there.engine, anatomy.engine));
    }
    report(anatomy.name, found);
    return {};
  }

  Result<void> compare_view(const std::string& text, const Anatomy& anatomy,
                            const TableDescription& there) {
    if (there.engine != "MaterializedView") {
      report(anatomy.name,
             {fmt::format("it is a {}, declared as a materialized view", there.engine)});
      return {};
    }
    // The engine writes database names out; the declaration may leave "default." away.
    FRESHET_ASSIGN(
        const QueryResult result,
        clickhouse_.query(
            fmt::format("SELECT replaceAll(formatQuerySingleLine(as_select), 'default.', '') AS a, "
                        "replaceAll(formatQuerySingleLine({}), 'default.', '') AS b, "
                        "target_database, target_table FROM system.tables "
                        "WHERE database = {} AND name = {}",
                        quote_string(text.substr(anatomy.select_at)),
                        quote_string(anatomy.name.database), quote_string(anatomy.name.table)),
            "Native"));
    FRESHET_ASSIGN(const std::vector<NativeBlock> blocks, decode_native(result.bytes));
    if (blocks.empty() || blocks[0].rows == 0) {
      return fail(Errc::kNotFound, "the view disappeared while it was compared");
    }
    std::vector<std::string> found;
    const NativeBlock& row = blocks[0];
    if (row.strings(0)[0] != row.strings(1)[0]) {
      found.push_back(fmt::format("the view selects \"{}\" but is declared as \"{}\"",
                                  row.strings(0)[0], row.strings(1)[0]));
    }
    const TableName target{.database = row.strings(2)[0], .table = row.strings(3)[0]};
    if (anatomy.view_target && *anatomy.view_target != target) {
      found.push_back(fmt::format("the view writes to {} but is declared to write to {}",
                                  target.display(), anatomy.view_target->display()));
    }
    report(anatomy.name, found);
    return {};
  }

  void report(const TableName& name, const std::vector<std::string>& found) {
    if (found.empty()) return;
    if (!mismatches_.empty()) mismatches_ += "; ";
    mismatches_ += fmt::format("table {} differs from its declaration: {}", name.display(),
                               fmt::join(found, ", "));
    if (const std::string_view hint = " (alter the table or the declaration)";
        !mismatches_.ends_with(hint)) {
      mismatches_ += hint;
    }
  }

  ClickHouse& clickhouse_;
  const DdlOptions& options_;
  const std::string scratch_;
  std::set<TableName> view_targets_;
  std::string mismatches_;
  bool scratch_made_ = false;
  size_t scratch_tables_ = 0;
};

}  // namespace

Result<TableStatement> TableStatement::parse(std::string_view sql) {
  while (!sql.empty() && (sql.back() == ';' || std::string_view(" \t\r\n").contains(sql.back()))) {
    sql.remove_suffix(1);
  }
  TableStatement statement;
  statement.text = sql;
  FRESHET_ASSIGN(Anatomy anatomy, read_anatomy(statement.text));
  statement.kind = anatomy.kind;
  statement.name = std::move(anatomy.name);
  statement.view_target = std::move(anatomy.view_target);
  return statement;
}

Result<std::vector<TableOutcome>> apply_tables(ClickHouse& clickhouse,
                                               const std::vector<std::string>& statements,
                                               const DdlOptions& options) {
  return TableApplier(clickhouse, options).apply(statements);
}

}  // namespace freshet::warehouse
