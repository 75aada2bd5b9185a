// freshet check: reads a platform file and says everything that is wrong with it; no I/O but that.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "config/load_platform.h"

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

}  // namespace

void add_check(CommandTree& tree) {
  CLI::App& command =
      tree.add(tree.root(), "check", "Check a platform file without touching anything",
               {"freshet check platform.yaml", "freshet check platform.yaml --output ndjson"});
  auto file = std::make_shared<std::string>();
  command.add_option("FILE", *file, "Platform file")->required()->envname("FRESHET_FILE");
  auto output = tree.add_output_option(command);
  tree.set_body(command, [file, output]() -> Result<int> {
    const config::LoadedPlatform loaded = config::load_platform_file(*file);
    const bool failed = loaded.problems.has_errors();
    if (*output != OutputFormat::kTable) {
      std::fputs(list_problems(loaded.problems).print(*output).c_str(), stdout);
    } else {
      std::fputs(loaded.problems.to_string().c_str(), stderr);
      if (!failed) std::printf("%s\n", summary(loaded.platform).c_str());
    }
    return failed ? kExitNotSo : kExitSuccess;
  });
}

}  // namespace freshet::app
