// Every key of the platform file, registered once.
#pragma once

#include <string>

#include "config/platform.h"
#include "config/section.h"

namespace freshet::config {

/// `directory`: what relative paths in the file count from.
[[nodiscard]] Section<Platform> platform_section(const std::string& directory);

}  // namespace freshet::config
