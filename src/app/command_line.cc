#include "app/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "io/file.h"
#include "observe/log.h"

namespace freshet::app {
namespace {

struct LogOptions {
  std::optional<LogLevel> level;
  LogFormat format = LogFormat::kText;
};

void add_log_options(CLI::App& root, LogOptions& options) {
  static const std::map<std::string, LogLevel> kLevels = {
      {"trace", LogLevel::kTrace}, {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo},
      {"warn", LogLevel::kWarn},   {"error", LogLevel::kError}, {"off", LogLevel::kOff}};
  root.add_option_function<std::string>(
          "--log-level", [&options](const std::string& name) { options.level = kLevels.at(name); },
          "What is logged (default: warn for up, error for commands that say themselves what went "
          "wrong)")
      ->envname("FRESHET_LOG_LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  root.add_option_function<std::string>(
          "--log-format",
          [&options](const std::string& name) {
            options.format = name == "json" ? LogFormat::kJson : LogFormat::kText;
          },
          "How a line of the log looks")
      ->envname("FRESHET_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->default_str("text");
}

void add_commands(CommandTree& tree) {
  add_up(tree);
  add_check(tree);
  add_topic(tree);
  add_group(tree);
  add_produce(tree);
  add_consume(tree);
  add_sql(tree);
  add_pipeline(tree);
  add_dlq(tree);
  add_verify(tree);
  add_repair(tree);
  add_generate(tree);
  add_bench(tree);
  add_version(tree);
}

int run_chosen(const CommandBody& body) {
  const Result<int> status = body();
  if (status) return *status;
  std::fprintf(stderr, "freshet: %s\n", status.error().message().c_str());
  return kExitNotSo;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App root("Freshet: events through a durable log into ClickHouse, exactly once", "freshet");
  root.require_subcommand(1);
  root.set_version_flag("--version", version_line());
  root.fallthrough();  // --log-level may stand after the command too
  root.get_formatter()->column_width(34);
  root.footer(
      "Examples:\n  freshet up examples/events/platform.yaml --until-done\n"
      "  freshet sql \"SELECT count() FROM bitpin.events\"\n"
      "Every command: freshet COMMAND --help");
  LogOptions log;
  add_log_options(root, log);
  CommandTree tree(root);
  add_commands(tree);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    // Help and version are "errors" of CLI11 with status 0; everything else is wrong usage.
    return root.exit(problem) == 0 ? kExitSuccess : kExitUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const LogLevel usual = root.got_subcommand("up") ? LogLevel::kWarn : LogLevel::kError;
  configure_logging(log.level.value_or(usual), log.format);
  io::raise_open_files_limit();
  int status = kExitNotSo;
  try {
    status = run_chosen(tree.chosen());
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "freshet: internal error: %s\n", problem.what());
  }
  std::fflush(stdout);
  std::fflush(stderr);
  // The ClickHouse engine's threads outlive main() and trip over static destructors; everything
  // acknowledged is on disk by now.
  ::_exit(status);
}

}  // namespace freshet::app
