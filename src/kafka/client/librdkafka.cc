#include "kafka/client/librdkafka.h"

#include <array>
#include <future>
#include <memory>
#include <thread>

#include "kafka/error_code.h"
#include "observe/log.h"

namespace freshet::kafka {
namespace {

const Logger logger("kafka.client");

constexpr std::chrono::milliseconds kDestroyWaitMax{5'000};

// librdkafka's levels are those of syslog. What it calls an error is mostly a connection that it
// goes on trying to make.
void forward_log(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  const char* const name = client != nullptr ? rd_kafka_name(client) : "";
  constexpr std::string_view kSentence = "message of librdkafka";
  if (level <= 2) {
    logger.error(kSentence, kv("client", name), kv("facility", facility), kv("text", text));
  } else if (level <= 4) {
    logger.warn(kSentence, kv("client", name), kv("facility", facility), kv("text", text));
  } else if (level <= 6) {
    logger.debug(kSentence, kv("client", name), kv("facility", facility), kv("text", text));
  } else {
    logger.trace(kSentence, kv("client", name), kv("facility", facility), kv("text", text));
  }
}

Errc errc_of_local(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
      return Errc::kUnavailable;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      return Errc::kTimeout;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_GROUP:
    case RD_KAFKA_RESP_ERR__UNKNOWN_BROKER:
      return Errc::kNotFound;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__CONFLICT:
      return Errc::kInvalidArgument;
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
      return Errc::kUnsupported;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return Errc::kRefused;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return Errc::kOutOfRange;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return Errc::kCorrupt;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      return Errc::kFenced;
    case RD_KAFKA_RESP_ERR__DESTROY:
      return Errc::kCancelled;
    default:
      return Errc::kInternal;
  }
}

}  // namespace

// librdkafka 2.0.2 waits for ever here when a topic was deleted while a consumer had it
// (confluentinc/librdkafka issue 4362). A command that cannot end is worse than a leaked handle.
void ClientDestroy::operator()(rd_kafka_t* client) const {
  const auto done = std::make_shared<std::promise<void>>();
  auto is_done = done->get_future();
  std::thread([client, done] {
    rd_kafka_destroy(client);
    done->set_value();
  }).detach();
  if (is_done.wait_for(kDestroyWaitMax) == std::future_status::timeout) {
    logger.warn("Kafka client does not stop and is abandoned",
                kv("waited_ms", kDestroyWaitMax.count()));
  }
}
void ConfigurationDestroy::operator()(rd_kafka_conf_t* configuration) const {
  rd_kafka_conf_destroy(configuration);
}
void MessageDestroy::operator()(rd_kafka_message_t* message) const {
  rd_kafka_message_destroy(message);
}

Result<ConfigurationHandle> make_configuration(
    const ClientSettings& settings,
    std::initializer_list<std::pair<std::string_view, std::string>> properties) {
  ConfigurationHandle configuration(rd_kafka_conf_new());
  const auto set = [&](std::string_view name, const std::string& value) -> Result<void> {
    std::array<char, 512> reason{};
    if (rd_kafka_conf_set(configuration.get(), std::string(name).c_str(), value.c_str(),
                          reason.data(), reason.size()) == RD_KAFKA_CONF_OK) {
      return {};
    }
    return fail(Errc::kInvalidArgument, "Kafka client property {}: {}", name, reason.data());
  };
  FRESHET_TRY(set("bootstrap.servers", settings.bootstrap));
  FRESHET_TRY(set("client.id", settings.client_id));
  for (const auto& [name, value] : properties) FRESHET_TRY(set(name, value));
  for (const auto& [name, value] : settings.librdkafka_properties) FRESHET_TRY(set(name, value));
  rd_kafka_conf_set_log_cb(configuration.get(), forward_log);
  return configuration;
}

Result<ClientHandle> make_client(rd_kafka_type_t type, ConfigurationHandle configuration) {
  std::array<char, 512> reason{};
  rd_kafka_t* client = rd_kafka_new(type, configuration.get(), reason.data(), reason.size());
  if (client == nullptr) {
    return fail(Errc::kInvalidArgument, "cannot create a Kafka client: {}", reason.data());
  }
  [[maybe_unused]] const auto* now_the_clients = configuration.release();
  return ClientHandle(client);
}

Error client_error(rd_kafka_resp_err_t code, std::string_view what) {
  return client_error(code, nullptr, what);
}

Error client_error(rd_kafka_resp_err_t code, const char* text, std::string_view what) {
  const std::string_view detail = text != nullptr && *text != '\0' ? text : rd_kafka_err2str(code);
  if (code >= 0) {
    const auto protocol_code = static_cast<ErrorCode>(code);
    return Error(to_error(protocol_code).code(),
                 fmt::format("{}: {}: {}", what, protocol_code, detail));
  }
  return Error(errc_of_local(code), fmt::format("{}: {}", what, detail));
}

}  // namespace freshet::kafka
