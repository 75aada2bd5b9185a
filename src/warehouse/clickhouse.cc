#include "warehouse/clickhouse.h"

namespace freshet::warehouse {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') result += '\\';
    if (c == '\0') {
      result += "\\0";
    } else {
      result += c;
    }
  }
  result += quote;
  return result;
}

}  // namespace

std::string insert_sql(const InsertStatement& statement) {
  std::string sql = "INSERT INTO " + statement.table;
  for (size_t i = 0; i < statement.columns.size(); ++i) {
    sql += i == 0 ? " (" : ", ";
    sql += quote_identifier(statement.columns[i]);
  }
  if (!statement.columns.empty()) sql += ')';
  for (size_t i = 0; i < statement.settings.size(); ++i) {
    const Setting& setting = statement.settings[i];
    sql += fmt::format("{}{} = {}", i == 0 ? " SETTINGS " : ", ", setting.name,
                       quote_string(setting.value));
  }
  return sql;
}

std::string quote_identifier(std::string_view name) { return quoted(name, '`'); }
std::string quote_string(std::string_view text) { return quoted(text, '\''); }

}  // namespace freshet::warehouse
