// ClickHouse's HTTP interface over the embedded engine, so that its clients, BI tools and
// notebooks connect: GET and POST /, /ping, /replicas_status.
//
// Statements pass warehouse/statement_guard.h. Bodies and answers of formats with a frame (JSON,
// Parquet, …WithNames) are held whole, up to kClickHouseBodyBytesMax; Native, RowBinary,
// TabSeparated, CSV and the JSONEachRow family stream. An INSERT begins when its body is complete,
// so one that is cut on the way never lands. A connection of the engine is held by a session only
// while it has something of its own (SET, USE, a temporary table). An answer that fails after its
// first byte is cut without its last chunk. A statement that only reads ends when its client goes
// away; KILL QUERY WHERE query_id = '…' ends any.
//
// There is one user, `default`; its password is given by the program. Only pages of this machine
// may ask (Host and Origin).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "warehouse/engine.h"
#include "warehouse/statement_rules.h"

namespace freshet {
class MetricRegistry;
}  // namespace freshet
namespace freshet::io {
class IoThreads;
}  // namespace freshet::io

namespace freshet::api {

class ClickHouseServer {
 public:
  struct Options {
    size_t queries_max = 8;             // at the same time; others wait
    size_t sessions_max = 16;           // that hold a connection of the engine
    std::string password;               // of `default`; empty: none is asked for
    uint64_t seconds_default = 300;     // max_execution_time unless the client sets its own
    warehouse::StatementLimits limits;  // what it may set at most
  };
  /// Called once, at the first request that needs the engine.
  using EngineSource = std::function<Result<warehouse::Engine*>()>;

  /// `threads` and `metrics` outlive the server; the engine outlives stop().
  ClickHouseServer(io::IoThreads& threads, MetricRegistry& metrics, EngineSource engine,
                   Options options);
  /// stop()s.
  ~ClickHouseServer();
  ClickHouseServer(const ClickHouseServer&) = delete;
  ClickHouseServer& operator=(const ClickHouseServer&) = delete;

  /// On 127.0.0.1; returns the port. 0 takes a free one.
  Result<uint16_t> listen(uint16_t port);
  /// Lets running statements end for two seconds, cancels the others, and gives back every
  /// connection of the engine.
  /// May be called twice.
  void stop();

 private:
  class Probe;
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet::api
