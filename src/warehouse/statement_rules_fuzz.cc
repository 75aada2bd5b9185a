// Statements and trees of statements: any bytes are admitted or refused with a number of
// ClickHouse's. A statement that calls file() in plain sight is never admitted.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "warehouse/clickhouse_error.h"
#include "warehouse/statement_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::warehouse;
  static const StatementRules rules({"url", "s3", "file", "remote", "executable", "mergetree"}, {});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto checked = rules.check_text(text);
  if (!checked && !clickhouse_code(checked.error())) std::abort();
  // Behind a text that is whole by itself nothing can hide a call.
  if (checked && rules.check_text(std::string(text) + " , file('x')")) std::abort();
  const auto tree = rules.check_tree(text);
  if (!tree && !clickhouse_code(tree.error())) std::abort();
  if (rules.values_may_be_evaluated(text) && text.find("file") != std::string_view::npos) {
    std::abort();
  }
  if (StatementRules::values_are_conversions(text) &&
      StatementRules::values_are_conversions(std::string(text) + " file('x')")) {
    std::abort();
  }
  if (const std::string id = killed_query(text); id.size() > size) std::abort();
  return 0;
}
