#include "app/warehouse_query.h"

namespace freshet::app {

Result<void> run_query(warehouse::Engine& engine, std::string_view sql, std::string_view format,
                       const warehouse::Settings& settings, const warehouse::ChunkSink& on_chunk) {
  FRESHET_ASSIGN(const auto kind, engine.classify(sql));
  if (kind.kind == warehouse::StatementClass::Kind::kReadOnly) {
    return engine.stream(sql, format, settings, on_chunk);
  }
  // An unparsable text goes to the engine too: its message says what is wrong where.
  FRESHET_ASSIGN(const auto result, engine.query(sql, format, settings));
  return result.bytes.empty() ? Result<void>() : on_chunk(result.bytes);
}

}  // namespace freshet::app
