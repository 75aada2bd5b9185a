// freshet pipeline list|describe|pause|resume: what the pipelines of a running platform are doing,
// and letting one stand still.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/json_document.h"
#include "app/pause_marks.h"
#include "app/platform_runtime.h"
#include "app/running_platform.h"
#include "config/load_platform.h"
#include "io/file.h"

namespace freshet::app {
namespace {

struct PipelineArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string name;
};

Result<RunningPlatform> require_running(const PlatformOptions& options) {
  FRESHET_ASSIGN(auto running, RunningPlatform::find(options.data_dir_or_default()));
  if (!running) {
    return fail(Errc::kUnavailable,
                "no platform runs on {}; start it with freshet up FILE, or name its directory with "
                "--data-dir",
                options.data_dir_or_default());
  }
  return std::move(*running);
}

Result<int> list(const PipelineArguments& arguments) {
  FRESHET_ASSIGN(auto running, require_running(*arguments.platform));
  FRESHET_ASSIGN(const std::string document, running.pipelines());
  FRESHET_ASSIGN(auto objects, parse_objects(document));
  if (*arguments.output != OutputFormat::kTable) {
    for (auto& object : objects) object.get_object().erase("partitions");
    std::fputs(print_elements(objects, *arguments.output).c_str(), stdout);
    return kExitSuccess;
  }
  const Listing listing = list_members(objects, {{"name", "pipeline"},
                                                 {"state", "state"},
                                                 {"breaker", "breaker"},
                                                 {"topics", "topics"},
                                                 {"destination", "destination"},
                                                 {"records", "records"},
                                                 {"rejected", "rejected"},
                                                 {"lag_records", "lag"},
                                                 {"lag_seconds", "lag s"}});
  std::fputs(listing.print(OutputFormat::kTable).c_str(), stdout);
  return kExitSuccess;
}

Result<int> describe(const PipelineArguments& arguments) {
  FRESHET_ASSIGN(auto running, require_running(*arguments.platform));
  FRESHET_ASSIGN(const std::string document, running.pipeline(arguments.name));
  FRESHET_ASSIGN(const auto objects, parse_objects("[" + document + "]"));
  if (*arguments.output != OutputFormat::kTable) {
    std::fputs(print_elements(objects, *arguments.output).c_str(), stdout);
    return kExitSuccess;
  }
  const auto& object = objects.front().get_object();
  for (const auto& [name, _] : object) {
    if (name == "partitions") continue;
    const std::string text = table_text(member(objects.front(), name));
    std::printf("%-24s %s\n", std::string(name).c_str(), text.empty() ? "-" : text.c_str());
  }
  const auto* partitions = object.if_contains("partitions");
  if (partitions != nullptr && partitions->is_array() && !partitions->get_array().empty()) {
    const Listing listing =
        list_members(partitions->get_array(), {{"topic", "topic"},
                                               {"partition", "partition"},
                                               {"state", "state"},
                                               {"confirmed", "confirmed"},
                                               {"landed", "landed"},
                                               {"high_watermark", "high watermark"},
                                               {"lag_records", "lag"},
                                               {"lag_seconds", "lag s"},
                                               {"in_doubt", "in doubt"},
                                               {"in_flight", "in flight"},
                                               {"last_error", "last error"}});
    std::printf("\n%s", listing.print(OutputFormat::kTable).c_str());
  }
  return kExitSuccess;
}

/// Nothing runs on the directory: the next start finds the mark.
Result<int> change_mark(const PipelineArguments& arguments, bool pause) {
  const auto& options = *arguments.platform;
  if (options.file.empty()) {
    return fail(Errc::kUnavailable,
                "no platform runs on {}; give --file platform.yaml to {} pipeline {} for the next "
                "start",
                options.data_dir_or_default(), pause ? "pause" : "resume", arguments.name);
  }
  FRESHET_ASSIGN(const auto platform,
                 config::require_platform(config::load_platform_file(options.file)));
  FRESHET_TRY(select_pipelines(platform, arguments.name));
  const std::filesystem::path data_dir = options.data_dir_or_default();
  std::error_code failure;
  std::filesystem::create_directories(data_dir, failure);
  FRESHET_ASSIGN(const auto lock, io::DirectoryLock::acquire(data_dir));
  PauseMarks marks(data_dir);
  FRESHET_TRY(pause ? marks.set(arguments.name, SystemClock::instance())
                    : marks.clear(arguments.name));
  Listing listing({{"name", "pipeline"}, {"state", "state"}});
  listing.add({arguments.name, std::string(pause ? "paused" : "stopped")});
  std::fputs(
      listing
          .print_or_say(*arguments.output,
                        fmt::format("pipeline {} {} when a platform starts on {}", arguments.name,
                                    pause ? "will stand still" : "will run", data_dir.string()))
          .c_str(),
      stdout);
  return kExitSuccess;
}

Result<int> change(const PipelineArguments& arguments, bool pause) {
  FRESHET_ASSIGN(auto running, RunningPlatform::find(arguments.platform->data_dir_or_default()));
  if (!running) return change_mark(arguments, pause);
  FRESHET_ASSIGN(const std::string document,
                 running->change_pipeline(arguments.name, pause ? "pause" : "resume"));
  FRESHET_ASSIGN(const auto objects, parse_objects("[" + document + "]"));
  if (*arguments.output != OutputFormat::kTable) {
    std::fputs(print_elements(objects, *arguments.output).c_str(), stdout);
    return kExitSuccess;
  }
  if (!pause) {
    std::printf("pipeline %s runs\n", arguments.name.c_str());
    return kExitSuccess;
  }
  std::string on_its_way;
  for (const auto& partition : objects.front().at("partitions").as_array()) {
    const std::string range = text_member(partition, "in_flight");
    if (range.empty()) continue;
    on_its_way +=
        fmt::format("{}{}-{} {}", on_its_way.empty() ? "" : ", ", text_member(partition, "topic"),
                    integer_member(partition, "partition"), range);
  }
  std::printf(
      "pipeline %s is paused, also after a restart; freshet pipeline resume %s lets it go "
      "on\n",
      arguments.name.c_str(), arguments.name.c_str());
  if (!on_its_way.empty()) std::printf("still being written: %s\n", on_its_way.c_str());
  return kExitSuccess;
}

}  // namespace

void add_pipeline(CommandTree& tree) {
  CLI::App& group = tree.add_group("pipeline", "Pipelines of a running platform");
  const auto add =
      [&](const std::string& name, const std::string& description,
          const std::string& example) -> std::pair<CLI::App*, std::shared_ptr<PipelineArguments>> {
    CLI::App& command = tree.add(group, name, description, {example});
    auto arguments = std::make_shared<PipelineArguments>();
    arguments->platform = tree.add_platform_options(command, /*with_brokers=*/false);
    arguments->output = tree.add_output_option(command);
    return {&command, arguments};
  };
  const auto [list_command, list_arguments] =
      add("list", "State, destination and lag of every pipeline", "freshet pipeline list");
  tree.set_body(*list_command, [arguments = list_arguments] { return list(*arguments); });
  const auto [describe_command, describe_arguments] =
      add("describe", "One pipeline, partition by partition", "freshet pipeline describe events");
  describe_command->add_option("NAME", describe_arguments->name, "Pipeline")->required();
  for (const bool pause : {true, false}) {
    const auto [command, arguments] =
        pause ? add("pause", "Let a pipeline stand still, also after a restart",
                    "freshet pipeline pause events")
              : add("resume", "Let a paused pipeline go on where it stood",
                    "freshet pipeline resume events");
    command->add_option("NAME", arguments->name, "Pipeline")->required();
    tree.set_body(*command, [arguments = arguments, pause] { return change(*arguments, pause); });
  }
  tree.set_body(*describe_command,
                [arguments = describe_arguments] { return describe(*arguments); });
}

}  // namespace freshet::app
