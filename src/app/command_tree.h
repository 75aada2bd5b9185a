// What every command shares: the options that name a platform, the output format, and the place
// where the chosen command puts what it wants to run.
//
// Parsing and running are apart: CLI11 parses everything first, so a wrong flag (exit status 2) is
// reported before anything is touched. Commands then return a Result: an error is one line on
// stderr and status 1, a value is the status itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/listing.h"
#include "base/error.h"

namespace CLI {
class App;
}  // namespace CLI

namespace freshet::app {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitNotSo = 1;  // the thing asked about is not so, or failed
inline constexpr int kExitUsage = 2;

/// Where the platform is. Flag > environment (FRESHET_…) > default.
struct PlatformOptions {
  std::string file;                // --file; empty: none
  std::string data_dir;            // --data-dir; empty: ./freshet-data
  std::string brokers;             // --brokers; empty: the running or embedded platform's
  std::optional<int> port_offset;  // 0: free ports

  [[nodiscard]] std::string data_dir_or_default() const {
    return data_dir.empty() ? "freshet-data" : data_dir;
  }
};

using CommandBody = std::function<Result<int>()>;

class CommandTree {
 public:
  explicit CommandTree(CLI::App& root) : root_(root) {}

  [[nodiscard]] CLI::App& root() { return root_; }

  /// A command below `parent`; `examples` are whole command lines for --help.
  CLI::App& add(CLI::App& parent, const std::string& name, const std::string& description,
                const std::vector<std::string>& examples);
  /// A noun whose verbs are commands: "topic", "group".
  CLI::App& add_group(const std::string& name, const std::string& description);
  /// What runs when `command` was chosen.
  void set_body(CLI::App& command, CommandBody body);

  /// --file, --data-dir, --port-offset, and --brokers for commands that talk Kafka.
  std::shared_ptr<PlatformOptions> add_platform_options(CLI::App& command, bool with_brokers);
  /// --output table|json|ndjson
  std::shared_ptr<OutputFormat> add_output_option(CLI::App& command);

  [[nodiscard]] const CommandBody& chosen() const { return chosen_; }

 private:
  CLI::App& root_;
  CommandBody chosen_;
};

}  // namespace freshet::app
