#include "api/metrics_routes.h"

#include <gmock/gmock.h>

#include "io/http_client.h"
#include "io/http_server.h"
#include "io/io_threads.h"
#include "observe/metrics.h"

namespace freshet::api {
namespace {

using testing::HasSubstr;

TEST(MetricsRoutes, serve_metrics_and_health) {
  MetricRegistry registry;
  registry.counter("freshet_test_rows_total", "Rows.").increment(7);
  io::IoThreads threads("http", 1);
  io::HttpServer server(threads, {});
  HealthChecks checks;
  checks.ready = []() -> Result<void> { return fail(Errc::kUnavailable, "warehouse is starting"); };
  add_metrics_routes(server, registry, checks);
  const auto port = server.listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(port);
  auto client = io::HttpClient::tcp("127.0.0.1", *port);

  const auto metrics = client.request("GET", "/metrics");
  EXPECT_THAT(metrics->body, HasSubstr("freshet_test_rows_total 7\n"));
  EXPECT_EQ(io::find_header(metrics->headers, "Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(client.request("GET", "/health/live")->status, 200u);
  EXPECT_EQ(client.request("GET", "/health/startup")->body, "ok\n");
  const auto ready = client.request("GET", "/health/ready");
  EXPECT_EQ(ready->status, 503u);
  EXPECT_EQ(ready->body, "warehouse is starting\n");
}

}  // namespace
}  // namespace freshet::api
