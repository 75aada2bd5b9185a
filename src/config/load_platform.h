// Reads a platform file: text -> typed settings, with every mistake found in one go.
//
// Pure but for reading the file itself and files named by `file:` secrets: no service is touched.
// Each message is one line: where, what is wrong, what was expected, how to mend it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/document.h"
#include "config/platform.h"
#include "config/problems.h"

namespace freshet::config {

/// The process's own environment.
[[nodiscard]] Environment process_environment();

struct LoadedPlatform {
  Platform platform;  // meaningful only if problems.has_errors() is false
  Problems problems;  // errors and warnings, sorted by position
};

/// `name` stands before the position in messages; relative paths in the file count from
/// `directory`.
LoadedPlatform load_platform_text(std::string_view text, const std::string& name,
                                  const std::filesystem::path& directory,
                                  const Environment& environment);

/// Reads the file and loads it. A file that cannot be read is one problem without position.
LoadedPlatform load_platform_file(const std::filesystem::path& file,
                                  const Environment& environment = process_environment());

/// All errors as one Error (kInvalidArgument) of several lines; warnings go to the log.
Result<Platform> require_platform(LoadedPlatform loaded);

}  // namespace freshet::config
