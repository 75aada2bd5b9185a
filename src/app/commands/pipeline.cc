// freshet pipeline list|describe: what the pipelines of a running platform are doing.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/json_document.h"
#include "app/running_platform.h"

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
                                               {"in_flight", "in flight"},
                                               {"last_error", "last error"}});
    std::printf("\n%s", listing.print(OutputFormat::kTable).c_str());
  }
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
  tree.set_body(*describe_command,
                [arguments = describe_arguments] { return describe(*arguments); });
}

}  // namespace freshet::app
