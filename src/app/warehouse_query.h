// Runs one SQL statement on the embedded engine and hands the answer over piece by piece.
#pragma once

#include <string_view>

#include "base/error.h"
#include "warehouse/engine.h"

namespace freshet::app {

/// Reading statements stream with bounded memory; others run to their end first. Any thread.
Result<void> run_query(warehouse::Engine& engine, std::string_view sql, std::string_view format,
                       const warehouse::Settings& settings, const warehouse::ChunkSink& on_chunk);

}  // namespace freshet::app
