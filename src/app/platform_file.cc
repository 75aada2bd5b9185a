#include "app/platform_file.h"

#include <fmt/format.h>

#include "warehouse/ddl.h"

namespace freshet::app {

config::LoadedPlatform read_platform_file(const std::filesystem::path& file) {
  auto loaded = config::load_platform_file(file);
  const auto& tables = loaded.platform.tables;
  for (size_t i = 0; i < tables.size(); ++i) {
    if (tables[i].sql.empty()) continue;  // the loader said why
    const auto statement = warehouse::TableStatement::parse(tables[i].sql);
    if (statement) continue;
    loaded.problems.error(tables[i].at,
                          fmt::format("tables.{}: {}", i + 1, statement.error().message()));
  }
  return loaded;
}

}  // namespace freshet::app
