// The log of a platform, wherever it is: what a runtime asks of it. Real users: EmbeddedLog (the
// broker of this process) and ExternalLog (a Kafka that runs elsewhere).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/broker.h"
#include "config/platform.h"
#include "kafka/group_consumer.h"
#include "kafka/record_producer.h"
#include "kafka/remote/cluster.h"
#include "kafka/remote/remote_consumer.h"

namespace freshet::app {

struct LogTopic {
  std::string name;
  int32_t partitions = 1;
  std::map<std::string, std::string> configs;
};

/// One group and what it reads.
struct LogReader {
  std::string group;
  std::vector<std::string> topics;
  std::string client_id;
};

/// Any thread. What it makes must be gone before it.
class LogService {
 public:
  virtual ~LogService() = default;

  /// Creates it unless it is there; how many partitions it has now.
  virtual Result<int32_t> ensure_topic(const LogTopic& topic) = 0;
  /// A member of the group from its first poll() on.
  virtual std::unique_ptr<kafka::GroupConsumer> make_consumer(const LogReader& reader) = 0;
  /// Never polled: reads and asks only, and what it is told is never older than the question.
  virtual std::unique_ptr<kafka::GroupConsumer> make_observer(const LogReader& reader) = 0;
  virtual std::unique_ptr<kafka::RecordProducer> make_producer() = 0;
  /// A member of the group that says whose turn it is to run a source; null if no other process can
  /// reach this log with the same file.
  virtual std::unique_ptr<kafka::GroupConsumer> make_turns(const LogReader& reader) = 0;
};

class EmbeddedLog final : public LogService {
 public:
  /// `broker` outlives the service.
  explicit EmbeddedLog(broker::Broker& broker) : broker_(broker) {}

  Result<int32_t> ensure_topic(const LogTopic& topic) override;
  std::unique_ptr<kafka::GroupConsumer> make_consumer(const LogReader& reader) override;
  std::unique_ptr<kafka::GroupConsumer> make_observer(const LogReader& reader) override {
    return make_consumer(reader);
  }
  std::unique_ptr<kafka::RecordProducer> make_producer() override {
    return broker_.make_producer();
  }
  std::unique_ptr<kafka::GroupConsumer> make_turns(const LogReader& /*reader*/) override {
    return nullptr;
  }

 private:
  broker::Broker& broker_;
};

class ExternalLog final : public LogService {
 public:
  /// settings.instance: this process's name in every group, the same after a restart.
  static Result<std::unique_ptr<ExternalLog>> open(config::ExternalKafkaSettings settings);

  Result<int32_t> ensure_topic(const LogTopic& topic) override;
  std::unique_ptr<kafka::GroupConsumer> make_consumer(const LogReader& reader) override;
  std::unique_ptr<kafka::GroupConsumer> make_observer(const LogReader& reader) override;
  std::unique_ptr<kafka::RecordProducer> make_producer() override;
  std::unique_ptr<kafka::GroupConsumer> make_turns(const LogReader& reader) override {
    return make_consumer(reader);
  }

 private:
  ExternalLog(std::shared_ptr<kafka::Cluster> cluster, config::ExternalKafkaSettings settings)
      : cluster_(std::move(cluster)), settings_(std::move(settings)) {}
  [[nodiscard]] kafka::RemoteConsumerOptions consumer_options(const LogReader& reader) const;

  const std::shared_ptr<kafka::Cluster> cluster_;
  const config::ExternalKafkaSettings settings_;
};

/// What `services.kafka` says about a Kafka elsewhere; its bootstrap is not empty.
[[nodiscard]] kafka::RemoteSettings remote_settings(const config::ExternalKafkaSettings& kafka);

}  // namespace freshet::app
