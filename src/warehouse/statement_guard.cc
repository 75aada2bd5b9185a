#include "warehouse/statement_guard.h"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <vector>

#include "warehouse/clickhouse_error.h"
#include "warehouse/sql_tokens.h"

namespace freshet::warehouse {
namespace {

using Kind = AdmittedStatement::Kind;

std::unexpected<Error> refuse(std::string_view what) {
  return std::unexpected(clickhouse_style_error(Errc::kRefused, 497, "ACCESS_DENIED",
                                                fmt::format("{} is refused on this port", what)));
}

std::unexpected<Error> not_yet(std::string_view what) {
  return std::unexpected(
      clickhouse_style_error(Errc::kUnsupported, 48, "NOT_IMPLEMENTED",
                             fmt::format("{} is not supported yet on this port", what)));
}

// Where an INSERT's own text ends and its data begin.
struct InsertSplit {
  std::string_view head;
  std::string format;
  std::string_view data;
  bool names_file = false;   // FROM INFILE
  bool sets_values = false;  // sets how VALUES are read
};

// As ClickHouse reads it: blanks after the format's name, then one line end.
std::string_view data_after(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\f"), text.size()));
  if (text.starts_with('\r')) text.remove_prefix(1);
  if (text.starts_with('\n')) text.remove_prefix(1);
  return text;
}

// None: not an INSERT with data.
Result<std::optional<InsertSplit>> split_insert(std::string_view text) {
  const auto ends_head = [](const std::vector<SqlToken>& tokens) {
    const size_t n = tokens.size();
    const SqlToken& last = tokens.back();
    if (n == 1) return !last.is_word("INSERT");
    const SqlToken& before = tokens[n - 2];
    // A table may be called like a keyword.
    const bool in_name = before.is_word("INTO") || before.is_word("TABLE") ||
                         before.is_word("FUNCTION") || before.is_symbol('.') || last.depth > 0;
    if (before.is_word("FORMAT") && before.depth == 0 && n > 3 && !tokens[n - 3].is_word("INTO") &&
        !tokens[n - 3].is_word("TABLE") && !tokens[n - 3].is_symbol('.')) {
      return true;
    }
    if (in_name) return false;
    return last.is_word("VALUES") || last.is_word("SELECT") || last.is_word("WITH");
  };
  FRESHET_ASSIGN(const auto tokens, tokenize_sql_until(text, ends_head));
  if (tokens.size() < 3 || !tokens.front().is_word("INSERT")) return std::nullopt;
  InsertSplit split;
  for (const SqlToken& token : tokens) {
    split.names_file = split.names_file || token.is_word("INFILE");
    split.sets_values =
        split.sets_values || (token.is_name() && token.name().starts_with("input_format_values_"));
  }
  const SqlToken& last = tokens.back();
  const SqlToken& before = tokens[tokens.size() - 2];
  if (last.is_word("VALUES")) {
    split.head = text.substr(0, last.at);
    split.format = "Values";
    split.data = text.substr(last.end());
    return split;
  }
  if (!before.is_word("FORMAT")) return std::nullopt;
  split.head = text.substr(0, before.at);
  split.format = last.name();
  split.data = data_after(text.substr(last.end()));
  return split;
}

// The name in a FORMAT clause at the end; empty if there is none.
std::string format_clause(std::string_view sql) {
  const auto tokens = tokenize_sql(sql);
  if (!tokens) return {};
  for (size_t i = tokens->size(); i-- > 1;) {
    const SqlToken& token = (*tokens)[i - 1];
    if (token.depth == 0 && token.is_word("FORMAT") && (*tokens)[i].is_name()) {
      return (*tokens)[i].name();
    }
  }
  return {};
}

// Temporary tables and views live in the session.
bool makes_temporary(std::string_view formatted) {
  const auto tokens = tokenize_sql(formatted);
  constexpr size_t kBeforeName = 4;  // CREATE OR REPLACE TEMPORARY
  return tokens && std::ranges::any_of(*tokens | std::views::take(kBeforeName),
                                       [](const auto& t) { return t.is_word("TEMPORARY"); });
}

// The names in SET a = 1, b = 2.
std::vector<std::string> names_set(std::string_view formatted) {
  std::vector<std::string> names;
  const auto tokens = tokenize_sql(formatted);
  if (!tokens) return names;
  for (size_t i = 1; i + 1 < tokens->size(); ++i) {
    if ((*tokens)[i].is_name() && (*tokens)[i + 1].is_symbol('=')) {
      names.push_back((*tokens)[i].name());
    }
  }
  return names;
}

bool frames_rows(std::string_view formatted) {
  constexpr std::array<std::string_view, 3> kSigns = {
      "WITH TOTALS", "extremes = ", "output_format_json_array_of_rows = "};
  return std::ranges::any_of(kSigns,
                             [&](std::string_view sign) { return formatted.contains(sign); });
}

// As the value of a String parameter, which the engine reads as TabSeparated.
std::string parameter_text(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + 16);
  for (const char c : text) {
    switch (c) {
      case '\\':
        escaped += "\\\\";
        break;
      case '\t':
        escaped += "\\t";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      case '\0':
        escaped += "\\0";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

Result<StatementGuard> StatementGuard::open(Engine& engine, const StatementLimits& limits) {
  FRESHET_ASSIGN(const auto names,
                 engine.query("SELECT DISTINCT lower(name) FROM (SELECT name FROM "
                              "system.table_functions UNION ALL SELECT name FROM "
                              "system.table_engines UNION ALL SELECT name FROM "
                              "system.database_engines)"));
  std::vector<std::string> known;
  for (std::string_view rest = names.bytes; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    known.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return StatementGuard(StatementRules(known, limits));
}

Result<void> StatementGuard::check_settings(const Settings& settings) const {
  for (const Setting& setting : settings) {
    FRESHET_TRY(rules_.check_setting(setting.name, setting.value));
  }
  return {};
}

Result<StatementGuard::Judgement> StatementGuard::judge(const Judge& with,
                                                        std::string_view sql) const {
  const auto& [connection, parameters, parsing] = with;
  FRESHET_ASSIGN(auto formatted,
                 connection.query("SELECT formatQuerySingleLine({statement:String})", "TSVRaw",
                                  parsing, {{"statement", parameter_text(sql)}}));
  if (formatted.bytes.ends_with('\n')) formatted.bytes.pop_back();
  FRESHET_TRY(rules_.check_text(formatted.bytes));
  // A line break in a name would be read as a line of the tree.
  const bool broken = std::ranges::any_of(parameters, [](const QueryParameter& parameter) {
    return parameter.value.find_first_of("\n\\") != std::string::npos;
  });
  if (broken && formatted.bytes.find(":Identifier}") != std::string::npos) {
    return refuse("a name with a backslash or a line break");
  }
  FRESHET_ASSIGN(const auto tree, connection.query(fmt::format("EXPLAIN AST {}", sql), "TSVRaw",
                                                   parsing, parameters));
  FRESHET_ASSIGN(const auto kind, rules_.check_tree(tree.bytes));
  return Judgement{.kind = kind,
                   .formatted = std::move(formatted.bytes),
                   .selects = tree.bytes.find("SelectWithUnionQuery") != std::string::npos};
}

Result<void> StatementGuard::admit_insert(const Judge& with, AdmittedStatement& statement,
                                          std::string_view more_data) const {
  const bool values =
      SqlToken{.kind = SqlToken::Kind::kWord, .text = statement.format}.is_word("VALUES");
  const std::string whole =
      fmt::format("{} {}", statement.sql, values ? "VALUES" : "FORMAT " + statement.format);
  FRESHET_ASSIGN(const StatementClass kind, with.connection.classify(whole));
  if (kind.statements != 1) return refuse("more than one statement");
  FRESHET_ASSIGN(const auto judged, judge(with, whole));
  if (judged.kind != StatementRules::Kind::kInsert) return refuse("this INSERT");
  // Data are read by a table function then, which may run expressions.
  if (judged.selects) return not_yet("INSERT … SELECT with data");
  if (!values) return {};
  // VALUES may hold expressions, which the engine would run.
  std::string joined;
  if (!statement.data.empty() && !more_data.empty()) {
    joined = fmt::format("{}{}", statement.data, more_data);
  }
  if (StatementRules::values_are_conversions(!joined.empty()     ? joined
                                             : more_data.empty() ? statement.data
                                                                 : more_data)) {
    return {};
  }
  if (statement.data.size() + more_data.size() <= StatementRules::kEvaluatedBytesMax) {
    const std::string data = fmt::format("{}{}", statement.data, more_data);
    if (rules_.values_may_be_evaluated(data)) {
      const auto rows = judge(with, "SELECT " + data);
      if (rows && rows->kind == StatementRules::Kind::kSelect) return {};
      if (!rows && rows.error().code() == Errc::kRefused) return std::unexpected(rows.error());
    }
  }
  statement.settings = {{"input_format_values_interpret_expressions", "0"},
                        {"input_format_values_deduce_templates_of_expressions", "0"}};
  return {};
}

Result<AdmittedStatement> StatementGuard::admit(Connection& connection, std::string_view text,
                                                const QueryParameters& parameters,
                                                std::string_view more_data,
                                                const Settings& parsing) const {
  const Judge with{.connection = connection, .parameters = parameters, .parsing = parsing};
  AdmittedStatement statement{.sql = text};
  // A text that this tokenizer does not read is left to the engine's parser.
  if (const auto split = split_insert(text); split && *split) {
    if ((*split)->names_file) return refuse("FROM INFILE");
    if ((*split)->sets_values) return refuse("a setting that changes how VALUES are read");
    statement.kind = Kind::kInsert;
    statement.sql = (*split)->head;
    statement.format = (*split)->format;
    statement.data = (*split)->data;
    FRESHET_TRY(admit_insert(with, statement, more_data));
    return statement;
  }
  FRESHET_ASSIGN(const StatementClass parsed, connection.classify(text));
  if (parsed.statements > 1) {
    return std::unexpected(
        clickhouse_style_error(Errc::kInvalidArgument, 62, "SYNTAX_ERROR",
                               "Multi-statements are not allowed; send one statement at a time"));
  }
  FRESHET_ASSIGN(const auto judged, judge(with, text));
  switch (judged.kind) {
    case StatementRules::Kind::kSelect:
    case StatementRules::Kind::kRead:
      statement.kind = judged.kind == StatementRules::Kind::kSelect ? Kind::kSelect : Kind::kRead;
      statement.format = format_clause(text);
      statement.frames_rows = frames_rows(judged.formatted);
      break;
    case StatementRules::Kind::kInsert:
      if (!judged.selects) return not_yet("an INSERT in this form");
      statement.kind = Kind::kWrite;
      break;
    case StatementRules::Kind::kWrite:
      statement.kind = makes_temporary(judged.formatted) ? Kind::kSession : Kind::kWrite;
      break;
    case StatementRules::Kind::kSession:
      statement.kind = Kind::kSession;
      statement.only_sets = true;
      statement.sets = names_set(judged.formatted);
      break;
    case StatementRules::Kind::kKill:
      statement.kind = Kind::kKill;
      statement.format = format_clause(text);
      statement.killed = killed_query(judged.formatted);
      if (statement.killed.empty()) return refuse("KILL other than QUERY WHERE query_id = '…'");
      break;
  }
  return statement;
}

}  // namespace freshet::warehouse
