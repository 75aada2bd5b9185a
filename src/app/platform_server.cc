#include "app/platform_server.h"

#include <unistd.h>

#include <atomic>

#include "api/clickhouse_server.h"
#include "api/control_server.h"
#include "api/metrics_routes.h"
#include "app/listing.h"
#include "app/mending.h"
#include "io/http_server.h"
#include "io/io_threads.h"
#include "io/worker_pool.h"

namespace freshet::app {
namespace {

std::string json_text_or_null(const std::string& text) {
  return text.empty() ? "null" : json_quoted(text);
}

std::string source_json(const SourceState& source) {
  return fmt::format(
      R"({{"name":{},"topic":{},"position":{},"published":{},"events_per_s":{:.1f},"total":{},)"
      R"("bounded":{},"done":{},"failure":{}}})",
      json_quoted(source.name), json_quoted(source.topic), source.position, source.published,
      source.events_per_second, source.total ? fmt::format("{}", *source.total) : "null",
      source.bounded, source.done, json_text_or_null(source.failure));
}

template <class T, class Print>
std::string json_array(const std::vector<T>& items, const Print& print) {
  std::string out = "[";
  for (const auto& item : items) out += (out.size() > 1 ? "," : "") + print(item);
  return out + "]";
}

std::string pipelines_json(const PlatformRuntime& runtime) {
  return json_array(runtime.pipelines(),
                    [](const pipeline::PipelineStatus& status) { return to_json(status); });
}

api::ClickHouseServer::Options port_options(const config::ClickHousePortSettings& port) {
  const auto seconds = [](std::chrono::milliseconds time) {
    return static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(time).count());
  };
  return {.queries_max = port.statements,
          .sessions_max = port.sessions,
          .password = port.password.reveal(),
          .seconds_default = seconds(port.statement_time),
          .limits = {.memory_bytes = port.statement_memory,
                     .seconds = seconds(port.statement_time_max),
                     .result_rows = port.result_rows}};
}

}  // namespace

class PlatformServer::State {
 public:
  State(EmbeddedServices& services, const config::ClickHousePortSettings& port)
      : services(services),
        threads("api", 1),
        pool({.name = "control", .threads = 4}),
        control(threads, pool, handlers()),
        http(threads, {.service = "API"}),
        clickhouse_listens(port.http),
        clickhouse(
            threads, services.metrics(),
            [this]() -> Result<warehouse::Engine*> {
              FRESHET_TRY(this->services.ensure_warehouse());
              return &this->services.engine();
            },
            port_options(port)) {}

  Result<void> start(const Ports& ports);
  void stop() {
    control.stop();
    http.stop();
    clickhouse.stop();
    pool.stop();
    threads.stop();
  }
  [[nodiscard]] std::string status_json() const;
  api::ControlHandlers handlers();
  void add_mending_routes();
  void add_pausing_routes();
  Result<PlatformRuntime*> ready_runtime() const;

  EmbeddedServices& services;
  std::atomic<PlatformRuntime*> runtime{nullptr};
  uint16_t api_port = 0;
  std::string clickhouse_address = "off";
  io::IoThreads threads;
  io::WorkerPool pool;
  api::ControlServer control;
  io::HttpServer http;
  const bool clickhouse_listens;
  api::ClickHouseServer clickhouse;
};

Result<PlatformRuntime*> PlatformServer::State::ready_runtime() const {
  PlatformRuntime* ready = runtime.load();
  if (ready == nullptr) return fail(Errc::kUnavailable, "the platform is still starting");
  return ready;
}

std::string PlatformServer::State::status_json() const {
  const PlatformRuntime* ready = runtime.load();
  return fmt::format(
      R"({{"platform":{},"pid":{},"version":"{}","data_dir":{},"kafka":{},)"
      R"("api":"127.0.0.1:{}","clickhouse":"{}","ready":{},"failures":{},"sources":{},"pipelines":{}}})",
      ready == nullptr ? "null" : json_quoted(ready->platform().name), ::getpid(), FRESHET_VERSION,
      json_quoted(services.data_dir().string()), json_quoted(services.kafka_address()), api_port,
      clickhouse_address, ready != nullptr,
      ready == nullptr ? "[]" : json_array(ready->failures(), json_quoted),
      ready == nullptr ? "[]" : json_array(ready->sources(), source_json),
      ready == nullptr ? "[]" : pipelines_json(*ready));
}

api::ControlHandlers PlatformServer::State::handlers() {
  return {.sql = [this](const api::SqlRequest& request, io::HttpBodyWriter& out) -> Result<void> {
            FRESHET_TRY(services.ensure_warehouse());
            warehouse::Settings settings;
            for (const auto& [name, value] : request.settings) settings.push_back({name, value});
            return services.warehouse().answer(
                request.sql, request.format.empty() ? "TabSeparated" : request.format, settings,
                [&out](std::string_view chunk) { return out.write(chunk); });
          },
          .status = [this]() -> Result<std::string> { return status_json(); },
          .pipelines = [this]() -> Result<std::string> {
            FRESHET_ASSIGN(const auto* ready, ready_runtime());
            return pipelines_json(*ready);
          },
          .pipeline = [this](const std::string& name) -> Result<std::string> {
            FRESHET_ASSIGN(const auto* ready, ready_runtime());
            FRESHET_TRY(select_pipelines(ready->platform(), name));
            for (const auto& status : ready->pipelines()) {
              if (status.name == name) return to_json(status);
            }
            return fail(Errc::kUnavailable, "pipeline {} is still starting", name);
          },
          .verify = [this](const std::optional<std::string>& name) -> Result<std::string> {
            FRESHET_ASSIGN(auto* ready, ready_runtime());
            FRESHET_ASSIGN(const auto verdicts, ready->verify(name));
            return json_array(verdicts, [](const pipeline::PipelineVerdict& verdict) {
              return to_json(verdict);
            });
          }};
}

void PlatformServer::State::add_pausing_routes() {
  using Change = Result<pipeline::PipelineStatus> (PlatformRuntime::*)(const std::string&);
  const auto add = [this](const char* verb, Change change) {
    control.route("POST", fmt::format("/v1/pipelines/{{name}}/{}", verb),
                  [this, change](const io::HttpRequest& request) {
                    auto ready = ready_runtime();
                    if (!ready) return io::error_response(ready.error());
                    const auto status = ((*ready)->*change)(request.captures.at("name"));
                    if (!status) return io::error_response(status.error());
                    return io::HttpResponse{.content_type = "application/json",
                                            .body = to_json(*status)};
                  });
  };
  add("pause", &PlatformRuntime::pause);
  add("resume", &PlatformRuntime::resume);
}

void PlatformServer::State::add_mending_routes() {
  const auto answer = [](const Result<std::string>& document) {
    if (!document) return io::error_response(document.error());
    return io::HttpResponse{.content_type = "application/json", .body = *document};
  };
  control.route("POST", "/v1/repair", [this, answer](const io::HttpRequest& request) {
    return answer([&]() -> Result<std::string> {
      FRESHET_ASSIGN(auto* ready, ready_runtime());
      const auto given = request.query.find("pipeline");
      FRESHET_ASSIGN(const auto reports,
                     repair_pipelines(
                         ready->platform(),
                         given == request.query.end() ? std::nullopt : std::optional(given->second),
                         ready->services(), request.query_or("dry_run", "") == "true"));
      return to_json(reports);
    }());
  });
  control.route("POST", "/v1/dlq/replay", [this, answer](const io::HttpRequest& request) {
    return answer([&]() -> Result<std::string> {
      FRESHET_ASSIGN(auto* ready, ready_runtime());
      FRESHET_ASSIGN(const auto filter, filter_of_query(request.query));
      FRESHET_ASSIGN(
          const auto report,
          replay_pipeline(ready->platform(), request.query_or("pipeline", ""), ready->services(),
                          filter, request.query_or("dry_run", "") == "true"));
      return pipeline::to_json(report);
    }());
  });
}

Result<void> PlatformServer::State::start(const Ports& ports) {
  add_mending_routes();
  add_pausing_routes();
  api::add_metrics_routes(http, services.metrics(),
                          {.ready = [this]() -> Result<void> {
                             FRESHET_ASSIGN(const auto* ready, ready_runtime());
                             const auto failures = ready->failures();
                             if (!failures.empty())
                               return fail(Errc::kUnavailable, "{}", failures.front());
                             return {};
                           },
                           .startup = [this]() -> Result<void> {
                             FRESHET_TRY(ready_runtime());
                             return {};
                           }});
  http.route(
      "GET", "/v1/status",
      [this](const io::HttpRequest&) {
        return io::HttpResponse{.content_type = "application/json", .body = status_json()};
      },
      &pool);
  FRESHET_ASSIGN(api_port, http.listen_tcp("127.0.0.1", ports.api));
  if (clickhouse_listens) {
    FRESHET_ASSIGN(const uint16_t port, clickhouse.listen(ports.clickhouse));
    clickhouse_address = fmt::format("http://127.0.0.1:{}", port);
  }
  return control.start(services.data_dir());
}

PlatformServer::PlatformServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlatformServer::~PlatformServer() { stop(); }

Result<std::unique_ptr<PlatformServer>> PlatformServer::start(
    EmbeddedServices& services, const Ports& ports,
    const config::ClickHousePortSettings& clickhouse) {
  std::unique_ptr<PlatformServer> server(
      new PlatformServer(std::make_unique<State>(services, clickhouse)));
  FRESHET_TRY(server->state_->start(ports));
  return server;
}

uint16_t PlatformServer::api_port() const { return state_->api_port; }
std::string PlatformServer::clickhouse_address() const { return state_->clickhouse_address; }
void PlatformServer::set_runtime(PlatformRuntime& runtime) { state_->runtime = &runtime; }
void PlatformServer::stop() { state_->stop(); }

}  // namespace freshet::app
