#include "app/running_platform.h"

#include <boost/json.hpp>

#include "api/control_socket.h"

namespace freshet::app {

Result<std::optional<RunningPlatform>> RunningPlatform::find(
    const std::filesystem::path& data_dir) {
  std::error_code failure;
  if (!std::filesystem::is_directory(data_dir, failure)) return std::nullopt;
  FRESHET_ASSIGN(const auto socket, api::control_socket_path(data_dir, /*create=*/false));
  if (!std::filesystem::exists(socket, failure)) return std::nullopt;
  RunningPlatform platform(io::HttpClient::unix_socket(socket));
  const auto status = platform.status();
  if (status) return platform;
  // A socket file of a process that was killed: nobody listens.
  if (status.error().code() == Errc::kUnavailable) return std::nullopt;
  return std::unexpected(status.error());
}

Result<std::string> RunningPlatform::kafka_address() {
  FRESHET_ASSIGN(const std::string text, status());
  boost::system::error_code failure;
  const auto document = boost::json::parse(text, failure);
  const auto* object = document.if_object();
  const auto* address = object == nullptr ? nullptr : object->if_contains("kafka");
  if (failure || address == nullptr || !address->is_string()) {
    return fail(Errc::kInternal, "the running platform's status names no Kafka address: {}", text);
  }
  return std::string(address->get_string());
}

Result<std::string> RunningPlatform::status() { return get("GET", "/v1/status"); }
Result<std::string> RunningPlatform::pipelines() { return get("GET", "/v1/pipelines"); }
Result<std::string> RunningPlatform::pipeline(const std::string& name) {
  return get("GET", "/v1/pipelines/" + io::percent_encode(name));
}
Result<std::string> RunningPlatform::change_pipeline(const std::string& name,
                                                     const std::string& verb) {
  return get("POST", fmt::format("/v1/pipelines/{}/{}", io::percent_encode(name), verb));
}
Result<std::string> RunningPlatform::verify(const std::optional<std::string>& name) {
  return get("POST", name ? "/v1/verify?pipeline=" + io::percent_encode(*name) : "/v1/verify");
}

Result<std::string> RunningPlatform::repair(const std::optional<std::string>& name, bool dry_run) {
  std::string target = fmt::format("/v1/repair?dry_run={}", dry_run);
  if (name) target += "&pipeline=" + io::percent_encode(*name);
  return get("POST", target);
}
Result<std::string> RunningPlatform::replay(const std::string& name,
                                            const std::map<std::string, std::string>& query,
                                            bool dry_run) {
  std::string target =
      fmt::format("/v1/dlq/replay?dry_run={}&pipeline={}", dry_run, io::percent_encode(name));
  for (const auto& [key, value] : query) {
    target += fmt::format("&{}={}", key, io::percent_encode(value));
  }
  return get("POST", target);
}

Result<void> RunningPlatform::sql(const std::string& query, const std::string& format,
                                  const warehouse::Settings& settings,
                                  const std::function<bool(std::string_view)>& on_bytes) {
  std::string target = "/v1/sql?format=" + io::percent_encode(format);
  for (const auto& [name, value] : settings) {
    target += "&" + io::percent_encode(name) + "=" + io::percent_encode(value);
  }
  FRESHET_ASSIGN(const auto reply, client_.request("POST", target, query, {}, on_bytes));
  if (!reply.ok()) return std::unexpected(io::error_of_reply(reply));
  return {};
}

Result<std::string> RunningPlatform::get(const std::string& method, const std::string& target) {
  FRESHET_ASSIGN(auto reply, client_.request(method, target));
  if (!reply.ok()) return std::unexpected(io::error_of_reply(reply));
  return std::move(reply.body);
}

}  // namespace freshet::app
