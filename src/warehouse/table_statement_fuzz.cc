// TableStatement::parse() on any text: an error or a statement with a name.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/ddl.h"
#include "warehouse/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto statement = warehouse::TableStatement::parse(text)) {
    FRESHET_CHECK(!statement->name.database.empty() || statement->text.contains('`') ||
                  statement->text.contains('"'));
  }
  static_cast<void>(warehouse::settings_clause(text));
  static_cast<void>(warehouse::TableName::parse(text));
  static_cast<void>(warehouse::clickhouse_error(text));
  return 0;
}
