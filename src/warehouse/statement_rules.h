// What a statement from a port may say: it must not read files, reach the network, run programs,
// change who may do what, or lift the limits it runs under.
//
// Two texts are judged, both made by the engine's own parser, so that quotes, comments, escapes,
// case and unicode blanks do not matter: the statement as the engine's formatter writes it, which
// shows everything but parameters, and its tree (EXPLAIN AST), which shows parameters' values but
// hides the inside of a few nodes. Kinds of statements, of ALTER commands and of EXPLAIN, table
// functions and engines are allowed by name; ordinary functions and settings are refused by name,
// against a list made for one pinned version of the engine (statement_guard_test pins their sets).
//
// Facts about that engine which the rules rest on: file() as an ordinary function obeys no grant;
// `APPLY file` and `arrayMap(file, …)` call it without parentheses; the tree does not show what
// stands in APPLY(…) and in the WHERE of SHOW; columns of generateRandom() and values() are SQL in
// a string and may have ALIAS expressions; parameters of a view come when it is read; SETTINGS of a
// subquery pass no constraint; `SETTINGS disk = disk(…)` reaches the network.
//
// Pure: needs no engine. Immutable; any thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "warehouse/sql_tokens.h"

namespace freshet::warehouse {

/// What a statement may ask for at most; it may set each lower, and none off.
struct StatementLimits {
  uint64_t memory_bytes = uint64_t{2} << 30;  // max_memory_usage
  uint64_t seconds = 3600;                    // max_execution_time
  uint64_t result_rows = 1'000'000'000;       // max_result_rows
};

class StatementRules {
 public:
  enum class Kind { kSelect, kRead, kWrite, kSession, kInsert, kKill };
  /// More VALUES than that are never evaluated.
  static constexpr size_t kEvaluatedBytesMax = size_t{256} << 10;

  /// `known`: the names, in lower case, of every table function, table engine and database engine
  /// of the engine. Those that are not known to be harmless are refused.
  StatementRules(const std::vector<std::string>& known, const StatementLimits& limits);

  /// `formatted`: by formatQuerySingleLine(). kRefused as clickhouse_style_error 497, 452 for a
  /// setting.
  [[nodiscard]] Result<void> check_text(std::string_view formatted) const;
  /// `tree`: by EXPLAIN AST. Says what kind of statement it is.
  [[nodiscard]] Result<Kind> check_tree(std::string_view tree) const;
  [[nodiscard]] Result<void> check_setting(std::string_view name, std::string_view value) const;
  /// Whether the data of INSERT … VALUES are constants and conversions of constants, as drivers
  /// write them: these may be evaluated as they are, however long. Nothing is read but the letters
  /// outside of strings.
  [[nodiscard]] static bool values_are_conversions(std::string_view data);
  /// Whether the data of INSERT … VALUES are so plain that expressions in them, once they have
  /// passed the other checks, may be evaluated.
  [[nodiscard]] bool values_may_be_evaluated(std::string_view data) const;

 private:
  struct TreePosition;
  [[nodiscard]] Result<void> check_name(const std::vector<SqlToken>& tokens, size_t at) const;
  [[nodiscard]] Result<void> check_line(const TreePosition& position) const;

  StatementLimits limits_;
  std::set<std::string, std::less<>>
      refused_;  // lower case: what must not be called or be an engine
};

/// The query_id in KILL QUERY WHERE query_id = '…'; empty for every other KILL.
[[nodiscard]] std::string killed_query(std::string_view formatted);

}  // namespace freshet::warehouse
