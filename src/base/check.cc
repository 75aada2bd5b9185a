#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace freshet {

void check_failed(std::string_view condition, std::string_view detail, std::source_location where) {
  const std::string line = fmt::format("{}:{}: {}: check failed: {} {}\n", where.file_name(),
                                       where.line(), where.function_name(), condition, detail);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
  std::abort();
}

}  // namespace freshet
