// freshet repair: mends what verify finds, and verifies again.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/json_document.h"
#include "app/mending.h"
#include "app/platform_runtime.h"
#include "app/running_platform.h"
#include "config/load_platform.h"

namespace freshet::app {
namespace {

struct RepairArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string pipeline;
  bool dry_run = false;
};

Result<std::string> repair_from_disk(const RepairArguments& arguments,
                                     const std::optional<std::string>& name) {
  if (arguments.platform->file.empty()) {
    return fail(Errc::kNotFound,
                "no platform runs on {}; give --file platform.yaml to repair its data on the disk",
                arguments.platform->data_dir_or_default());
  }
  FRESHET_ASSIGN(const auto platform,
                 config::require_platform(config::load_platform_file(arguments.platform->file)));
  FRESHET_TRY(select_pipelines(platform, name));
  FRESHET_ASSIGN(auto services,
                 EmbeddedServices::start({.data_dir = arguments.platform->data_dir_or_default(),
                                          .listen = false,
                                          .external_clickhouse = platform.external_clickhouse,
                                          .external_kafka = platform.external_kafka}));
  FRESHET_TRY(ensure_topics(platform, services->log_service()));
  FRESHET_ASSIGN(const auto reports,
                 repair_pipelines(platform, name, *services, arguments.dry_run));
  FRESHET_TRY(services->stop());
  return to_json(reports);
}

/// "events-3: 17, 20-21 (3 offsets): put back from the log"
void print_repairs(const boost::json::value& report) {
  struct Kind {
    const char* name;
    const char* sentence;
  };
  constexpr Kind kKinds[] = {{"put_back", "put back from the log"},
                             {"deleted", "further rows deleted"},
                             {"accepted", "row stands, its dead letter counts as replayed"},
                             {"left", "row without a record, left alone"}};
  const bool dry_run = report.at("dry_run").as_bool();
  const std::string name = text_member(report.at("before"), "pipeline");
  for (const auto& repair : report.at("repairs").as_array()) {
    for (const auto& kind : kKinds) {
      const int64_t count = integer_member(repair, kind.name);
      if (count == 0) continue;
      std::string ranges;
      for (const auto& range : repair.at(fmt::format("{}_ranges", kind.name)).as_array()) {
        const int64_t first = range.at(0).as_int64();
        const int64_t last = range.at(1).as_int64();
        ranges += fmt::format("{}{}", ranges.empty() ? "" : ", ", first);
        if (last != first) ranges += fmt::format("-{}", last);
      }
      std::fputs(fmt::format("{}: {}{}-{}: {} ({} offsets): {}\n", name,
                             dry_run ? "would mend " : "", text_member(repair, "topic"),
                             integer_member(repair, "partition"), ranges, count, kind.sentence)
                     .c_str(),
                 stdout);
    }
  }
}

Result<int> repair(const RepairArguments& arguments) {
  const std::optional<std::string> name =
      arguments.pipeline.empty() ? std::nullopt : std::optional(arguments.pipeline);
  FRESHET_ASSIGN(auto running, RunningPlatform::find(arguments.platform->data_dir_or_default()));
  FRESHET_ASSIGN(const std::string document, running ? running->repair(name, arguments.dry_run)
                                                     : repair_from_disk(arguments, name));
  FRESHET_ASSIGN(const auto reports, parse_objects(document));
  bool exact = true;
  for (const auto& report : reports) exact = exact && report.at("exact").as_bool();
  if (*arguments.output != OutputFormat::kTable) {
    std::fputs(print_elements(reports, *arguments.output).c_str(), stdout);
    return exact ? kExitSuccess : kExitNotSo;
  }
  Listing listing({{"pipeline", "pipeline"},
                   {"missing", "missing"},
                   {"doubled", "doubled"},
                   {"foreign", "foreign"},
                   {"deleted", "rows deleted"},
                   {"letters", "new dead letters"},
                   {"now", "now"}});
  for (const auto& report : reports) {
    const auto& before = report.at("before");
    print_repairs(report);
    listing.add({text_member(before, "pipeline"), integer_member(before, "missing"),
                 integer_member(before, "doubled"), integer_member(before, "foreign"),
                 integer_member(report, "rows_deleted"), integer_member(report, "letters_written"),
                 report.at("exact").as_bool() ? "exactly once ✓"
                 : arguments.dry_run          ? "not exact; nothing was changed"
                                              : "NOT EXACT ✗"});
  }
  std::fputs(listing.print(OutputFormat::kTable).c_str(), stdout);
  return exact ? kExitSuccess : kExitNotSo;
}

}  // namespace

void add_repair(CommandTree& tree) {
  CLI::App& command = tree.add(
      tree.root(), "repair",
      "Put back rows that are missing, delete doubled ones, verify again; status 1 if not exact",
      {"freshet repair --dry-run            what it would do", "freshet repair events",
       "freshet repair --file platform.yaml --data-dir ./data     nothing running"});
  auto arguments = std::make_shared<RepairArguments>();
  command.add_option("PIPELINE", arguments->pipeline, "Only this pipeline");
  command.add_flag("--dry-run", arguments->dry_run, "Say what would be done, change nothing");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/false);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return repair(*arguments); });
}

}  // namespace freshet::app
