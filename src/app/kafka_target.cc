#include "app/kafka_target.h"

#include "app/ports.h"
#include "app/running_platform.h"
#include "config/load_platform.h"

namespace freshet::app {
namespace {

/// For a guess at this machine's own port: whoever is there answers at once.
constexpr std::chrono::seconds kLocalTimeout{3};

/// How to log in where the platform file says who may. The address comes from the platform's own
/// control socket, so the certificate has nothing to add; SCRAM never sends the password.
std::map<std::string, std::string> login_properties(const config::KafkaListenerSettings& kafka) {
  std::map<std::string, std::string> properties;
  const bool tls = !kafka.certificate.empty();
  const bool sasl = !kafka.mechanisms.empty() && !kafka.users.empty();
  if (tls) properties["enable.ssl.certificate.verification"] = "false";
  if (sasl) {
    properties["sasl.mechanism"] = kafka.mechanisms.back();  // sorted: PLAIN comes first
    properties["sasl.username"] = kafka.users.front().name;
    properties["sasl.password"] = kafka.users.front().password.reveal();
  }
  if (tls || sasl) {
    properties["security.protocol"] = sasl ? (tls ? "SASL_SSL" : "SASL_PLAINTEXT") : "SSL";
  }
  return properties;
}

std::map<std::string, std::string> login_properties(const config::ExternalKafkaSettings& kafka) {
  std::map<std::string, std::string> properties;
  const auto add = [&properties](const char* name, const std::string& value) {
    if (!value.empty()) properties[name] = value;
  };
  add("ssl.ca.location", kafka.ca);
  add("ssl.certificate.location", kafka.certificate);
  add("ssl.key.location", kafka.key);
  if (kafka.tls && !kafka.check_certificate) {
    properties["enable.ssl.certificate.verification"] = "false";
  }
  if (kafka.tls && !kafka.check_host_name) {
    properties["ssl.endpoint.identification.algorithm"] = "none";
  }
  const bool sasl = !kafka.user.empty();
  if (sasl) {
    add("sasl.mechanism", kafka.mechanism);
    add("sasl.username", kafka.user);
    add("sasl.password", kafka.password.reveal());
  }
  if (kafka.tls || sasl) {
    add("security.protocol", sasl ? (kafka.tls ? "SASL_SSL" : "SASL_PLAINTEXT") : "SSL");
  }
  return properties;
}

}  // namespace

Result<KafkaTarget> KafkaTarget::find(const PlatformOptions& options) {
  KafkaTarget target;
  if (!options.brokers.empty()) {
    target.client.bootstrap = options.brokers;
    return target;
  }
  if (!options.file.empty()) {
    FRESHET_ASSIGN(const auto platform,
                   config::require_platform(config::load_platform_file(options.file)));
    if (!platform.external_kafka.bootstrap.empty()) {
      target.client.bootstrap = platform.external_kafka.bootstrap;
      target.client.librdkafka_properties = login_properties(platform.external_kafka);
      return target;
    }
  }
  const std::filesystem::path data_dir = options.data_dir_or_default();
  FRESHET_ASSIGN(auto running, RunningPlatform::find(data_dir));
  if (running) {
    FRESHET_ASSIGN(target.client.bootstrap, running->kafka_address());
    if (!options.file.empty()) {
      FRESHET_ASSIGN(const auto platform,
                     config::require_platform(config::load_platform_file(options.file)));
      target.client.librdkafka_properties = login_properties(platform.kafka);
    }
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
