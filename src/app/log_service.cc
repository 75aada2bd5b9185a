#include "app/log_service.h"

#include <ranges>
#include <string_view>

#include "kafka/remote/remote_producer.h"

namespace freshet::app {
namespace {

std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> all;
  for (const auto name : std::views::split(names, ',')) {
    all.emplace_back(std::string_view(name));
  }
  return all;
}

}  // namespace

Result<int32_t> EmbeddedLog::ensure_topic(const LogTopic& topic) {
  FRESHET_ASSIGN(const auto made, broker_.ensure_topic({.name = topic.name,
                                                        .partitions = topic.partitions,
                                                        .configs = topic.configs}));
  return made.partitions;
}

std::unique_ptr<kafka::GroupConsumer> EmbeddedLog::make_consumer(const LogReader& reader) {
  return broker_.make_consumer(
      {.group = reader.group, .topics = reader.topics, .client_id = reader.client_id});
}

Result<std::unique_ptr<ExternalLog>> ExternalLog::open(config::ExternalKafkaSettings settings) {
  FRESHET_ASSIGN(auto cluster, kafka::Cluster::open(remote_settings(settings)));
  return std::unique_ptr<ExternalLog>(new ExternalLog(std::move(cluster), std::move(settings)));
}

Result<int32_t> ExternalLog::ensure_topic(const LogTopic& topic) {
  FRESHET_ASSIGN(const auto made, cluster_->ensure_topic({.name = topic.name,
                                                          .partitions = topic.partitions,
                                                          .configs = topic.configs}));
  return static_cast<int32_t>(made.leaders.size());
}

kafka::RemoteConsumerOptions ExternalLog::consumer_options(const LogReader& reader) const {
  return {.group = reader.group,
          .topics = reader.topics,
          .assignors = split(settings_.assignors),
          .static_member_name = settings_.instance,
          .session_timeout = settings_.session_timeout,
          .rebalance_timeout = settings_.rebalance_timeout,
          .heartbeat_every = settings_.heartbeat_every,
          .topics_every = settings_.topics_every,
          .log = {.fetch_bytes_max = settings_.fetch_bytes_max}};
}

std::unique_ptr<kafka::GroupConsumer> ExternalLog::make_consumer(const LogReader& reader) {
  return std::make_unique<kafka::RemoteConsumer>(cluster_, consumer_options(reader));
}

std::unique_ptr<kafka::GroupConsumer> ExternalLog::make_observer(const LogReader& reader) {
  auto options = consumer_options(reader);
  options.static_member_name.clear();
  options.log.bounds_age_max = std::chrono::milliseconds(0);
  return std::make_unique<kafka::RemoteConsumer>(cluster_, std::move(options));
}

std::unique_ptr<kafka::RecordProducer> ExternalLog::make_producer() {
  return std::make_unique<kafka::RemoteProducer>(
      cluster_, kafka::RemoteProducerOptions{.delivery_timeout = settings_.delivery_timeout,
                                             .retry_pause = settings_.retry_pause,
                                             .retry_pause_max = settings_.retry_pause_max});
}

kafka::RemoteSettings remote_settings(const config::ExternalKafkaSettings& kafka) {
  kafka::RemoteSettings settings;
  settings.bootstrap = kafka.bootstrap;
  settings.client_id = kafka.client_id;
  settings.request_timeout = kafka.request_timeout;
  settings.connect_timeout = kafka.connect_timeout;
  settings.socket = {.keepalive = kafka.keepalive,
                     .send_buffer = static_cast<int>(kafka.send_buffer),
                     .receive_buffer = static_cast<int>(kafka.receive_buffer)};
  settings.tls = {.enabled = kafka.tls,
                  .ca = kafka.ca,
                  .certificate = kafka.certificate,
                  .key = kafka.key,
                  .check_certificate = kafka.check_certificate,
                  .check_host_name = kafka.check_host_name};
  if (!kafka.user.empty()) {
    settings.login = {
        .mechanism = kafka.mechanism, .user = kafka.user, .password = kafka.password.reveal()};
  }
  return settings;
}

}  // namespace freshet::app
