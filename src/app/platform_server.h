// What a running platform serves besides Kafka: the control socket for the command line, and
// metrics and health over HTTP, and ClickHouse's HTTP interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/platform_runtime.h"
#include "app/ports.h"
#include "base/error.h"
#include "config/platform.h"

namespace freshet::app {

class PlatformServer {
 public:
  /// Listens at once; until set_runtime() queries are answered, but not ready. `services` outlives
  /// the server. A port of 0 takes a free one.
  static Result<std::unique_ptr<PlatformServer>> start(
      EmbeddedServices& services, const Ports& ports,
      const config::ClickHousePortSettings& clickhouse);
  ~PlatformServer();
  PlatformServer(const PlatformServer&) = delete;
  PlatformServer& operator=(const PlatformServer&) = delete;

  [[nodiscard]] uint16_t api_port() const;
  /// "http://127.0.0.1:8123", or "off".
  [[nodiscard]] std::string clickhouse_address() const;

  /// From now on the platform is ready. Outlives the server.
  void set_runtime(PlatformRuntime& runtime);

  /// Ends requests under way after a few seconds. May be called twice.
  void stop();

 private:
  class State;
  explicit PlatformServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::app
