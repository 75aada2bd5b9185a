#include "app/embedded_services.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <future>
#include <system_error>

#include "app/external_clickhouse.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "io/file.h"

namespace freshet::app {
namespace {

Result<std::filesystem::path> make_data_dir(const std::filesystem::path& wanted) {
  std::error_code failure;
  std::filesystem::create_directories(wanted / "state", failure);
  if (failure) {
    return fail(Errc::kIo, "cannot make the data directory {}: {}; choose another with --data-dir",
                wanted.string(), failure.message());
  }
  // The engine needs an absolute path: with a relative one it cannot sync part directories.
  std::filesystem::path absolute = std::filesystem::canonical(wanted, failure);
  if (failure) {
    return fail(Errc::kIo, "cannot find the data directory {}: {}", wanted.string(),
                failure.message());
  }
  // A power cut must not take the directory away with everything in it. Above it may not be ours.
  FRESHET_TRY(io::sync_directory(absolute));
  static_cast<void>(io::sync_directory(absolute.parent_path()));
  return absolute;
}

using ClickHousePort = std::optional<config::ClickHousePortSettings>;
/// An insert, a session in which it is tried on views, and a question about what has landed.
constexpr size_t kConnectionsOfWriter = 3;

Result<std::unique_ptr<warehouse::Engine>> open_engine(const std::filesystem::path& data_dir,
                                                       const ClickHousePort& port, size_t writers) {
  warehouse::EngineOptions options{.path = (data_dir / "warehouse").string()};
  options.connections += writers * kConnectionsOfWriter;
  if (port && port->http) {
    options.connections += port->statements + port->sessions;
    options.reaches_outside = false;
    options.memory_bytes_max = std::max(options.memory_bytes_max, port->statement_memory);
  }
  FRESHET_ASSIGN_CONTEXT(auto engine, warehouse::Engine::open(std::move(options)), "warehouse");
  return engine;
}

/// One process holds a data directory, so its path and the host name one process.
std::string default_instance(const std::filesystem::path& data_dir) {
  std::array<char, 65> buffer{};  // Linux has no longer ones
  static_cast<void>(::gethostname(buffer.data(), buffer.size() - 1));
  std::string host(buffer.data());
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
  };
  std::ranges::replace_if(host, std::not_fn(is_plain), '-');
  return fmt::format("{}-{:08x}", host, crc32c(data_dir.string()));
}

broker::ListenerSecurity listener_security(const config::KafkaListenerSettings& settings) {
  broker::ListenerSecurity security;
  security.tls = {.certificate = settings.certificate,
                  .key = settings.key,
                  .client_ca = settings.client_ca,
                  .client_certificate_required =
                      settings.client_certificates == config::ClientCertificates::kRequired};
  for (const std::string& name : settings.mechanisms) {
    const auto mechanism = broker::sasl_mechanism_of(name);
    FRESHET_CHECK(mechanism.has_value(), "the schema lets {} through", name);
    security.mechanisms.push_back(*mechanism);
  }
  for (const config::KafkaUser& user : settings.users) {
    security.users.push_back({user.name, user.password});
  }
  return security;
}

broker::BrokerOptions broker_options(const ServiceOptions& options,
                                     const std::filesystem::path& data_dir) {
  const config::KafkaListenerSettings& kafka = options.kafka;
  return {.data_dir = data_dir / "log",
          .listen = options.listen,
          .host = kafka.host,
          .port = options.kafka_port,
          .advertised_host = kafka.advertised_host,
          .security = listener_security(kafka),
          .initial_rebalance_delay = kafka.rebalance_delay,
          .session_timeout_min = kafka.session_timeout_min,
          .session_timeout_max = kafka.session_timeout_max,
          .group_members_max = kafka.group_members,
          .offsets_retention = kafka.offsets_retention,
          .topics_max = kafka.topics,
          .frame_bytes_max = kafka.request_size,
          .connections_max = kafka.connections,
          .connections_per_address_max = kafka.connections_per_address,
          .request_memory_max = kafka.request_memory};
}

}  // namespace

EmbeddedServices::EmbeddedServices(std::filesystem::path data_dir, io::DirectoryLock lock)
    : data_dir_(std::move(data_dir)), lock_(std::move(lock)) {}

EmbeddedServices::~EmbeddedServices() { static_cast<void>(stop()); }

Result<std::unique_ptr<EmbeddedServices>> EmbeddedServices::start(const ServiceOptions& options) {
  FRESHET_ASSIGN(auto data_dir, make_data_dir(options.data_dir));
  FRESHET_ASSIGN(auto lock, io::DirectoryLock::acquire(data_dir));
  std::unique_ptr<EmbeddedServices> services(
      new EmbeddedServices(std::move(data_dir), std::move(lock)));
  services->clickhouse_port_ = options.clickhouse;
  services->writers_ = options.writers;
  services->external_clickhouse_ = options.external_clickhouse;
  const bool embedded = options.warehouse && options.external_clickhouse.urls.empty();
  // The engine takes longest to start and needs nothing of the log.
  std::future<Result<std::unique_ptr<warehouse::Engine>>> engine;
  if (embedded) {
    engine = std::async(std::launch::async, open_engine, services->data_dir_, options.clickhouse,
                        options.writers);
  }
  if (options.log) {
    auto log = services->start_log(options);
    if (!log) {
      // The engine closes before its directory is given up.
      if (embedded) {
        if (auto opened = engine.get()) services->engine_ = std::move(*opened);
      }
      return std::unexpected(std::move(log).error().with_context("log"));
    }
  }
  if (embedded) {
    FRESHET_ASSIGN(services->engine_, engine.get());
  }
  if (options.warehouse) FRESHET_TRY(services->ensure_warehouse());
  return services;
}

Result<void> EmbeddedServices::start_log(const ServiceOptions& options) {
  if (!options.external_kafka.bootstrap.empty()) {
    kafka_bootstrap_ = options.external_kafka.bootstrap;
    auto settings = options.external_kafka;
    if (settings.instance.empty()) settings.instance = default_instance(data_dir_);
    FRESHET_ASSIGN(log_service_, ExternalLog::open(std::move(settings)));
    return {};
  }
  const bool every_address = options.kafka.host == "0.0.0.0" || options.kafka.host == "::";
  kafka_host_ = every_address ? "127.0.0.1" : options.kafka.host;
  FRESHET_ASSIGN(log_,
                 broker::Broker::start(broker_options(options, data_dir_), clock(), metrics_));
  log_service_ = std::make_unique<EmbeddedLog>(*log_);
  return {};
}

LogService& EmbeddedServices::log_service() {
  FRESHET_CHECK(log_service_ != nullptr);
  return *log_service_;
}

broker::Broker& EmbeddedServices::log() {
  FRESHET_CHECK(log_ != nullptr);
  return *log_;
}

std::string EmbeddedServices::kafka_address() const {
  if (!kafka_bootstrap_.empty()) return kafka_bootstrap_;
  FRESHET_CHECK(log_ != nullptr);
  const bool v6 = kafka_host_.contains(':');
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", kafka_host_, v6 ? "]" : "", log_->port());
}

Result<void> EmbeddedServices::ensure_warehouse() {
  const std::lock_guard lock(warehouse_mutex_);
  if (engine_ != nullptr || elsewhere_ != nullptr) return {};
  if (external_clickhouse_.urls.empty()) {
    FRESHET_ASSIGN(engine_, open_engine(data_dir_, clickhouse_port_, writers_));
  } else {
    FRESHET_ASSIGN(elsewhere_, open_clickhouse(external_clickhouse_));
  }
  return {};
}

warehouse::ClickHouse& EmbeddedServices::warehouse() {
  if (elsewhere_ != nullptr) return *elsewhere_;
  return engine();
}

warehouse::Engine& EmbeddedServices::engine() {
  FRESHET_CHECK(engine_ != nullptr);
  return *engine_;
}

Result<void> EmbeddedServices::stop() {
  Result<void> first;
  const std::lock_guard lock(warehouse_mutex_);
  if (engine_ != nullptr) first = engine_->close();
  if (log_ != nullptr) {
    auto stopped = log_->stop();
    if (first && !stopped) first = std::move(stopped);
  }
  return first;
}

}  // namespace freshet::app
