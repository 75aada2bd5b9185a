#include "api/metrics_routes.h"

#include <string>
#include <utility>

#include "io/http_server.h"
#include "observe/metrics.h"

namespace freshet::api {
namespace {

io::HttpHandler health_handler(std::function<Result<void>()> check) {
  return [check = std::move(check)](const io::HttpRequest&) {
    io::HttpResponse response;
    response.headers = {{"Cache-Control", "no-store"}};
    const Result<void> health = check ? check() : Result<void>();
    response.status = health ? 200 : 503;
    response.body = health ? "ok\n" : health.error().message() + "\n";
    return response;
  };
}

}  // namespace

void add_metrics_routes(io::HttpServer& server, const MetricRegistry& registry,
                        HealthChecks checks) {
  server.route("GET", "/metrics", [&registry](const io::HttpRequest&) {
    io::HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = registry.expose();
    return response;
  });
  server.route("GET", "/health/live", health_handler(std::move(checks.live)));
  server.route("GET", "/health/ready", health_handler(std::move(checks.ready)));
  server.route("GET", "/health/startup", health_handler(std::move(checks.startup)));
}

}  // namespace freshet::api
