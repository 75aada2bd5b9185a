// The platform file as the commands read it: what `config` finds wrong, and beside it the
// statements of `tables:`, which only the warehouse can read.
#pragma once

#include <filesystem>

#include "config/load_platform.h"

namespace freshet::app {

/// Every mistake that can be found without starting anything; nothing but the file (and files that
/// it names for secrets) is read. What only the engine knows, such as the name of a type, is judged
/// when the table is made.
[[nodiscard]] config::LoadedPlatform read_platform_file(const std::filesystem::path& file);

}  // namespace freshet::app
