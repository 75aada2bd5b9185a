// SQL text as tokens: just enough to find a clause or a name without being misled by quotes,
// comments or parentheses. It never judges SQL; the engine does.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::warehouse {

struct SqlToken {
  enum class Kind {
    kWord,    // keyword, bare identifier or number
    kQuoted,  // `identifier` or "identifier"
    kString,  // 'text'
    kSymbol,  // one character
  };
  Kind kind = Kind::kSymbol;
  std::string_view text;  // with its quotes; a view into the SQL
  size_t at = 0;          // byte position in the SQL
  int depth = 0;          // open parentheses before it; a parenthesis has the depth outside it

  /// Case-insensitive; only for bare words.
  [[nodiscard]] bool is_word(std::string_view keyword) const;
  [[nodiscard]] bool is_symbol(char c) const { return kind == Kind::kSymbol && text[0] == c; }
  [[nodiscard]] bool is_name() const { return kind == Kind::kWord || kind == Kind::kQuoted; }
  /// A name without its quotes and escapes.
  [[nodiscard]] std::string name() const;
  [[nodiscard]] size_t end() const { return at + text.size(); }
};

/// Says whether the token just added to `tokens` is the last that is wanted.
using SqlTokenStop = std::function<bool(const std::vector<SqlToken>& tokens)>;

/// The tokens up to the first at which `stop` says true; what follows may be anything, such as the
/// data of an INSERT. Without such a token as tokenize_sql().
Result<std::vector<SqlToken>> tokenize_sql_until(std::string_view sql, const SqlTokenStop& stop);

/// kInvalidArgument for a quote, comment or parenthesis that is not closed; kTooLarge over 1 MiB.
Result<std::vector<SqlToken>> tokenize_sql(std::string_view sql);

}  // namespace freshet::warehouse
