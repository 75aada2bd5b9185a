#include "app/command_tree.h"

#include <CLI/CLI.hpp>

namespace freshet::app {

CLI::App& CommandTree::add(CLI::App& parent, const std::string& name,
                           const std::string& description,
                           const std::vector<std::string>& examples) {
  CLI::App* command = parent.add_subcommand(name, description);
  std::string footer = examples.empty() ? "" : "Examples:";
  for (const auto& example : examples) footer += "\n  " + example;
  command->footer(footer);
  return *command;
}

CLI::App& CommandTree::add_group(const std::string& name, const std::string& description) {
  CLI::App* group = root_.add_subcommand(name, description);
  group->require_subcommand(1);
  group->footer(fmt::format("Options and examples: freshet {} COMMAND --help", name));
  return *group;
}

void CommandTree::set_body(CLI::App& command, CommandBody body) {
  command.callback([this, body = std::move(body)] { chosen_ = body; });
}

std::shared_ptr<PlatformOptions> CommandTree::add_platform_options(CLI::App& command,
                                                                   bool with_brokers) {
  auto options = std::make_shared<PlatformOptions>();
  command
      .add_option("--file", options->file,
                  "Platform file; with nothing running, its embedded services are started as long "
                  "as the command runs")
      ->envname("FRESHET_FILE");
  command
      .add_option("--data-dir", options->data_dir,
                  "Directory of the platform's data (default: freshet-data)")
      ->envname("FRESHET_DATA_DIR");
  command
      .add_option("--port-offset", options->port_offset,
                  "Shifts every port by N; 0 takes free ports and prints them")
      ->envname("FRESHET_PORT_OFFSET")
      ->check(CLI::Range(0, 50'000));
  if (with_brokers) {
    command
        .add_option("--brokers", options->brokers,
                    "Addresses of any Kafka: host:port[,host:port] (default: the platform's own "
                    "log)")
        ->envname("FRESHET_BROKERS");
  }
  return options;
}

std::shared_ptr<OutputFormat> CommandTree::add_output_option(CLI::App& command) {
  auto output = std::make_shared<OutputFormat>(OutputFormat::kTable);
  static const std::map<std::string, OutputFormat> kFormats = {{"table", OutputFormat::kTable},
                                                               {"json", OutputFormat::kJson},
                                                               {"ndjson", OutputFormat::kNdjson}};
  command
      .add_option_function<std::string>(
          "--output", [output](const std::string& name) { *output = kFormats.at(name); },
          "How the answer is printed")
      ->envname("FRESHET_OUTPUT")
      ->check(CLI::IsMember({"table", "json", "ndjson"}))
      ->default_str("table");
  return output;
}

}  // namespace freshet::app
