// freshet generate: made-up events to stdout, the same bytes for the same seed.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "config/units.h"
#include "source/generators/event_generator.h"

namespace freshet::app {
namespace {

struct GenerateArguments {
  std::string kind = "events";
  uint64_t count = 10;
  uint64_t seed = 42;
  double rate = 0;  // 0: as fast as stdout takes them
  bool keys = false;
};

/// Buffers lines and hands them to stdout in large pieces.
Result<void> write_out(std::string& buffer) {
  if (std::fwrite(buffer.data(), 1, buffer.size(), stdout) != buffer.size() ||
      std::fflush(stdout) != 0) {
    return std::unexpected(errno_error("write to stdout", errno));
  }
  buffer.clear();
  return {};
}

Result<int> generate(const GenerateArguments& arguments) {
  source::GeneratorSettings settings{.kind = arguments.kind, .seed = arguments.seed};
  FRESHET_ASSIGN(const auto generator, source::make_generator(settings));
  constexpr size_t kBufferBytes = 1 << 18;
  const auto began = std::chrono::steady_clock::now();
  std::string key;
  std::string value;
  std::string buffer;
  for (uint64_t index = 0; index < arguments.count; ++index) {
    if (arguments.rate > 0) {
      const auto due =
          began + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                      std::chrono::duration<double>(static_cast<double>(index) / arguments.rate));
      if (due > std::chrono::steady_clock::now()) {
        FRESHET_TRY(write_out(buffer));
        std::this_thread::sleep_until(due);
      }
    }
    generator->make(index, key, value);
    if (arguments.keys) buffer += key + "\t";
    buffer += value;
    buffer += '\n';
    if (buffer.size() >= kBufferBytes) FRESHET_TRY(write_out(buffer));
  }
  FRESHET_TRY(write_out(buffer));
  return kExitSuccess;
}

}  // namespace

void add_generate(CommandTree& tree) {
  CLI::App& command = tree.add(tree.root(), "generate",
                               "Write made-up events to stdout; the same seed gives the same bytes",
                               {"freshet generate events --count 3",
                                "freshet generate clickstream --count 1_000_000 --seed 7",
                                "freshet generate events --count 100 --keys | freshet produce "
                                "events --key-separator '\\t'"});
  auto arguments = std::make_shared<GenerateArguments>();
  std::string kinds;
  std::vector<std::string> names;
  for (const auto& kind : source::generator_kinds()) {
    names.emplace_back(kind.name);
    kinds += fmt::format("{}{}: {}", kinds.empty() ? "" : "; ", kind.name, kind.description);
  }
  command.add_option("KIND", arguments->kind, kinds)->check(CLI::IsMember(names));
  command
      .add_option_function<std::string>(
          "--count",
          [arguments](const std::string& text) {
            const auto count = config::parse_count(text);
            if (!count) {
              throw CLI::ValidationError("--count", count.error().message());
            }
            arguments->count = *count;
          },
          "How many (1_000_000)")
      ->default_str("10");
  command.add_option("--seed", arguments->seed, "Seed")->capture_default_str();
  command.add_option_function<std::string>(
      "--rate",
      [arguments](const std::string& text) {
        const auto rate = config::parse_rate(text);
        if (!rate) throw CLI::ValidationError("--rate", rate.error().message());
        arguments->rate = *rate;
      },
      "Events per second (10_000/s); default: as fast as they are read");
  command.add_flag("--keys", arguments->keys, "Put the Kafka key and a tab before each event");
  tree.set_body(command, [arguments] { return generate(*arguments); });
}

}  // namespace freshet::app
