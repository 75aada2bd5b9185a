// freshet dlq list|show: records that did not fit, why, and where they came from.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/json_document.h"
#include "app/kafka_target.h"
#include "app/platform_runtime.h"
#include "app/running_platform.h"
#include "app/start_position.h"
#include "config/load_platform.h"
#include "kafka/client/admin.h"
#include "kafka/client/consumer.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "pipeline/dead_letters.h"

namespace freshet::app {
namespace {

constexpr std::chrono::milliseconds kPollWait{200};
constexpr size_t kValueShown = 60;  // characters of a payload in the table

struct DlqArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string pipeline;
  uint64_t limit = 100;
};

struct DeadLetterTopic {
  std::string pipeline;
  std::string topic;
};

/// By the platform file if given, else by the running platform's own account.
Result<std::vector<DeadLetterTopic>> dead_letter_topics(const PlatformOptions& options) {
  std::vector<DeadLetterTopic> topics;
  if (!options.file.empty()) {
    FRESHET_ASSIGN(const auto platform,
                   config::require_platform(config::load_platform_file(options.file)));
    for (const auto& settings : platform.pipelines) {
      topics.push_back({settings.name, platform.dead_letter_topic(settings)});
    }
    return topics;
  }
  FRESHET_ASSIGN(auto running, RunningPlatform::find(options.data_dir_or_default()));
  if (!running) {
    return fail(Errc::kNotFound, "no platform runs on {}; name its pipelines with --file FILE",
                options.data_dir_or_default());
  }
  FRESHET_ASSIGN(const std::string document, running->status());
  FRESHET_ASSIGN(const auto status, parse_objects("[" + document + "]"));
  const Value platform = member(status[0], "platform");
  const auto* pipelines = status[0].get_object().if_contains("pipelines");
  if (!std::holds_alternative<std::string>(platform) || pipelines == nullptr) {
    return fail(Errc::kUnavailable, "the platform is still starting");
  }
  FRESHET_ASSIGN(const auto objects, parse_objects(boost::json::serialize(*pipelines)));
  for (const auto& object : objects) {
    const std::string name = std::get<std::string>(member(object, "name"));
    topics.push_back({name, fmt::format("{}.{}.dlq", std::get<std::string>(platform), name)});
  }
  return topics;
}

Result<std::vector<TopicPartition>> partitions_of(kafka::Admin& admin, const std::string& topic) {
  FRESHET_ASSIGN(const auto info, admin.topic(topic));
  std::vector<TopicPartition> partitions;
  for (const auto& partition : info.partitions) partitions.push_back({topic, partition.id});
  return partitions;
}

Result<int> list(const DlqArguments& arguments) {
  FRESHET_ASSIGN(const auto topics, dead_letter_topics(*arguments.platform));
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  Listing listing({{"pipeline", "pipeline"}, {"topic", "topic"}, {"records", "records"}});
  for (const auto& topic : topics) {
    FRESHET_ASSIGN(const auto partitions, partitions_of(admin, topic.topic));
    FRESHET_ASSIGN(const auto bounds, admin.bounds(partitions));
    int64_t records = 0;
    for (const auto& bound : bounds) records += bound.high_watermark - bound.log_start;
    listing.add({topic.pipeline, topic.topic, records});
  }
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  return kExitSuccess;
}

Value shortened(std::optional<std::string_view> bytes, OutputFormat format) {
  if (!bytes) return {};
  std::string text(*bytes);
  if (format != OutputFormat::kTable) return text;
  if (text.size() > kValueShown) {
    size_t cut = kValueShown;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    text = text.substr(0, cut) + "…";
  }
  return text;
}

Result<void> add_letter(const kafka::ConsumedRecord& letter, OutputFormat format,
                        Listing& listing) {
  const std::string headers = kafka::encode_headers(letter.headers());
  FRESHET_ASSIGN_CONTEXT(const auto origin,
                         pipeline::parse_dead_letter({.offset = letter.offset(),
                                                      .timestamp_ms = letter.timestamp_ms(),
                                                      .key = letter.key(),
                                                      .value = letter.value(),
                                                      .headers = headers}),
                         "{} offset {}", letter.topic(), letter.offset());
  listing.add({origin.tp.topic, int64_t{origin.tp.partition}, origin.offset.value(),
               origin.timestamp_ms, origin.reason, origin.path, origin.detail,
               static_cast<int64_t>(origin.attempt), shortened(letter.key(), format),
               shortened(letter.value(), format)});
  return {};
}

Result<int> show(const DlqArguments& arguments) {
  FRESHET_ASSIGN(const auto topics, dead_letter_topics(*arguments.platform));
  const auto found = std::ranges::find(topics, arguments.pipeline, &DeadLetterTopic::pipeline);
  if (found == topics.end()) {
    return fail(Errc::kNotFound, "there is no pipeline {}; freshet dlq list names them",
                arguments.pipeline);
  }
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(target.client));
  FRESHET_ASSIGN(const auto partitions, partitions_of(admin, found->topic));
  FRESHET_ASSIGN(const auto positions,
                 resolve_start(admin, partitions, {.kind = StartRule::Kind::kBeginning}));
  FRESHET_ASSIGN(auto consumer, kafka::Consumer::create(target.client, {}));
  FRESHET_TRY(consumer.assign(positions));
  Listing listing({{"topic", "topic"},
                   {"partition", "partition"},
                   {"offset", "offset"},
                   {"timestamp_ms", ""},
                   {"reason", "reason"},
                   {"path", "path"},
                   {"detail", "detail"},
                   {"attempt", ""},
                   {"key", ""},
                   {"value", "value"}});
  size_t ended = 0;
  while (ended < partitions.size() && listing.rows() < arguments.limit) {
    FRESHET_ASSIGN(const auto event, consumer.poll(kPollWait));
    if (const auto* letter = std::get_if<kafka::ConsumedRecord>(&event)) {
      FRESHET_TRY(add_letter(*letter, *arguments.output, listing));
    }
    if (std::holds_alternative<kafka::PartitionEnd>(event)) ++ended;
  }
  FRESHET_TRY(consumer.close());
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  return kExitSuccess;
}

}  // namespace

void add_dlq(CommandTree& tree) {
  CLI::App& group = tree.add_group("dlq", "Dead letters: records that did not fit");
  CLI::App& list_command = tree.add(group, "list", "How many each pipeline has",
                                    {"freshet dlq list", "freshet dlq list --file platform.yaml"});
  auto list_arguments = std::make_shared<DlqArguments>();
  list_arguments->platform = tree.add_platform_options(list_command, /*with_brokers=*/true);
  list_arguments->output = tree.add_output_option(list_command);
  tree.set_body(list_command, [list_arguments] { return list(*list_arguments); });

  CLI::App& show_command =
      tree.add(group, "show", "Origin, reason and payload of the dead letters of a pipeline",
               {"freshet dlq show events", "freshet dlq show events --output ndjson --limit 10"});
  auto show_arguments = std::make_shared<DlqArguments>();
  show_command.add_option("PIPELINE", show_arguments->pipeline, "Pipeline")->required();
  show_command.add_option("--limit", show_arguments->limit, "At most so many, oldest first")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  show_arguments->platform = tree.add_platform_options(show_command, /*with_brokers=*/true);
  show_arguments->output = tree.add_output_option(show_command);
  tree.set_body(show_command, [show_arguments] { return show(*show_arguments); });
}

}  // namespace freshet::app
