#include "app/kafka_target.h"

#include "app/ports.h"
#include "app/running_platform.h"

namespace freshet::app {
namespace {

/// For a guess at this machine's own port: whoever is there answers at once.
constexpr std::chrono::seconds kLocalTimeout{3};

}  // namespace

Result<KafkaTarget> KafkaTarget::find(const PlatformOptions& options) {
  KafkaTarget target;
  if (!options.brokers.empty()) {
    target.client.bootstrap = options.brokers;
    return target;
  }
  const std::filesystem::path data_dir = options.data_dir_or_default();
  FRESHET_ASSIGN(auto running, RunningPlatform::find(data_dir));
  if (running) {
    FRESHET_ASSIGN(target.client.bootstrap, running->kafka_address());
    return target;
  }
  std::error_code failure;
  if (!options.file.empty() || std::filesystem::is_directory(data_dir / "log", failure)) {
    FRESHET_ASSIGN(
        target.services,
        EmbeddedServices::start({.data_dir = data_dir, .warehouse = false, .kafka_port = 0}));
    target.client.bootstrap = fmt::format("127.0.0.1:{}", target.services->log().port());
    return target;
  }
  if (!options.data_dir.empty()) {
    return fail(Errc::kNotFound, "there is no log in {}; start a platform with freshet up FILE",
                data_dir.string());
  }
  target.client.bootstrap = fmt::format("127.0.0.1:{}", shifted_ports(options.port_offset).kafka);
  target.client.request_timeout = kLocalTimeout;
  return target;
}

}  // namespace freshet::app
