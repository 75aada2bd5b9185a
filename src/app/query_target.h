// Where `freshet sql` asks: a platform that runs in another process, the ClickHouse elsewhere that
// a platform file names, or the warehouse of a data directory that nobody uses, opened for as long
// as the command runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/command_tree.h"
#include "app/embedded_services.h"
#include "app/running_platform.h"
#include "base/error.h"

namespace freshet::app {

/// One thread at a time.
class QueryTarget {
 public:
  /// kNotFound: nothing runs there and there is no warehouse there.
  static Result<QueryTarget> find(const PlatformOptions& options);

  /// Hands the answer over as it arrives; false from `on_bytes` ends it early.
  Result<void> query(const std::string& sql, const std::string& format,
                     const warehouse::Settings& settings,
                     const std::function<bool(std::string_view)>& on_bytes);

 private:
  QueryTarget() = default;
  std::optional<RunningPlatform> running_;
  std::unique_ptr<EmbeddedServices> services_;
  std::unique_ptr<warehouse::HttpClickHouse> elsewhere_;
};

}  // namespace freshet::app
