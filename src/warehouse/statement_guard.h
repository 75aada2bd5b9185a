// Decides whether SQL from a port may run, by asking the engine's own parser what it understood and
// judging that by statement_rules.h.
//
// The second wall is the engine itself (EngineOptions::reaches_outside), which has no grants for
// table functions and engines that lead outside; it also sees names that come out of views and
// parameters. It does not stop file() as an ordinary function: only this one does. Immutable after
// open(); any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "warehouse/engine.h"
#include "warehouse/statement_rules.h"

namespace freshet::warehouse {

struct AdmittedStatement {
  enum class Kind {
    kSelect,   // can be streamed
    kRead,     // SHOW, DESCRIBE, EXPLAIN, …
    kWrite,    // DDL, INSERT … SELECT, DELETE, …
    kInsert,   // INSERT with data: `sql` ends before FORMAT or VALUES
    kSession,  // SET, USE, temporary tables: the connection is a session's own from then on
    kKill,     // KILL QUERY WHERE query_id = `killed`
  };
  Kind kind = Kind::kRead;
  std::string_view sql;
  std::string format;             // of the FORMAT clause, or of the data; empty: none is given
  std::string_view data;          // kInsert: what follows in the text
  Settings settings;              // that the statement must run with
  bool only_sets = false;         // SET, USE: there is nothing that could take time or memory
  std::vector<std::string> sets;  // names of settings that SET changes
  bool frames_rows = false;       // there is more than rows in the answer, whatever its format
  std::string killed;
};

class StatementGuard {
 public:
  static Result<StatementGuard> open(Engine& engine, const StatementLimits& limits = {});

  /// Views in the answer point into `text`. `more_data`: data of an INSERT comes after the text,
  /// from elsewhere. `parsing`: settings of the statement that the parser heeds. Errors carry
  /// ClickHouse's numbers: 62 for what does not parse, 497 and 452 (kRefused) for what is not
  /// allowed, 48 for what this port does not do yet.
  [[nodiscard]] Result<AdmittedStatement> admit(Connection& connection, std::string_view text,
                                                const QueryParameters& parameters,
                                                std::string_view more_data = {},
                                                const Settings& parsing = {}) const;
  /// Of settings that come beside a statement.
  [[nodiscard]] Result<void> check_settings(const Settings& settings) const;

 private:
  struct Judgement {
    StatementRules::Kind kind;
    std::string formatted;
    bool selects = false;  // there is a SELECT in it
  };
  explicit StatementGuard(StatementRules rules) : rules_(std::move(rules)) {}
  // What a statement is judged with.
  struct Judge {
    Connection& connection;
    const QueryParameters& parameters;
    const Settings& parsing;
  };
  Result<Judgement> judge(const Judge& with, std::string_view sql) const;
  Result<void> admit_insert(const Judge& with, AdmittedStatement& statement,
                            std::string_view more_data) const;

  StatementRules rules_;
};

}  // namespace freshet::warehouse
