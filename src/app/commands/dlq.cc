// freshet dlq list|show|replay: records that did not fit, why, where they came from, and how they
// come in after all.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/dead_letter_listing.h"
#include "app/json_document.h"
#include "app/kafka_target.h"
#include "app/mending.h"
#include "app/platform_runtime.h"
#include "app/running_platform.h"
#include "config/load_platform.h"
#include "kafka/client/admin.h"

namespace freshet::app {
namespace {

struct DlqArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string pipeline;
  // Of show and replay.
  std::string reason;
  std::string path;
  std::string topic;
  std::optional<int32_t> partition;
  std::string since;
  std::string until;
  // Of show.
  uint64_t limit = 100;
  bool all = false;
  bool count = false;
  // Of replay.
  bool dry_run = false;
};

std::optional<std::string> if_given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

Result<pipeline::LetterFilter> filter_of(const DlqArguments& arguments) {
  pipeline::LetterFilter filter{.reason = if_given(arguments.reason),
                                .path = if_given(arguments.path),
                                .topic = if_given(arguments.topic),
                                .partition = arguments.partition,
                                .since = {},
                                .until = {}};
  const Clock& clock = SystemClock::instance();
  if (!arguments.since.empty()) {
    FRESHET_ASSIGN_CONTEXT(filter.since, parse_filter_time(arguments.since, clock), "--since");
  }
  if (!arguments.until.empty()) {
    FRESHET_ASSIGN_CONTEXT(filter.until, parse_filter_time(arguments.until, clock), "--until");
  }
  return filter;
}

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

Result<int> show(const DlqArguments& arguments) {
  FRESHET_ASSIGN(auto filter, filter_of(arguments));
  FRESHET_ASSIGN(auto topics, dead_letter_topics(*arguments.platform));
  if (!arguments.pipeline.empty()) {
    std::erase_if(topics, [&](const auto& topic) { return topic.pipeline != arguments.pipeline; });
    if (topics.empty()) {
      return fail(Errc::kNotFound, "there is no pipeline {}; freshet dlq list names them",
                  arguments.pipeline);
    }
  }
  FRESHET_ASSIGN(const auto target, KafkaTarget::find(*arguments.platform));
  const LetterQuery query{.filter = std::move(filter),
                          .all = arguments.all,
                          .limit = arguments.limit,
                          .format = *arguments.output};
  FRESHET_ASSIGN(const auto listing, arguments.count ? count_letters(target.client, topics, query)
                                                     : list_letters(target.client, topics, query));
  std::fputs(listing.print(*arguments.output).c_str(), stdout);
  return kExitSuccess;
}

Result<std::string> replay_from_disk(const DlqArguments& arguments,
                                     const pipeline::LetterFilter& filter) {
  if (arguments.platform->file.empty()) {
    return fail(Errc::kNotFound,
                "no platform runs on {}; give --file platform.yaml to replay into its data on the "
                "disk",
                arguments.platform->data_dir_or_default());
  }
  FRESHET_ASSIGN(const auto platform,
                 config::require_platform(config::load_platform_file(arguments.platform->file)));
  FRESHET_ASSIGN(auto services,
                 EmbeddedServices::start({.data_dir = arguments.platform->data_dir_or_default(),
                                          .listen = false,
                                          .external_clickhouse = platform.external_clickhouse,
                                          .external_kafka = platform.external_kafka}));
  FRESHET_ASSIGN(const auto report, replay_pipeline(platform, arguments.pipeline, *services, filter,
                                                    arguments.dry_run));
  FRESHET_TRY(services->stop());
  return to_json(report);
}

Result<int> replay(const DlqArguments& arguments) {
  FRESHET_ASSIGN(const auto filter, filter_of(arguments));
  FRESHET_ASSIGN(auto running, RunningPlatform::find(arguments.platform->data_dir_or_default()));
  FRESHET_ASSIGN(const std::string document,
                 running
                     ? running->replay(arguments.pipeline, filter_query(filter), arguments.dry_run)
                     : replay_from_disk(arguments, filter));
  FRESHET_ASSIGN(const auto reports, parse_objects("[" + document + "]"));
  const auto& report = reports.front();
  const int64_t left = integer_member(report, "left");
  if (*arguments.output != OutputFormat::kTable) {
    std::fputs(print_elements(reports, *arguments.output).c_str(), stdout);
    return left == 0 ? kExitSuccess : kExitNotSo;
  }
  std::string out =
      fmt::format("{} of {} open dead letters {}; {} still do not fit\n",
                  with_thousands(integer_member(report, "landed")),
                  with_thousands(integer_member(report, "open")),
                  arguments.dry_run ? "would be replayed" : "replayed", with_thousands(left));
  for (const auto& reason : report.at("reasons").as_object()) {
    out += fmt::format("  {}: {}\n", std::string_view(reason.key()),
                       with_thousands(reason.value().to_number<int64_t>()));
  }
  if (const int64_t finished = integer_member(report, "finished"); finished > 0) {
    out += fmt::format("{} of a replay that had ended half-way were completed first\n",
                       with_thousands(finished));
  }
  if (const int64_t waiting = integer_member(report, "not_confirmed"); waiting > 0) {
    out += fmt::format("{} were left alone: the pipeline has not confirmed their offsets yet\n",
                       with_thousands(waiting));
  }
  if (const int64_t older = integer_member(report, "other_topic"); older > 0) {
    out +=
        fmt::format("{} were left alone: their topic was deleted since\n", with_thousands(older));
  }
  std::fputs(out.c_str(), stdout);
  return left == 0 ? kExitSuccess : kExitNotSo;
}

void add_filter_options(CLI::App& command, DlqArguments& arguments) {
  command.add_option("--reason", arguments.reason, "Only this reason, such as wrong_type");
  command.add_option("--path", arguments.path, "Only this place in the record");
  command.add_option("--topic", arguments.topic, "Only records of this topic");
  command.add_option("--partition", arguments.partition, "Only records of this partition");
  command.add_option("--since", arguments.since,
                     "Rejected at or after: 2026-11-01T00:00:00Z, or 15m for that long ago");
  command.add_option("--until", arguments.until, "Rejected before; as --since");
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

  CLI::App& show_command = tree.add(
      group, "show", "Origin, reason and payload of the dead letters that are open",
      {"freshet dlq show events", "freshet dlq show --count",
       "freshet dlq show events --reason wrong_type --since 1h --output ndjson --limit 10"});
  auto show_arguments = std::make_shared<DlqArguments>();
  show_command.add_option("PIPELINE", show_arguments->pipeline, "Only of this pipeline");
  add_filter_options(show_command, *show_arguments);
  show_command.add_option("--limit", show_arguments->limit, "At most so many, oldest first")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  show_command.add_flag("--all", show_arguments->all,
                        "Also those that were replayed or tried again, with their state");
  show_command.add_flag("--count", show_arguments->count, "Count them by reason and path");
  show_arguments->platform = tree.add_platform_options(show_command, /*with_brokers=*/true);
  show_arguments->output = tree.add_output_option(show_command);
  tree.set_body(show_command, [show_arguments] { return show(*show_arguments); });

  CLI::App& replay_command =
      tree.add(group, "replay",
               "Bring dead letters into the table after a mend; status 1 if some do not fit still",
               {"freshet dlq replay events --dry-run",
                "freshet dlq replay events --reason wrong_type --partition 3",
                "freshet dlq replay events --file platform.yaml     nothing running"});
  auto replay_arguments = std::make_shared<DlqArguments>();
  replay_command.add_option("PIPELINE", replay_arguments->pipeline, "Pipeline")->required();
  add_filter_options(replay_command, *replay_arguments);
  replay_command.add_flag("--dry-run", replay_arguments->dry_run,
                          "Say how many fit now, change nothing");
  replay_arguments->platform = tree.add_platform_options(replay_command, /*with_brokers=*/false);
  replay_arguments->output = tree.add_output_option(replay_command);
  tree.set_body(replay_command, [replay_arguments] { return replay(*replay_arguments); });
}

}  // namespace freshet::app
