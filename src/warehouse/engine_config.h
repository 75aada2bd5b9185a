// The configuration files of the engine: what has no command-line form, and the grants of an engine
// that must not reach outside.
#pragma once

#include <string>

#include "base/error.h"
#include "warehouse/engine.h"

namespace freshet::warehouse {

/// Writes them into the store, which must be there, and returns the path of the one that
/// --config-file takes. kIo: not written.
Result<std::string> write_engine_config(const EngineOptions& options);

}  // namespace freshet::warehouse
