// Tests on the real engine: one for the whole test program (one store per process), a database of
// its own for each test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

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

/// The library of this source tree, for test programs built outside it; empty elsewhere.
inline std::string library_of_source_tree() {
  const std::filesystem::path file(__FILE__);
  for (auto dir = file.parent_path(); dir != dir.root_path() && !dir.empty();
       dir = dir.parent_path()) {
    const auto library = dir / ".deps" / "libchdb-26.7.3-stable.1" / "libchdb.so";
    if (std::filesystem::exists(library)) return library.string();
  }
  return {};
}

inline EngineOptions engine_options(std::string path) {
  EngineOptions options{.path = std::move(path)};
  if (std::getenv("FRESHET_LIBCHDB") == nullptr) options.library = library_of_source_tree();
  return options;
}

/// The engine of this process. Ended when the last test has run.
class SharedEngine final : public ::testing::Environment {
 public:
  static Result<Engine*> get() {
    SharedEngine& shared = instance();
    if (shared.engine_ == nullptr) {
      shared.directory_ = std::make_unique<TempDirectory>();
      FRESHET_ASSIGN(shared.engine_, Engine::open(engine_options(shared.directory_->path())));
    }
    return shared.engine_.get();
  }
  /// Ends it now, for tests that open an engine themselves.
  static void end() {
    instance().engine_.reset();
    instance().directory_.reset();
  }
  void TearDown() override { end(); }

 private:
  static SharedEngine& instance() {
    static auto* const shared = new SharedEngine;  // owned by the test framework
    return *shared;
  }
  friend const ::testing::Environment* register_shared_engine();
  std::unique_ptr<TempDirectory> directory_;
  std::unique_ptr<Engine> engine_;
};

inline const ::testing::Environment* register_shared_engine() {
  return ::testing::AddGlobalTestEnvironment(&SharedEngine::instance());
}
inline const ::testing::Environment* const shared_engine_registered = register_shared_engine();

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = SharedEngine::get();
    if (!engine && engine.error().code() == Errc::kUnsupported) {
      GTEST_SKIP() << engine.error().message();
    }
    ASSERT_TRUE(engine) << engine.error().message();
    engine_ = *engine;
    static int next = 0;
    database_ = "test_" + std::to_string(next++);
    run("CREATE DATABASE " + database_);
  }
  void TearDown() override {
    if (engine_ != nullptr) run("DROP DATABASE IF EXISTS " + database_ + " SYNC");
  }

  /// Result of a statement that must succeed, as TabSeparated.
  std::string run(const std::string& sql) {
    auto result = engine_->query(sql);
    EXPECT_TRUE(result) << sql << "\n" << result.error().message();
    return result ? result->bytes : std::string();
  }
  [[nodiscard]] std::string in_database(const std::string& table) const {
    return database_ + "." + table;
  }

  Engine* engine_ = nullptr;
  std::string database_;
};

}  // namespace freshet::warehouse::testing
