// The services of one data directory: the log (a broker in this process, or a connection to a Kafka
// that runs elsewhere) and the warehouse (the engine of this process, or a ClickHouse that runs
// elsewhere), with the lock that keeps every other process out.
//
//   <data dir>/lock        pid of the holder
//   <data dir>/log/        broker
//   <data dir>/warehouse/  ClickHouse engine
//   <data dir>/state/      control socket; which pipelines are paused (pause_marks.h)
//
// Life: start() -> use -> stop(). What uses them is stopped before. Any thread may use the
// services.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "app/log_service.h"
#include "base/clock.h"
#include "base/error.h"
#include "broker/broker.h"
#include "config/platform.h"
#include "io/file.h"
#include "observe/metrics.h"
#include "warehouse/engine.h"
#include "warehouse/http_clickhouse.h"

namespace freshet::app {

struct ServiceOptions {
  std::filesystem::path data_dir;  // made if missing
  bool log = true;
  bool warehouse = true;
  bool listen = true;  // whether Kafka clients may connect
  /// Writes that pipelines may make at the same time, all together: each has connections of its own
  /// to the engine, so that one whose table makes inserts wait costs the others nothing.
  size_t writers = 0;
  /// With a port for ClickHouse clients the engine refuses what reaches outside the store, and has
  /// connections for those who ask.
  std::optional<config::ClickHousePortSettings> clickhouse;
  config::ExternalClickHouseSettings external_clickhouse;  // with urls: no engine is opened
  uint16_t kafka_port = 9092;                              // 0 takes a free one
  config::KafkaListenerSettings kafka;
  config::ExternalKafkaSettings external_kafka;  // with a bootstrap: no broker is started
};

class EmbeddedServices {
 public:
  /// Starts what is asked for, side by side. kRefused: another process holds the directory.
  static Result<std::unique_ptr<EmbeddedServices>> start(const ServiceOptions& options);
  ~EmbeddedServices();
  EmbeddedServices(const EmbeddedServices&) = delete;
  EmbeddedServices& operator=(const EmbeddedServices&) = delete;

  [[nodiscard]] const std::filesystem::path& data_dir() const { return data_dir_; }
  /// Opens the engine, or asks the ClickHouse elsewhere who it is, unless that is done: a platform
  /// that only has topics starts without it.
  Result<void> ensure_warehouse();
  /// Only what was asked for in start(), or ensured.
  [[nodiscard]] broker::Broker& log();
  /// The log, embedded or not.
  [[nodiscard]] LogService& log_service();
  /// "127.0.0.1:9092": where programs of this machine reach the log.
  [[nodiscard]] std::string kafka_address() const;
  [[nodiscard]] warehouse::ClickHouse& warehouse();
  /// The engine of this process, which there is none of if the warehouse runs elsewhere.
  [[nodiscard]] warehouse::Engine& engine();
  [[nodiscard]] MetricRegistry& metrics() { return metrics_; }
  [[nodiscard]] Clock& clock() { return SystemClock::instance(); }

  /// The engine first, then the log; the first error of both. May be called again.
  Result<void> stop();

 private:
  EmbeddedServices(std::filesystem::path data_dir, io::DirectoryLock lock);
  Result<void> start_log(const ServiceOptions& options);

  std::filesystem::path data_dir_;
  size_t writers_ = 0;
  std::optional<config::ClickHousePortSettings> clickhouse_port_;
  config::ExternalClickHouseSettings external_clickhouse_;
  std::string kafka_host_;
  std::string kafka_bootstrap_;  // of an external Kafka
  io::DirectoryLock lock_;
  MetricRegistry metrics_;
  std::unique_ptr<broker::Broker> log_;  // none: external
  std::unique_ptr<LogService> log_service_;
  std::mutex warehouse_mutex_;  // held while it opens and closes
  std::unique_ptr<warehouse::Engine> engine_;
  std::unique_ptr<warehouse::HttpClickHouse> elsewhere_;
};

}  // namespace freshet::app
