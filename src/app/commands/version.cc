#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/command_tree.h"
#include "app/commands/commands.h"

namespace freshet::app {

std::string version_line() {
  return fmt::format("freshet {} (clang {}.{}.{}, librdkafka {})", FRESHET_VERSION, __clang_major__,
                     __clang_minor__, __clang_patchlevel__, rd_kafka_version_str());
}

void add_version(CommandTree& tree) {
  CLI::App& command = tree.add(tree.root(), "version",
                               "Print the version and what it was built with", {"freshet version"});
  tree.set_body(command, []() -> Result<int> {
    std::printf("%s\n", version_line().c_str());
    return kExitSuccess;
  });
}

}  // namespace freshet::app
