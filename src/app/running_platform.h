// The other end of a platform that runs in another process: its control socket, found by its data
// directory. Blocking; one thread at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/http_client.h"
#include "warehouse/engine.h"

namespace freshet::app {

class RunningPlatform {
 public:
  /// None if no process answers for that directory.
  static Result<std::optional<RunningPlatform>> find(const std::filesystem::path& data_dir);

  /// "127.0.0.1:9092"
  Result<std::string> kafka_address();
  /// JSON documents, as api/control_server.h describes them.
  Result<std::string> status();
  Result<std::string> pipelines();
  Result<std::string> pipeline(const std::string& name);
  /// A pipeline::PipelineStatus. `verb`: "pause" or "resume".
  Result<std::string> change_pipeline(const std::string& name, const std::string& verb);
  Result<std::string> verify(const std::optional<std::string>& name);
  /// An array of pipeline::RepairReport.
  Result<std::string> repair(const std::optional<std::string>& name, bool dry_run);
  /// A pipeline::ReplayReport. `query`: app/mending.h filter_query().
  Result<std::string> replay(const std::string& name,
                             const std::map<std::string, std::string>& query, bool dry_run);

  /// Hands the answer over as it arrives; false from `on_bytes` ends it.
  Result<void> sql(const std::string& query, const std::string& format,
                   const warehouse::Settings& settings,
                   const std::function<bool(std::string_view)>& on_bytes);

 private:
  explicit RunningPlatform(io::HttpClient client) : client_(std::move(client)) {}
  Result<std::string> get(const std::string& method, const std::string& target);

  io::HttpClient client_;
};

}  // namespace freshet::app
