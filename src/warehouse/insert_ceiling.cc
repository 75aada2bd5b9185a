#include "warehouse/insert_ceiling.h"

#include <sys/resource.h>

#include <chrono>

namespace freshet::warehouse {
namespace {

double process_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Result<InsertCeiling> measure_insert_ceiling(Engine& engine, const InsertStatement& statement,
                                             std::span<const std::string_view> blocks,
                                             uint64_t rows) {
  FRESHET_ASSIGN(Connection connection, engine.connect());
  InsertCeiling ceiling{.rows = rows};
  const double cpu_before = process_cpu_seconds();
  const auto begin = std::chrono::steady_clock::now();
  for (size_t i = 0; i < blocks.size(); ++i) {
    InsertStatement one = statement;
    one.settings.push_back({"insert_deduplication_token", fmt::format("ceiling:{}", i)});
    FRESHET_TRY_CONTEXT(connection.insert(one, blocks.subspan(i, 1)), "block {} of {}", i + 1,
                        blocks.size());
  }
  ceiling.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ceiling.cpu_seconds = process_cpu_seconds() - cpu_before;
  return ceiling;
}

}  // namespace freshet::warehouse
