#include "warehouse/statement_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <ranges>
#include <span>

#include "warehouse/clickhouse_error.h"

namespace freshet::warehouse {
namespace {

using Names = std::span<const std::string_view>;

// Table functions and engines whose data are in the store, in the statement or made up.
constexpr std::array<std::string_view, 36> kHarmless = {"aggregatingmergetree",
                                                        "atomic",
                                                        "buffer",
                                                        "coalescingmergetree",
                                                        "collapsingmergetree",
                                                        "dictionary",
                                                        "format",  // see check_line()
                                                        "generaterandom",
                                                        "generate_series",
                                                        "generateseries",
                                                        "graphitemergetree",
                                                        "join",
                                                        "log",
                                                        "materializedview",
                                                        "memory",
                                                        "merge",
                                                        "mergetree",
                                                        "mergetreeindex",
                                                        "mergetreeprojection",
                                                        "mergetreetextindex",
                                                        "null",
                                                        "numbers",
                                                        "numbers_mt",
                                                        "ordinary",
                                                        "primes",
                                                        "replacingmergetree",
                                                        "set",
                                                        "sqlstandardvalues",
                                                        "stripelog",
                                                        "summingmergetree",
                                                        "tinylog",
                                                        "values",
                                                        "versionedcollapsingmergetree",
                                                        "view",
                                                        "zeros",
                                                        "zeros_mt"};

// Ordinary functions that lead outside.
constexpr std::array<std::string_view, 11> kOutsideFunctions = {"file",
                                                                "catboostevaluate",
                                                                "aiclassify",
                                                                "aigenerate",
                                                                "aiembed",
                                                                "aiextract",
                                                                "aitranslate",
                                                                "addresstoline",
                                                                "showcertificate",
                                                                "addresstolinewithinlines",
                                                                "evalmlmethod"};

// Of the harmless: those that describe their columns by SQL in a string.
constexpr std::array<std::string_view, 4> kTakeStructure = {"generaterandom", "values", "null",
                                                            "sqlstandardvalues"};
// What would make that SQL more than names and types.
constexpr std::array<std::string_view, 5> kExpressionWords = {"default", "materialized", "alias",
                                                              "ephemeral", "ttl"};

// All words that VALUES of constants need: drivers write times and keys as calls of such functions.
constexpr std::array<std::string_view, 26> kConversionWords = {"null",
                                                               "true",
                                                               "false",
                                                               "nan",
                                                               "inf",
                                                               "array",
                                                               "tuple",
                                                               "map",
                                                               "todate",
                                                               "todate32",
                                                               "todatetime",
                                                               "todatetime64",
                                                               "totime",
                                                               "totime64",
                                                               "touuid",
                                                               "toipv4",
                                                               "toipv6",
                                                               "tostring",
                                                               "todecimal32",
                                                               "todecimal64",
                                                               "todecimal128",
                                                               "todecimal256",
                                                               "fromunixtimestamp64second",
                                                               "fromunixtimestamp64milli",
                                                               "fromunixtimestamp64micro",
                                                               "fromunixtimestamp64nano"};

// Functions of which an identifier as first argument is always a value, never a function.
constexpr std::array<std::string_view, 24> kTakeValues = {
    "equals", "notequals", "less",     "greater",     "lessorequals", "greaterorequals",
    "in",     "notin",     "globalin", "globalnotin", "like",         "notlike",
    "ilike",  "notilike",  "match",    "concat",      "and",          "or",
    "if",     "coalesce",  "ifnull",   "tuple",       "plus",         "replaceall"};

// Settings that name files or addresses, that carry SQL, or that change how SQL is read.
constexpr std::array<std::string_view, 42> kRefusedSettings = {
    "additional_result_filter",
    "additional_table_filters",
    "ai_function_embedding_default_credentials",
    "ai_function_text_default_credentials",
    "allow_experimental_kusto_dialect",
    "allow_experimental_polyglot_dialect",
    "allow_experimental_prql_dialect",
    "allow_introspection_functions",
    "allow_python_table_function",
    "chdb_client_name",
    "cluster_for_parallel_replicas",
    "column_names_for_schema_inference",
    "default_view_definer",
    "dialect",
    "disk",
    "dynamic_disk_allow_from_env",
    "dynamic_disk_allow_from_zk",
    "dynamic_disk_allow_include",
    "filesystem_cache_name",
    "format_avro_schema_registry_url",
    "format_schema",
    "format_schema_source",
    "format_template_resultset",
    "format_template_row",
    "implicit_select",
    "implicit_table_at_top_level",
    "input_format_record_errors_file_path",
    "into_outfile_create_parent_directories",
    "log_comment",           // by it the port finds its statements
    "max_untracked_memory",  // what a thread may take before it counts
    "network_compression_method",
    "output_format_schema",
    "parallel_replicas_custom_key",
    "polyglot_dialect",
    "profile",
    "promql_database",
    "promql_table",
    "rename_files_after_processing",
    "s3queue_default_zookeeper_path",
    "schema_inference_hints",
    "table_disk",
    "url_base",
};

constexpr std::array<std::string_view, 18> kReads = {"ShowTables",
                                                     "ShowCreateTableQuery",
                                                     "ShowCreateViewQuery",
                                                     "ShowCreateDatabaseQuery",
                                                     "ShowCreateDictionaryQuery",
                                                     "ShowColumns",
                                                     "ShowIndexes",
                                                     "ShowFunctions",
                                                     "ShowProcesslistQuery",
                                                     "ShowGrantsQuery",
                                                     "ShowEngineQuery",
                                                     "DescribeQuery",
                                                     "ExistsTableQuery",
                                                     "ExistsViewQuery",
                                                     "ExistsDatabaseQuery",
                                                     "ExistsDictionaryQuery",
                                                     "Explain",
                                                     "CheckQuery"};
constexpr std::array<std::string_view, 11> kWrites = {
    "CreateQuery",   "AlterQuery",       "DeleteQuery",   "UpdateQuery",
    "DropQuery",     "TruncateQuery",    "UndropQuery",   "Rename",
    "OptimizeQuery", "CreateIndexQuery", "DropIndexQuery"};

constexpr std::array<std::string_view, 6> kExplains = {"EXPLAIN",          "EXPLAIN AST",
                                                       "EXPLAIN SYNTAX",   "EXPLAIN QUERY TREE",
                                                       "EXPLAIN PIPELINE", "EXPLAIN ESTIMATE"};

constexpr std::array<std::string_view, 34> kAlterCommands = {"ADD_COLUMN",
                                                             "DROP_COLUMN",
                                                             "MODIFY_COLUMN",
                                                             "COMMENT_COLUMN",
                                                             "RENAME_COLUMN",
                                                             "MATERIALIZE_COLUMN",
                                                             "MODIFY_ORDER_BY",
                                                             "MODIFY_SAMPLE_BY",
                                                             "REMOVE_SAMPLE_BY",
                                                             "MODIFY_TTL",
                                                             "MATERIALIZE_TTL",
                                                             "REMOVE_TTL",
                                                             "MODIFY_SETTING",
                                                             "RESET_SETTING",
                                                             "MODIFY_QUERY",
                                                             "MODIFY_COMMENT",
                                                             "ADD_INDEX",
                                                             "DROP_INDEX",
                                                             "MATERIALIZE_INDEX",
                                                             "ADD_STATISTICS",
                                                             "DROP_STATISTICS",
                                                             "MODIFY_STATISTICS",
                                                             "MATERIALIZE_STATISTICS",
                                                             "ADD_CONSTRAINT",
                                                             "DROP_CONSTRAINT",
                                                             "ADD_PROJECTION",
                                                             "DROP_PROJECTION",
                                                             "MATERIALIZE_PROJECTION",
                                                             "DELETE",
                                                             "UPDATE",
                                                             "DROP_PARTITION",
                                                             "REPLACE_PARTITION",
                                                             "APPLY_DELETED_MASK",
                                                             "MODIFY_REFRESH"};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

bool holds(Names names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_word_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::unexpected<Error> refuse(std::string_view what) {
  return std::unexpected(clickhouse_style_error(
      Errc::kRefused, 497, "ACCESS_DENIED",
      fmt::format("{} is refused on this port: statements may not read files, reach the network, "
                  "run programs or change users; use freshet sql --data-dir DIR while the platform "
                  "is stopped",
                  what)));
}

std::unexpected<Error> refuse_setting(std::string_view name, std::string_view why) {
  return std::unexpected(
      clickhouse_style_error(Errc::kRefused, 452, "SETTING_CONSTRAINT_VIOLATION",
                             fmt::format("Setting {} {} on this port", name, why)));
}

// The number in 10, 10.5, '10'; none for anything else.
bool is_between(std::string_view text, uint64_t max) {
  if (text.size() > 2 && text.starts_with('\'')) text = text.substr(1, text.size() - 2);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value > 0 &&
         value <= static_cast<double>(max);
}

// Whether columns described by `text` may have expressions.
bool has_expressions(std::string_view text) {
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_') {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (c == '`' || c == '"') return true;  // a quoted name could hide a word: nobody needs one
    if (holds(kExpressionWords, word)) return true;
    word.clear();
  }
  return false;
}

// `open`: the parenthesis. What describes columns must be a string without expressions: the engine
// evaluates anything else before it looks at it. Of values() only the first argument does.
Result<void> check_structure(const std::vector<SqlToken>& tokens, size_t open) {
  const std::string name = tokens[open - 1].name();
  const bool is_values = lower(name).ends_with("values");
  const std::string_view symbols = is_values ? "(),-.[]" : ",-.";
  for (size_t i = open + 1; i < tokens.size() && tokens[i].depth > tokens[open].depth; ++i) {
    const SqlToken& token = tokens[i];
    if (is_values && token.is_symbol(',') && token.depth == tokens[open].depth + 1) return {};
    if (token.kind == SqlToken::Kind::kString) {
      if (has_expressions(token.text)) return refuse(name + "() with expressions in its columns");
      continue;
    }
    const bool plain = token.kind == SqlToken::Kind::kSymbol
                           ? symbols.find(token.text[0]) != std::string_view::npos
                           : std::isdigit(static_cast<unsigned char>(token.text[0])) != 0 ||
                                 token.is_word("NULL") || token.is_word("TRUE") ||
                                 token.is_word("FALSE");
    if (!plain) return refuse(name + "() with computed columns");
  }
  return {};
}

// One line of EXPLAIN AST: "  Function file (alias x) (children 1)".
struct TreeLine {
  size_t depth = 0;
  std::string_view kind;
  std::string_view rest;
  size_t children_seen = 0;
};

TreeLine read_line(std::string_view line) {
  TreeLine result;
  result.depth = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(result.depth);
  const size_t end = std::min(line.find(' '), line.size());
  result.kind = line.substr(0, end);
  line.remove_prefix(end);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  result.rest = line;
  return result;
}

// The name in "file (alias x) (children 1)"; a name with blanks is no function's.
std::string_view first_word(std::string_view rest) { return rest.substr(0, rest.find(' ')); }

size_t children_of(std::string_view rest) {
  constexpr std::string_view kBefore = "(children ";
  const size_t at = rest.rfind(kBefore);
  size_t count = 0;
  if (at != std::string_view::npos) {
    std::from_chars(rest.data() + at + kBefore.size(), rest.data() + rest.size(), count);
  }
  return count;
}

// The functions whose right side may be a table function.
bool is_in(std::string_view function) {
  const std::string name = lower(function);
  return name.ends_with("in") || name.ends_with("inignoreset");
}

Result<StatementRules::Kind> kind_of(const TreeLine& top) {
  using Kind = StatementRules::Kind;
  if (top.kind == "SelectWithUnionQuery") return Kind::kSelect;
  if (top.kind == "InsertQuery") return Kind::kInsert;
  if (top.kind == "Set" || top.kind == "UseQuery") return Kind::kSession;
  if (top.kind == "KillQueryQuery") return Kind::kKill;
  if (holds(kWrites, top.kind)) return Kind::kWrite;
  if (holds(kReads, top.kind)) return Kind::kRead;
  return refuse(fmt::format("this statement ({})", top.kind));
}

// What the tree does not show: it is not known there whether a name is a function's.
Result<void> check_out_of_sight(const std::vector<SqlToken>& tokens) {
  const auto has = [&tokens](std::string_view word) {
    return std::ranges::any_of(tokens, [word](const SqlToken& one) { return one.is_word(word); });
  };
  const bool out_of_sight =
      has("APPLY") || (!tokens.empty() && tokens[0].is_word("SHOW") && has("WHERE"));
  for (size_t i = 0; out_of_sight && i < tokens.size(); ++i) {
    const bool is_of_table = (i > 0 && tokens[i - 1].is_symbol('.')) ||
                             (i + 1 < tokens.size() && tokens[i + 1].is_symbol('.'));
    if (!is_of_table && tokens[i].is_name() && holds(kOutsideFunctions, lower(tokens[i].name()))) {
      return refuse(tokens[i].name());
    }
  }
  // The tree shows the values of parameters, but those of a view are not known yet.
  constexpr size_t kBeforeName = 5;  // CREATE OR REPLACE TEMPORARY VIEW
  const bool makes_view =
      !tokens.empty() && !tokens[0].is_word("DROP") && !tokens[0].is_word("SHOW") &&
      std::ranges::any_of(tokens | std::views::take(kBeforeName),
                          [](const SqlToken& one) { return one.is_word("VIEW"); });
  for (size_t i = 0; makes_view && i + 1 < tokens.size(); ++i) {
    if (tokens[i].is_symbol(':') && tokens[i + 1].is_word("Identifier")) {
      return refuse("a view with a name as parameter");
    }
  }
  return {};
}

}  // namespace

struct StatementRules::TreePosition {
  const TreeLine& line;
  const std::vector<TreeLine>& above;
  const TreeLine* parent;
  const TreeLine* grandparent;

  /// Whether the line stands for a table, or for an argument of what does, however deep.
  [[nodiscard]] bool is_of_table() const {
    const auto found = std::ranges::find_if_not(
        above.rbegin(), above.rend(),
        [](const TreeLine& one) { return one.kind == "Function" || one.kind == "ExpressionList"; });
    return found != above.rend() &&
           (found->kind == "TableExpression" || found->kind == "InsertQuery" ||
            found->kind == "DescribeQuery" || found->kind == "CreateQuery");
  }
};

StatementRules::StatementRules(const std::vector<std::string>& known, const StatementLimits& limits)
    : limits_(limits) {
  for (const std::string& name : known) {
    if (!holds(kHarmless, name)) refused_.insert(name);
  }
  for (const std::string_view name : kOutsideFunctions) refused_.emplace(name);
}

Result<void> StatementRules::check_setting(std::string_view name, std::string_view value) const {
  const std::string key = lower(name);
  // A parameter of the session would be out of sight when a statement is judged.
  if (holds(kRefusedSettings, key) || key.starts_with("param_")) {
    return refuse_setting(name, "should not be changed");
  }
  struct Limit {
    std::string_view name;
    uint64_t max;
  };
  for (const Limit& limit : {Limit{"max_memory_usage", limits_.memory_bytes},
                             Limit{"max_execution_time", limits_.seconds},
                             Limit{"max_result_rows", limits_.result_rows}}) {
    if (key == limit.name && !is_between(value, limit.max)) {
      return refuse_setting(name, fmt::format("takes more than 0 and at most {}", limit.max));
    }
  }
  return {};
}

Result<void> StatementRules::check_name(const std::vector<SqlToken>& tokens, size_t at) const {
  static constexpr SqlToken kNone;
  const SqlToken& token = tokens[at];
  const SqlToken& before = at > 0 ? tokens[at - 1] : kNone;
  const SqlToken& before_that = at > 1 ? tokens[at - 2] : kNone;
  const SqlToken& next = at + 1 < tokens.size() ? tokens[at + 1] : kNone;
  const auto is_symbol = [](const SqlToken& one, char c) {
    return !one.text.empty() && one.is_symbol(c);
  };
  const std::string name = lower(token.name());
  const bool called = is_symbol(next, '(');
  if (refused_.contains(name)) {
    // A table or an index may be called like a function.
    const bool is_table = before.is_word("INTO") || before.is_word("TABLE") ||
                          before.is_word("INDEX") || is_symbol(before, '.');
    const bool applied =
        before.is_word("APPLY") || (is_symbol(before, '(') && before_that.is_word("APPLY"));
    const bool is_engine = is_symbol(before, '=') && before_that.is_word("ENGINE");
    if ((called && !is_table) || applied || is_engine) return refuse(token.name());
  }
  if (called && holds(kTakeStructure, name)) {
    FRESHET_TRY(check_structure(tokens, at + 1));
  }
  if (token.is_word("APPLY") && is_symbol(next, '{')) return refuse("APPLY of a parameter");
  const bool names_file = (token.is_word("OUTFILE") && before.is_word("INTO")) ||
                          (token.is_word("INFILE") && before.is_word("FROM"));
  if (names_file && (next.kind == SqlToken::Kind::kString || is_symbol(next, '{'))) {
    return refuse("a file");
  }
  // A setting, not a column that is compared.
  const bool is_setting = before.is_word("SETTINGS") || before.is_word("SETTING") ||
                          (at == 1 && before.is_word("SET")) || is_symbol(before, ',');
  if (is_setting && is_symbol(next, '=')) {
    const std::string_view value = at + 2 < tokens.size() ? tokens[at + 2].text : "";
    FRESHET_TRY(check_setting(name, value));
  }
  return {};
}

Result<void> StatementRules::check_text(std::string_view formatted) const {
  const auto tokens = tokenize_sql(formatted);
  if (!tokens) return refuse("a statement of this shape");
  FRESHET_TRY(check_out_of_sight(*tokens));
  size_t end = 0;
  for (size_t i = 0; i < tokens->size(); ++i) {
    const SqlToken& token = (*tokens)[i];
    // What the tokenizer took for a comment would be out of sight.
    if (formatted.substr(end, token.at - end).find_first_not_of(' ') != std::string_view::npos) {
      return refuse("a statement of this shape");
    }
    end = token.end();
    if (token.kind == SqlToken::Kind::kQuoted &&
        std::ranges::any_of(token.text, [](unsigned char c) { return c == '\\' || c < ' '; })) {
      return refuse("a name with a backslash or a line break");
    }
    if (i < 5 && token.is_word("DICTIONARY") && (*tokens)[0].text != "DROP" &&
        (*tokens)[0].text != "SHOW" && (*tokens)[0].text != "EXISTS") {
      return refuse("CREATE DICTIONARY");
    }
    if (token.is_name()) FRESHET_TRY(check_name(*tokens, i));
  }
  if (formatted.substr(end).find_first_not_of(" \n") != std::string_view::npos) {
    return refuse("a statement of this shape");
  }
  return {};
}

Result<void> StatementRules::check_line(const TreePosition& position) const {
  const auto& [line, above, parent, grandparent] = position;
  const std::string_view parent_kind = parent == nullptr ? "" : parent->kind;
  if (line.kind == "Function") {
    const std::string name = lower(first_word(line.rest));
    // The description of its columns is SQL in a string: it may hold DEFAULT expressions.
    if (parent_kind == "CreateQuery") return refuse("CREATE TABLE … AS table function");
    // format() the table function runs expressions of its data and its columns; format() the
    // ordinary function does not.
    if (name == "format" && (position.is_of_table() ||
                             (grandparent != nullptr && is_in(first_word(grandparent->rest))))) {
      return refuse("the table function format");
    }
    if (refused_.contains(name)) return refuse(first_word(line.rest));
  }
  // arrayMap(file, …)
  if (line.kind == "Identifier" && grandparent != nullptr && grandparent->kind == "Function" &&
      parent->children_seen == 1 && children_of(parent->rest) > 1 &&
      holds(kOutsideFunctions, lower(first_word(line.rest))) &&
      !holds(kTakeValues, lower(first_word(grandparent->rest)))) {
    return refuse(fmt::format("{} as an argument of a function; write table.{} for a column",
                              first_word(line.rest), first_word(line.rest)));
  }
  if (line.kind == "FunctionWithKeyValueArguments" || line.kind == "Dictionary") {
    return refuse("CREATE DICTIONARY");
  }
  if (line.kind == "AlterCommand" && !holds(kAlterCommands, first_word(line.rest))) {
    return refuse(fmt::format("ALTER … {}", first_word(line.rest)));
  }
  if (line.kind == "Explain") {
    const std::string_view what = line.rest.substr(0, line.rest.find(" (children"));
    if (!holds(kExplains, what)) return refuse(what);
  }
  // A file's name: INTO OUTFILE, FROM INFILE.
  if (line.kind == "Literal" &&
      (parent_kind == "SelectWithUnionQuery" || parent_kind == "Explain" ||
       parent_kind == "InsertQuery" || parent_kind == "DescribeQuery")) {
    return refuse("a file");
  }
  return {};
}

Result<StatementRules::Kind> StatementRules::check_tree(std::string_view tree) const {
  std::vector<TreeLine> above;
  FRESHET_ASSIGN(const Kind kind, kind_of(read_line(tree.substr(0, tree.find('\n')))));
  while (!tree.empty()) {
    const size_t end = std::min(tree.find('\n'), tree.size());
    const TreeLine line = read_line(tree.substr(0, end));
    tree.remove_prefix(std::min(end + 1, tree.size()));
    above.resize(std::min(above.size(), line.depth));
    if (!above.empty()) ++above.back().children_seen;
    const TreePosition position = {
        .line = line,
        .above = above,
        .parent = above.empty() ? nullptr : &above.back(),
        .grandparent = above.size() < 2 ? nullptr : &above[above.size() - 2]};
    FRESHET_TRY(check_line(position));
    above.push_back(line);
  }
  return kind;
}

bool StatementRules::values_are_conversions(std::string_view data) {
  for (size_t i = 0; i < data.size();) {
    const auto c = static_cast<unsigned char>(data[i]);
    if (c == '\'') {
      // A doubled quote is the end of one string and the start of another.
      for (++i; i < data.size() && data[i] != '\''; ++i) i += data[i] == '\\' ? 1 : 0;
      if (i >= data.size()) return false;
      ++i;
    } else if (std::isalpha(c) != 0 || c == '_') {
      const size_t from = i;
      while (i < data.size() && is_word_letter(data[i])) ++i;
      if (!holds(kConversionWords, lower(data.substr(from, i - from)))) return false;
    } else if (std::isdigit(c) != 0) {
      // No name of a function can follow a number like this.
      while (i < data.size() && std::string_view("0123456789abcdefABCDEFxX._").contains(data[i]))
        ++i;
      if (i < data.size() && is_word_letter(data[i])) return false;
    } else if (std::string_view(" \t\r\n(),-+.[]").find(data[i]) != std::string_view::npos) {
      // Two of them are a comment.
      if (c == '-' && data.substr(i).starts_with("--")) return false;
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

bool StatementRules::values_may_be_evaluated(std::string_view data) const {
  if (data.size() > kEvaluatedBytesMax) return false;
  if (data.find_first_of("`\"") != std::string_view::npos) return false;
  const std::string text = lower(data);
  if (text.contains("identifier")) return false;
  // SELECT … FROM format(…) runs expressions that may be put together from strings.
  if (text.contains("select") && text.contains("format")) return false;
  return std::ranges::none_of(kOutsideFunctions, [&text](std::string_view name) {
    return text.find(name) != std::string::npos;
  });
}

std::string killed_query(std::string_view formatted) {
  const auto tokens = tokenize_sql(formatted);
  if (!tokens || tokens->size() < 6) return {};
  const auto& all = *tokens;
  if (!all[0].is_word("KILL") || !all[1].is_word("QUERY") || !all[2].is_word("WHERE") ||
      !all[3].is_word("query_id") || !all[4].is_symbol('=') ||
      all[5].kind != SqlToken::Kind::kString) {
    return {};
  }
  size_t end = 6;
  if (end < all.size() && (all[end].is_word("SYNC") || all[end].is_word("ASYNC"))) ++end;
  if (end + 2 == all.size() && all[end].is_word("FORMAT") && all[end + 1].is_name()) end += 2;
  const std::string_view quoted = all[5].text;
  if (end != all.size() || quoted.find('\\') != std::string_view::npos) return {};
  return std::string(quoted.substr(1, quoted.size() - 2));
}

}  // namespace freshet::warehouse
