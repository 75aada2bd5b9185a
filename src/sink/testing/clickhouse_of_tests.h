// Through what the cases of the sink's suite write: the engine of this process, unless a test
// program says otherwise, as api/clickhouse_over_http_test.cc does.
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "warehouse/clickhouse.h"
#include "warehouse/engine.h"

namespace freshet::sink::testing {

struct ClickHouseOfTests {
  std::shared_ptr<void> behind;  // what serves it; outlives it
  std::unique_ptr<warehouse::ClickHouse> clickhouse;
  bool has_own_tables = false;  // else they are the engine's, which can then be asked itself
};

using MakeClickHouse = std::function<Result<ClickHouseOfTests>(warehouse::Engine&)>;

/// Set before main(); none: the engine itself.
inline MakeClickHouse& clickhouse_maker() {
  static MakeClickHouse instance;
  return instance;
}

}  // namespace freshet::sink::testing
