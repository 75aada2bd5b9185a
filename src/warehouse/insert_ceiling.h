// How fast the engine takes ready blocks: the figure that a pipeline's rate is held against.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "warehouse/engine.h"

namespace freshet::warehouse {

struct InsertCeiling {
  uint64_t rows = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // user and system time of the whole process, merges included
  [[nodiscard]] double rows_per_second() const {
    return seconds > 0 ? static_cast<double>(rows) / seconds : 0;
  }
  [[nodiscard]] double cpu_seconds_per_million() const {
    return rows > 0 ? cpu_seconds * 1e6 / static_cast<double>(rows) : 0;
  }
};

/// Inserts each block with one statement, one after the other on one connection, as the sink does:
/// same settings, one token a block. `rows` is the sum over the blocks. The table is the caller's:
/// its fsync settings decide what is measured. Anything else that the process does meanwhile counts
/// in the CPU time.
Result<InsertCeiling> measure_insert_ceiling(Engine& engine, const InsertStatement& statement,
                                             std::span<const std::string_view> blocks,
                                             uint64_t rows);

}  // namespace freshet::warehouse
