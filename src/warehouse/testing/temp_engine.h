// A throw-away engine for tests and benchmarks: a store below the system's temporary directory,
// opened at first use and removed at the end.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "base/testing/source_tree.h"
#include "warehouse/engine.h"

namespace freshet::warehouse::testing {

/// A directory below the system's temporary one, removed with everything in it.
class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The library that scripts/setup put into the source tree; empty when it is not there.
inline std::string library_of_source_tree() {
  const auto library = freshet::testing::source_tree() / ".deps/libchdb-26.7.3-stable.1/libchdb.so";
  return std::filesystem::exists(library) ? library.string() : std::string();
}

inline EngineOptions engine_options(std::string path) {
  EngineOptions options{.path = std::move(path)};
  if (std::getenv("FRESHET_LIBCHDB") == nullptr) options.library = library_of_source_tree();
  return options;
}

class TempEngine {
 public:
  Result<Engine*> get() {
    if (engine_ == nullptr) {
      directory_ = std::make_unique<TempDirectory>();
      FRESHET_ASSIGN(engine_, Engine::open(engine_options(directory_->path())));
    }
    return engine_.get();
  }
  void end() {
    engine_.reset();
    directory_.reset();
  }

 private:
  std::unique_ptr<TempDirectory> directory_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace freshet::warehouse::testing
