#include "warehouse/sql_tokens.h"

#include <algorithm>
#include <cctype>

namespace freshet::warehouse {
namespace {

constexpr size_t kSqlBytesMax = size_t{1} << 20;

bool is_word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Bytes of the comment or white space at the front; 0 if there is neither, npos if not closed.
size_t blank_size(std::string_view rest) {
  if (std::isspace(static_cast<unsigned char>(rest.front())) != 0) return 1;
  if (rest.starts_with("--") || rest.starts_with("#!") || rest.starts_with("# ")) {
    return std::min(rest.find('\n'), rest.size());
  }
  if (rest.starts_with("/*")) {
    const size_t end = rest.find("*/", 2);
    return end == std::string_view::npos ? end : end + 2;
  }
  return 0;
}

// Bytes of the quoted text at the front, quotes included; npos if not closed.
size_t quoted_size(std::string_view rest) {
  const char quote = rest.front();
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == quote) {
      if (i + 1 < rest.size() && rest[i + 1] == quote) {
        ++i;  // a doubled quote stands for one
      } else {
        return i + 1;
      }
    }
  }
  return std::string_view::npos;
}

}  // namespace

bool SqlToken::is_word(std::string_view keyword) const {
  return kind == Kind::kWord && std::ranges::equal(text, keyword, [](char a, char b) {
           return std::toupper(static_cast<unsigned char>(a)) ==
                  std::toupper(static_cast<unsigned char>(b));
         });
}

std::string SqlToken::name() const {
  if (kind != Kind::kQuoted) return std::string(text);
  std::string result;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if ((text[i] == '\\' || text[i] == text.front()) && i + 2 < text.size()) ++i;
    result += text[i];
  }
  return result;
}

Result<std::vector<SqlToken>> tokenize_sql(std::string_view sql) {
  if (sql.size() > kSqlBytesMax) {
    return fail(Errc::kTooLarge, "the SQL statement has {} bytes, at most {} are read", sql.size(),
                kSqlBytesMax);
  }
  return tokenize_sql_until(sql, {});
}

Result<std::vector<SqlToken>> tokenize_sql_until(std::string_view sql, const SqlTokenStop& stop) {
  std::vector<SqlToken> tokens;
  int depth = 0;
  for (size_t at = 0; at < sql.size();) {
    if (at > kSqlBytesMax) {
      return fail(Errc::kTooLarge, "the SQL statement has more than {} bytes before its data",
                  kSqlBytesMax);
    }
    const std::string_view rest = sql.substr(at);
    if (const size_t blank = blank_size(rest); blank != 0) {
      if (blank == std::string_view::npos) {
        return fail(Errc::kInvalidArgument, "SQL: the comment at byte {} is not closed", at);
      }
      at += blank;
      continue;
    }
    SqlToken token{.kind = SqlToken::Kind::kSymbol, .text = {}, .at = at, .depth = depth};
    size_t size = 1;
    if (const char c = rest.front(); c == '\'' || c == '`' || c == '"') {
      size = quoted_size(rest);
      if (size == std::string_view::npos) {
        return fail(Errc::kInvalidArgument, "SQL: the quote at byte {} is not closed", at);
      }
      token.kind = c == '\'' ? SqlToken::Kind::kString : SqlToken::Kind::kQuoted;
    } else if (is_word_char(c)) {
      while (size < rest.size() && is_word_char(rest[size])) ++size;
      token.kind = SqlToken::Kind::kWord;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      token.depth = --depth;
      if (depth < 0) {
        return fail(Errc::kInvalidArgument, "SQL: the parenthesis at byte {} closes nothing", at);
      }
    }
    token.text = rest.substr(0, size);
    tokens.push_back(token);
    if (stop && stop(tokens)) return tokens;
    at += size;
  }
  if (depth != 0) return fail(Errc::kInvalidArgument, "SQL: {} parentheses are not closed", depth);
  return tokens;
}

}  // namespace freshet::warehouse
