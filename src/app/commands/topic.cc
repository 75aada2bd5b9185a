// freshet topic list|create|describe|alter|delete: on any Kafka.
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
  std::vector<std::string> reset;     // names of configs that go back to their defaults
  std::optional<int32_t> partitions;  // alter: the new total
};

/// "name=value", checked by the option.
std::pair<std::string, std::string> split_pair(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

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
  for (const auto& entry : arguments.config) arguments.topic.config.insert(split_pair(entry));
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_TRY(admin.create_topic(arguments.topic));
  Listing listing({{"topic", "topic"}, {"partitions", "partitions"}});
  listing.add({arguments.topic.name, int64_t{arguments.topic.partitions}});
  std::fputs(listing
                 .print_or_say(*arguments.output,
                               fmt::format("created topic {} with {} partitions",
                                           arguments.topic.name, arguments.topic.partitions))
                 .c_str(),
             stdout);
  return kExitSuccess;
}

/// The changes, each listed beside what is in force now.
Result<kafka::ConfigChanges> config_changes(kafka::Admin& admin, const TopicArguments& arguments,
                                            Listing& changes) {
  FRESHET_ASSIGN(const auto entries, admin.topic_config(arguments.topic.name));
  std::map<std::string, std::string> shown;  // with what is inherited
  for (const auto& entry : entries) shown[entry.name] = entry.value.value_or("");
  const auto old = [&](const std::string& name) {
    const auto it = shown.find(name);
    return it == shown.end() ? Value() : Value(it->second);
  };
  kafka::ConfigChanges config;
  for (const auto& entry : arguments.config) {
    const auto [name, value] = split_pair(entry);
    changes.add({name, old(name), value});
    config[name] = value;
  }
  for (const auto& name : arguments.reset) {
    if (!shown.contains(name)) {
      return fail(Errc::kNotFound, "topic {} has no setting {}", arguments.topic.name, name);
    }
    changes.add({name, old(name), std::string("(default)")});
    config[name] = std::nullopt;
  }
  return config;
}

Result<int> alter(const TopicArguments& arguments) {
  const std::string& name = arguments.topic.name;
  const bool configures = !arguments.config.empty() || !arguments.reset.empty();
  if (!configures && !arguments.partitions) {
    return fail(Errc::kInvalidArgument,
                "nothing to change: give --partitions, --config name=value or --reset name");
  }
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  Listing changes({{"setting", "setting"}, {"before", "before"}, {"after", "after"}});
  if (configures) {
    FRESHET_ASSIGN(const auto config, config_changes(admin, arguments, changes));
    FRESHET_TRY(admin.alter_topic_config(name, config));
  }
  if (arguments.partitions) {
    FRESHET_ASSIGN(const auto topic, admin.topic(name));
    FRESHET_TRY(admin.create_partitions(name, *arguments.partitions));
    changes.add({std::string("partitions"), fmt::format("{}", topic.partitions.size()),
                 fmt::format("{}", *arguments.partitions)});
  }
  std::fputs(changes.print(*arguments.output).c_str(), stdout);
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
  Listing listing({{"topic", "topic"}});
  listing.add({arguments.topic.name});
  std::fputs(
      listing.print_or_say(*arguments.output, fmt::format("deleted topic {}", arguments.topic.name))
          .c_str(),
      stdout);
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
    arguments->output = tree.add_output_option(command);
    tree.set_body(command, [arguments, run] { return run(*arguments); });
    return {command, arguments};
  };
  const auto expect_pair = [](const std::string& text) {
    return text.find('=') == std::string::npos ? "expected name=value" : "";
  };
  add("list", "All topics", {"freshet topic list", "freshet topic list --brokers k1:9092"}, list);
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
      ->check(expect_pair);
  add("describe", "Partitions and settings of a topic", {"freshet topic describe orders"},
      describe);
  const auto [alter_command, alter_arguments] =
      add("alter", "Change the settings of a topic, or give it more partitions",
          {"freshet topic alter orders --config retention.ms=86400000",
           "freshet topic alter orders --reset retention.ms --partitions 12"},
          alter);
  alter_command
      .add_option("--partitions", alter_arguments->partitions,
                  "The new number, larger than now; keys then go to other partitions than before")
      ->check(CLI::PositiveNumber);
  alter_command
      .add_option("--config", alter_arguments->config, "Kafka topic config, name=value; repeatable")
      ->take_all()
      ->check(expect_pair);
  alter_command
      .add_option("--reset", alter_arguments->reset,
                  "Kafka topic config that goes back to its default; repeatable")
      ->take_all();
  add("delete", "Delete a topic with all its records", {"freshet topic delete orders"}, remove);
}

}  // namespace freshet::app
