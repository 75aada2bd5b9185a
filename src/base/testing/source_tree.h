// Where a test finds the files that lie beside the sources. Any thread; nothing is kept.
// `__FILE__` is no guide: the compiler cache makes it relative to a build directory.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace freshet::testing {

/// The root of the source tree that the current directory lies in (ctest starts every test at the
/// root), or FRESHET_SOURCE_TREE where that is set. Outside of any source tree: the current
/// directory itself, so that the file that is then missed is named in the test's own message.
inline std::filesystem::path source_tree() {
  if (const char* named = std::getenv("FRESHET_SOURCE_TREE"); named != nullptr) return named;
  auto here = std::filesystem::current_path();
  for (auto dir = here; dir.has_relative_path(); dir = dir.parent_path()) {
    if (std::filesystem::exists(dir / "cmake" / "modules.cmake")) return dir;
  }
  return here;
}

}  // namespace freshet::testing
