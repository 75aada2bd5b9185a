// freshet verify: log against table, offset by offset, at any time.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/json_document.h"
#include "app/platform_runtime.h"
#include "app/running_platform.h"
#include "app/verdict_report.h"
#include "config/load_platform.h"

namespace freshet::app {
namespace {

struct VerifyArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string pipeline;
};

Result<std::vector<pipeline::PipelineVerdict>> verify_from_disk(
    const VerifyArguments& arguments, const std::optional<std::string>& name) {
  if (arguments.platform->file.empty()) {
    return fail(
        Errc::kNotFound,
        "no platform runs on {}; give --file platform.yaml to verify its data from the disk",
        arguments.platform->data_dir_or_default());
  }
  FRESHET_ASSIGN(const auto platform,
                 config::require_platform(config::load_platform_file(arguments.platform->file)));
  FRESHET_ASSIGN(const auto selected, select_pipelines(platform, name));
  FRESHET_ASSIGN(auto services,
                 EmbeddedServices::start({.data_dir = arguments.platform->data_dir_or_default(),
                                          .listen = false,
                                          .external_clickhouse = platform.external_clickhouse,
                                          .external_kafka = platform.external_kafka}));
  std::vector<pipeline::PipelineVerdict> verdicts;
  for (const auto* settings : selected) {
    FRESHET_ASSIGN(verdicts.emplace_back(), verify_pipeline(platform, *settings, *services));
  }
  FRESHET_TRY(services->stop());
  return verdicts;
}

/// Where the first offsets of each kind are, as the running platform lists them.
std::vector<pipeline::PartitionVerdict> read_findings(const boost::json::value& verdict) {
  std::vector<pipeline::PartitionVerdict> partitions;
  const auto* findings = verdict.get_object().if_contains("findings");
  if (findings == nullptr || !findings->is_array()) return partitions;
  for (const auto& finding : findings->get_array()) {
    if (!finding.is_object()) continue;
    pipeline::PartitionVerdict partition;
    partition.tp = {text_member(finding, "topic"),
                    static_cast<int32_t>(integer_member(finding, "partition"))};
    const std::string kind = text_member(finding, "kind");
    auto& found = kind == "missing"   ? partition.missing
                  : kind == "doubled" ? partition.doubled
                                      : partition.foreign;
    found.count = static_cast<uint64_t>(integer_member(finding, "count"));
    const auto* ranges = finding.get_object().if_contains("first_ranges");
    if (ranges != nullptr && ranges->is_array()) {
      for (const auto& range : ranges->get_array()) {
        if (!range.is_array() || range.get_array().size() != 2) continue;
        const auto& ends = range.get_array();
        if (!ends[0].is_int64() || !ends[1].is_int64()) continue;
        found.ranges.push_back({Offset(ends[0].get_int64()), Offset(ends[1].get_int64())});
      }
    }
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

/// Prints what the running platform answered.
Result<int> print_answer(const std::string& document, OutputFormat output) {
  FRESHET_ASSIGN(const auto objects, parse_objects(document));
  std::vector<pipeline::PipelineVerdict> verdicts;
  for (const auto& object : objects) {
    const auto count = [&object](std::string_view name) {
      return static_cast<uint64_t>(integer_member(object, name));
    };
    verdicts.push_back({.pipeline = text_member(object, "pipeline"),
                        .topic = text_member(object, "topic"),
                        .records = count("records"),
                        .in_table = count("in_table"),
                        .replaced = count("replaced"),
                        .rejected = count("rejected"),
                        .missing = count("missing"),
                        .doubled = count("doubled"),
                        .foreign = count("foreign"),
                        .unjudged_deleted = count("unjudged_deleted"),
                        .unconfirmed = count("unconfirmed"),
                        .partitions = read_findings(object)});
  }
  if (output == OutputFormat::kTable) {
    std::fputs(print_verdicts(verdicts, nullptr, output).c_str(), stdout);
  } else {
    std::fputs(print_elements(objects, output).c_str(), stdout);
  }
  return all_exact(verdicts) ? kExitSuccess : kExitNotSo;
}

Result<int> verify(const VerifyArguments& arguments) {
  const std::optional<std::string> name =
      arguments.pipeline.empty() ? std::nullopt : std::optional(arguments.pipeline);
  FRESHET_ASSIGN(auto running, RunningPlatform::find(arguments.platform->data_dir_or_default()));
  if (running) {
    FRESHET_ASSIGN(const std::string document, running->verify(name));
    return print_answer(document, *arguments.output);
  }
  FRESHET_ASSIGN(const auto verdicts, verify_from_disk(arguments, name));
  std::fputs(print_verdicts(verdicts, nullptr, *arguments.output).c_str(), stdout);
  return all_exact(verdicts) ? kExitSuccess : kExitNotSo;
}

}  // namespace

void add_verify(CommandTree& tree) {
  CLI::App& command =
      tree.add(tree.root(), "verify",
               "Prove that every record of the log is in its table exactly once; status 1 if not",
               {"freshet verify", "freshet verify events --output json",
                "freshet verify --file platform.yaml --data-dir ./data     nothing running"});
  auto arguments = std::make_shared<VerifyArguments>();
  command.add_option("PIPELINE", arguments->pipeline, "Only this pipeline");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/false);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return verify(*arguments); });
}

}  // namespace freshet::app
