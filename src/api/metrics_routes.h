// /metrics and /health/{live,ready,startup} for Prometheus and Kubernetes.
#pragma once

#include <functional>

#include "base/error.h"

namespace freshet {
class MetricRegistry;
}  // namespace freshet

namespace freshet::io {
class HttpServer;
}  // namespace freshet::io

namespace freshet::api {

/// Each returns nothing when all is well, else an Error whose text says what is not. Called on a
/// network thread at every request: must not block. An unset check is well.
struct HealthChecks {
  std::function<Result<void>()> live;     // false: restart the process
  std::function<Result<void>()> ready;    // false: send no work here now
  std::function<Result<void>()> startup;  // false: still starting, do not judge yet
};

/// Adds the routes; `registry` must outlive the server. A failing check answers 503.
void add_metrics_routes(io::HttpServer& server, const MetricRegistry& registry,
                        HealthChecks checks);

}  // namespace freshet::api
