// freshet topic list|create|describe|delete: on any Kafka.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/kafka_target.h"
#include "kafka/client/admin.h"

namespace freshet::app {
namespace {

struct TopicArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  kafka::NewTopic topic;
  std::vector<std::string> config;
};

std::vector<TopicPartition> partitions_of(const kafka::TopicInfo& topic) {
  std::vector<TopicPartition> partitions;
  for (const auto& partition : topic.partitions) partitions.push_back({topic.name, partition.id});
  return partitions;
}

Result<int64_t> count_records(kafka::Admin& admin, const kafka::TopicInfo& topic) {
  FRESHET_ASSIGN(const auto bounds, admin.bounds(partitions_of(topic)));
  int64_t records = 0;
  for (const auto& bound : bounds) records += bound.high_watermark - bound.log_start;
  return records;
}

Result<int> list(const TopicArguments& arguments) {
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto cluster, admin.cluster());
  Listing listing({{"topic", "topic"},
                   {"partitions", "partitions"},
                   {"replication_factor", "replicas"},
                   {"records", "records"}});
  for (const auto& topic : cluster.topics) {
    FRESHET_ASSIGN(const int64_t records, count_records(admin, topic));
    const size_t replicas = topic.partitions.empty() ? 0 : topic.partitions[0].replicas.size();
    listing.add({topic.name, static_cast<int64_t>(topic.partitions.size()),
                 static_cast<int64_t>(replicas), records});
  }
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  return kExitSuccess;
}

Result<int> create(TopicArguments arguments) {
  for (const auto& entry : arguments.config) {
    const size_t equals = entry.find('=');
    arguments.topic.config[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_TRY(admin.create_topic(arguments.topic));
  std::printf("created topic %s with %d partitions\n", arguments.topic.name.c_str(),
              arguments.topic.partitions);
  return kExitSuccess;
}

Result<int> describe(const TopicArguments& arguments) {
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto topic, admin.topic(arguments.topic.name));
  FRESHET_ASSIGN(const auto bounds, admin.bounds(partitions_of(topic)));
  Listing listing({{"topic", "topic"},
                   {"partition", "partition"},
                   {"leader", "leader"},
                   {"replicas", "replicas"},
                   {"in_sync_replicas", "in sync"},
                   {"log_start", "log start"},
                   {"high_watermark", "high watermark"},
                   {"records", "records"}});
  for (size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto& partition = topic.partitions[i];
    listing.add({topic.name, int64_t{partition.id}, int64_t{partition.leader},
                 static_cast<int64_t>(partition.replicas.size()),
                 static_cast<int64_t>(partition.in_sync_replicas.size()),
                 bounds[i].log_start.value(), bounds[i].high_watermark.value(),
                 bounds[i].high_watermark - bounds[i].log_start});
  }
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  if (*arguments.output != OutputFormat::kTable) return kExitSuccess;
  const auto config = admin.topic_config(arguments.topic.name);
  if (!config) return kExitSuccess;  // a Kafka that does not tell, or an old one
  for (const auto& entry : *config) {
    if (!entry.is_default && entry.value) {
      std::printf("%s = %s\n", entry.name.c_str(), entry.value->c_str());
    }
  }
  return kExitSuccess;
}

Result<int> remove(const TopicArguments& arguments) {
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_TRY(admin.delete_topic(arguments.topic.name));
  std::printf("deleted topic %s\n", arguments.topic.name.c_str());
  return kExitSuccess;
}

}  // namespace

void add_topic(CommandTree& tree) {
  CLI::App& group = tree.add_group("topic", "Topics of the log, or of any Kafka");
  const auto add = [&](const std::string& name, const std::string& description,
                       const std::vector<std::string>& examples,
                       const auto& run) -> std::pair<CLI::App&, std::shared_ptr<TopicArguments>> {
    CLI::App& command = tree.add(group, name, description, examples);
    auto arguments = std::make_shared<TopicArguments>();
    if (name != "list") {
      command.add_option("TOPIC", arguments->topic.name, "Name of the topic")->required();
    }
    arguments->platform = tree.add_platform_options(command, /*with_brokers=*/true);
    tree.set_body(command, [arguments, run] { return run(*arguments); });
    return {command, arguments};
  };
  const auto [list_command, list_arguments] = add(
      "list", "All topics", {"freshet topic list", "freshet topic list --brokers k1:9092"}, list);
  list_arguments->output = tree.add_output_option(list_command);
  const auto [create_command, create_arguments] =
      add("create", "Create a topic",
          {"freshet topic create orders --partitions 6 --config retention.ms=604800000"}, create);
  create_command.add_option("--partitions", create_arguments->topic.partitions, "Partitions")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  create_command
      .add_option("--replication-factor", create_arguments->topic.replication_factor, "Replicas")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  create_command
      .add_option("--config", create_arguments->config,
                  "Kafka topic config, name=value; repeatable")
      ->take_all()
      ->check([](const std::string& text) {
        return text.find('=') == std::string::npos ? "expected name=value" : "";
      });
  const auto [describe_command, describe_arguments] =
      add("describe", "Partitions and settings of a topic", {"freshet topic describe orders"},
          describe);
  describe_arguments->output = tree.add_output_option(describe_command);
  add("delete", "Delete a topic with all its records", {"freshet topic delete orders"}, remove);
}

}  // namespace freshet::app
