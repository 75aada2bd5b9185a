#include "api/control_server.h"

#include <map>
#include <utility>

#include "api/control_socket.h"
#include "io/io_threads.h"
#include "io/worker_pool.h"

namespace freshet::api {
namespace {

io::HttpServer::Options server_options() {
  io::HttpServer::Options options;
  options.service = "control socket";
  options.body_bytes_max = 64 * 1024 * 1024;  // SQL with inline data
  options.connections_max = 256;
  // A person may read a long answer in a pager.
  options.write_timeout = std::chrono::hours(12);
  return options;
}

io::HttpResponse json_response(Result<std::string> document) {
  if (!document) return io::error_response(document.error());
  io::HttpResponse response;
  response.content_type = "application/json";
  response.body = std::move(*document);
  return response;
}

io::HttpResponse not_supported(std::string_view what) {
  return io::error_response(
      Error(Errc::kUnsupported, fmt::format("{} is not supported yet by this platform", what)));
}

io::HttpResponse sql_response(const ControlHandlers& handlers, const io::HttpRequest& request) {
  if (!handlers.sql) return not_supported("sql");
  SqlRequest sql{request.body, {}, request.query};
  if (const auto format = sql.settings.extract("format")) sql.format = format.mapped();
  if (sql.sql.empty()) {
    return io::error_response(
        Error(Errc::kInvalidArgument, "the body is empty; expected SQL in it"));
  }
  io::HttpResponse response;
  response.stream = [&handlers, sql = std::move(sql)](io::HttpBodyWriter& out) {
    return handlers.sql(sql, out);
  };
  return response;
}

}  // namespace

struct ControlServer::State {
  State(io::IoThreads& threads, io::WorkerPool& worker_pool, ControlHandlers given)
      : pool(worker_pool), handlers(std::move(given)), server(threads, server_options()) {}

  void add_routes();

  io::WorkerPool& pool;
  const ControlHandlers handlers;
  std::filesystem::path path;
  io::HttpServer server;  // last: its handlers use what stands above
};

void ControlServer::State::add_routes() {
  server.route(
      "POST", "/v1/sql",
      [this](const io::HttpRequest& request) { return sql_response(handlers, request); }, &pool);
  server.route(
      "GET", "/v1/status",
      [this](const io::HttpRequest&) {
        return handlers.status ? json_response(handlers.status()) : not_supported("status");
      },
      &pool);
  server.route(
      "GET", "/v1/pipelines",
      [this](const io::HttpRequest&) {
        return handlers.pipelines ? json_response(handlers.pipelines())
                                  : not_supported("pipeline list");
      },
      &pool);
  server.route(
      "GET", "/v1/pipelines/{name}",
      [this](const io::HttpRequest& request) {
        return handlers.pipeline ? json_response(handlers.pipeline(request.captures.at("name")))
                                 : not_supported("pipeline describe");
      },
      &pool);
  server.route(
      "POST", "/v1/verify",
      [this](const io::HttpRequest& request) {
        if (!handlers.verify) return not_supported("verify");
        std::optional<std::string> pipeline;
        const auto given = request.query.find("pipeline");
        if (given != request.query.end()) pipeline = given->second;
        return json_response(handlers.verify(pipeline));
      },
      &pool);
}

ControlServer::ControlServer(io::IoThreads& threads, io::WorkerPool& pool, ControlHandlers handlers)
    : state_(std::make_unique<State>(threads, pool, std::move(handlers))) {
  state_->add_routes();
}

ControlServer::~ControlServer() { stop(); }

void ControlServer::route(const std::string& method, const std::string& pattern,
                          io::HttpHandler handler) {
  state_->server.route(method, pattern, std::move(handler), &state_->pool);
}

Result<void> ControlServer::start(const std::filesystem::path& data_dir) {
  FRESHET_ASSIGN(state_->path, control_socket_path(data_dir, /*create=*/true));
  return state_->server.listen_unix(state_->path);
}

void ControlServer::stop() { state_->server.stop(); }

const std::filesystem::path& ControlServer::socket_path() const { return state_->path; }

}  // namespace freshet::api
