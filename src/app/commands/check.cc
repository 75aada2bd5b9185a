// freshet check: reads a platform file and says everything that is wrong with it; no I/O but that.
// Also what a platform file may hold: --reference prints the page docs/reference/platform.md, made
// from the same registrations as the errors, and --explain one key of it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/platform_file.h"
#include "config/reference.h"

namespace freshet::app {
namespace {

Listing list_problems(const config::Problems& problems) {
  Listing listing({{"file", "file"},
                   {"line", "line"},
                   {"column", "column"},
                   {"severity", "severity"},
                   {"message", "message"}});
  for (const auto& problem : problems.sorted()) {
    listing.add({problems.file(), int64_t{problem.at.line}, int64_t{problem.at.column},
                 std::string(problem.severity == config::Severity::kError ? "error" : "warning"),
                 problem.message});
  }
  return listing;
}

std::string summary(const config::Platform& platform) {
  return fmt::format(
      "{}: platform {} is well-formed: {} topics, {} tables, {} sources, {} pipelines",
      platform.file.string(), platform.name, platform.topics.size(), platform.tables.size(),
      platform.sources.size(), platform.pipelines.size());
}

int check_file(const std::string& file, OutputFormat output) {
  const config::LoadedPlatform loaded = read_platform_file(file);
  const bool failed = loaded.problems.has_errors();
  if (output != OutputFormat::kTable) {
    std::fputs(list_problems(loaded.problems).print(output).c_str(), stdout);
  } else {
    std::fputs(loaded.problems.to_string().c_str(), stderr);
    if (!failed) std::printf("%s\n", summary(loaded.platform).c_str());
  }
  return failed ? kExitNotSo : kExitSuccess;
}

Result<int> explain(const std::string& key) {
  const std::string text = config::explain_key(key);
  if (text.empty()) {
    return fail(Errc::kNotFound,
                "a platform file has no key {}; freshet check --reference lists "
                "all",
                key);
  }
  std::fputs(text.c_str(), stdout);
  return kExitSuccess;
}

}  // namespace

void add_check(CommandTree& tree) {
  CLI::App& command =
      tree.add(tree.root(), "check", "Check a platform file without touching anything",
               {"freshet check platform.yaml", "freshet check platform.yaml --output ndjson",
                "freshet check --explain pipelines.rows.flush", "freshet check --reference"});
  auto file = std::make_shared<std::string>();
  auto key = std::make_shared<std::string>();
  auto reference = std::make_shared<bool>(false);
  command.add_option("FILE", *file, "Platform file")->envname("FRESHET_FILE");
  auto* explained =
      command.add_option("--explain", *key, "Instead: say what a key of platform files means");
  command.add_flag("--reference", *reference, "Instead: print all keys, as a Markdown page")
      ->excludes(explained);
  auto output = tree.add_output_option(command);
  tree.set_body(command, [file, key, reference, output]() -> Result<int> {
    if (*reference) {
      std::fputs(config::platform_reference().c_str(), stdout);
      return kExitSuccess;
    }
    if (!key->empty()) return explain(*key);
    if (file->empty()) {
      std::fputs("FILE is required\nRun with --help for more information.\n", stderr);
      return kExitUsage;
    }
    return check_file(*file, *output);
  });
}

}  // namespace freshet::app
