// freshet bench NAME: load tests that are built in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "app/bench/ingest.h"
#include "app/command_tree.h"
#include "app/commands/commands.h"

namespace freshet::app {
namespace {

struct BenchArguments {
  std::shared_ptr<OutputFormat> output;
  IngestBenchSettings settings;
  std::string data_dir;
  bool keep = false;
};

Value milliseconds(const std::optional<double>& time) {
  return time ? Value(std::round(*time * 10) / 10) : Value();
}
Value count(const std::optional<uint64_t>& number) {
  return number ? Value(static_cast<int64_t>(*number)) : Value();
}

/// interface.md: {"name","events","seconds",…}, and the share of the ceiling.
Listing list_phases(const IngestBenchResult& result) {
  Listing listing({{"name", "phase"},
                   {"events", "events"},
                   {"seconds", "seconds"},
                   {"events_per_s", "events/s"},
                   {"of_ceiling_percent", "% of ceiling"},
                   {"cpu_s_per_million", "CPU-s/M"},
                   {"rss_mb", "RSS MB"},
                   {"p50_ms", "p50 ms"},
                   {"p99_ms", "p99 ms"},
                   {"longest_ms", "max ms"},
                   {"missing", "missing"},
                   {"doubled", "doubled"}});
  for (const auto& phase : result.phases) {
    const double ratio = result.ratio(phase.name);
    listing.add({phase.name, static_cast<int64_t>(phase.events),
                 std::round(phase.cost.seconds * 1000) / 1000,
                 static_cast<int64_t>(phase.events_per_second()),
                 ratio > 0 ? Value(std::round(ratio * 1000) / 10) : Value(),
                 std::round(phase.cpu_seconds_per_million() * 1000) / 1000,
                 std::round(phase.cost.rss_mb), milliseconds(phase.p50_ms),
                 milliseconds(phase.p99_ms), milliseconds(phase.longest_ms), count(phase.missing),
                 count(phase.doubled)});
  }
  return listing;
}

/// One object for the whole run, the log pre-filled being the headline, with all phases inside.
std::string run_json(const IngestBenchResult& result) {
  const PhaseResult* main = result.phase("prefilled");
  const PhaseResult* latency = result.phase("latency");
  uint64_t missing = 0;
  uint64_t doubled = 0;
  for (const auto& phase : result.phases) {
    missing += phase.missing.value_or(0);
    doubled += phase.doubled.value_or(0);
  }
  std::string phases = list_phases(result).print(OutputFormat::kJson);
  phases.pop_back();
  return fmt::format(
      R"({{"name":"ingest","events":{},"seconds":{:.3f},"events_per_s":{:.0f},)"
      R"("cpu_s_per_million":{:.3f},"rss_mb":{:.0f},"p50_ms":{:.1f},"p99_ms":{:.1f},)"
      R"("missing":{},"doubled":{},"ceiling_events_per_s":{:.0f},"prefilled_ratio":{:.3f},)"
      R"("live_ratio":{:.3f},"phases":{}}})",
      main->events, main->cost.seconds, main->events_per_second(), main->cpu_seconds_per_million(),
      main->cost.rss_mb, latency->p50_ms.value_or(0), latency->p99_ms.value_or(0), missing, doubled,
      result.phase("ceiling")->events_per_second(), result.ratio("prefilled"), result.ratio("live"),
      phases);
}

Result<int> ingest(BenchArguments arguments) {
  namespace fs = std::filesystem;
  // A fresh directory each time: what was deleted in a directory slows new parts down on ext4.
  arguments.settings.data_dir = arguments.data_dir.empty()
                                    ? fmt::format("freshet-data/bench-{}", ::getpid())
                                    : arguments.data_dir;
  std::error_code failure;
  if (fs::exists(arguments.settings.data_dir, failure)) {
    return fail(Errc::kAlreadyExists,
                "{} is there already; the benchmark wants a directory to make",
                arguments.settings.data_dir.string());
  }
  const auto result = run_ingest_bench(arguments.settings, [](const PhaseResult& phase) {
    std::fprintf(stderr, "%-10s %12s events/s  %.2f CPU-s/M  %.0f MB\n", phase.name.c_str(),
                 with_thousands(static_cast<int64_t>(phase.events_per_second())).c_str(),
                 phase.cpu_seconds_per_million(), phase.cost.rss_mb);
  });
  if (!arguments.keep) fs::remove_all(arguments.settings.data_dir, failure);
  if (!result) return std::unexpected(result.error());
  const bool json = *arguments.output != OutputFormat::kTable;
  std::string text = json ? run_json(*result) : list_phases(*result).print(OutputFormat::kTable);
  if (*arguments.output == OutputFormat::kNdjson) std::erase(text, '\n');
  std::printf("%s%s", text.c_str(), json ? "\n" : "");
  for (const auto& phase : result->phases) {
    if (phase.missing.value_or(0) > 0 || phase.doubled.value_or(0) > 0) return kExitNotSo;
  }
  return kExitSuccess;
}

}  // namespace

void add_bench(CommandTree& tree) {
  CLI::App& group = tree.add_group("bench", "Built-in load tests");
  CLI::App& command =
      tree.add(group, "ingest",
               "Generator and log to table, exactly once and fsynced, beside the engine's "
               "own ceiling in the same run",
               {"freshet bench ingest", "freshet bench ingest --events 1000000 --output json"});
  auto arguments = std::make_shared<BenchArguments>();
  auto& settings = arguments->settings;
  command.add_option("--events", settings.events, "Events in the pre-filled log")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--live-events", settings.live_events, "Events of the live phase")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--latency-rate", settings.latency_rate, "Events/s of the latency phase")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--latency-seconds", settings.latency_seconds, "Length of the latency phase")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--partitions", settings.partitions, "Partitions of each topic")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command.add_option("--data-dir", arguments->data_dir,
                     "Directory to make (default: freshet-data/bench-<pid>)");
  command.add_flag("--keep", arguments->keep, "Leave the data there");
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return ingest(*arguments); });
}

}  // namespace freshet::app
