// Tests on the real engine: one for the whole test program (one store per process), a database of
// its own for each test.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "warehouse/engine.h"
#include "warehouse/testing/temp_engine.h"

namespace freshet::warehouse::testing {

/// The engine of this process. Ended when the last test has run.
class SharedEngine final : public ::testing::Environment {
 public:
  static Result<Engine*> get() { return instance().engine_.get(); }
  /// Ends it now, for tests that open an engine themselves.
  static void end() { instance().engine_.end(); }
  void TearDown() override { end(); }

 private:
  static SharedEngine& instance() {
    static auto* const shared = new SharedEngine;  // owned by the test framework
    return *shared;
  }
  friend const ::testing::Environment* register_shared_engine();
  TempEngine engine_;
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
