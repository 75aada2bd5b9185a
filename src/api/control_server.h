// HTTP over a unix socket (mode 0600) through which the command line talks to a running platform.
//
//   POST /v1/sql?format=FORMAT        body: SQL; the answer streams in that ClickHouse format
//   GET  /v1/status                   the platform as JSON
//   GET  /v1/pipelines[/NAME]         as JSON
//   POST /v1/verify[?pipeline=NAME]   the verdicts as JSON
//   and whatever else the program adds with route()
//
// This module knows no engine: the program gives the handlers. They run on the worker pool, several
// at a time, and may block.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "io/http_message.h"
#include "io/http_server.h"

namespace freshet::io {
class IoThreads;
class WorkerPool;
}  // namespace freshet::io

namespace freshet::api {

struct SqlRequest {
  std::string sql;
  std::string format;                           // empty: the handler's default
  std::map<std::string, std::string> settings;  // all other query parameters
};

/// A handler that is not set answers "not supported yet". JSON results are complete documents.
struct ControlHandlers {
  /// An error before the first write becomes an error reply; after it, it cuts the answer short.
  std::function<Result<void>(const SqlRequest&, io::HttpBodyWriter&)> sql;
  std::function<Result<std::string>()> status;
  std::function<Result<std::string>()> pipelines;
  std::function<Result<std::string>(const std::string& name)> pipeline;
  /// None: all pipelines.
  std::function<Result<std::string>(const std::optional<std::string>& pipeline)> verify;
};

class ControlServer {
 public:
  /// Both must outlive the server. `pool` must be able to run long requests side by side.
  ControlServer(io::IoThreads& threads, io::WorkerPool& pool, ControlHandlers handlers);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Another route, before start(); the handler runs on the pool.
  void route(const std::string& method, const std::string& pattern, io::HttpHandler handler);

  /// Listens on control_socket_path(data_dir). The caller holds the data directory's lock.
  Result<void> start(const std::filesystem::path& data_dir);
  /// Lets running requests finish for a few seconds, then cuts them; removes the socket.
  void stop();

  [[nodiscard]] const std::filesystem::path& socket_path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet::api
