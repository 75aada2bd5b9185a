// freshet up: starts what is embedded and runs everything in the platform file.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "app/command_tree.h"
#include "app/commands/commands.h"
#include "app/external_clickhouse.h"
#include "app/log_service.h"
#include "app/pause_marks.h"
#include "app/platform_file.h"
#include "app/platform_runtime.h"
#include "app/platform_server.h"
#include "app/ports.h"
#include "app/progress_report.h"
#include "app/sample_queries.h"
#include "app/source_factory.h"
#include "app/stop_signal.h"
#include "app/verdict_report.h"
#include "base/clock_jump.h"

namespace freshet::app {
namespace {

using std::chrono::steady_clock;

struct UpArguments {
  std::shared_ptr<PlatformOptions> platform;
  std::shared_ptr<OutputFormat> output;
  std::string file;  // positional
  bool until_done = false;
};

/// The example that a bare `freshet up` runs: beside the working directory or the program.
Result<std::filesystem::path> demo_file() {
  const std::filesystem::path demo = "examples/events/platform.yaml";
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
  for (const auto& base : {std::filesystem::path("."), program / "..", program / "../.."}) {
    if (std::filesystem::exists(base / demo, failure)) return (base / demo).lexically_normal();
  }
  return fail(Errc::kNotFound, "no platform file given, and {} is not here; freshet up FILE",
              demo.string());
}

Result<config::Platform> load(const UpArguments& arguments) {
  std::filesystem::path file = arguments.file.empty() ? arguments.platform->file : arguments.file;
  if (file.empty()) {
    FRESHET_ASSIGN(file, demo_file());
  }
  auto loaded = read_platform_file(file);
  if (loaded.problems.has_errors()) {
    // All of them, one line each, as `freshet check` prints them.
    std::fputs(loaded.problems.to_string().c_str(), stderr);
    return fail(Errc::kInvalidArgument, "{} has mistakes (above); nothing was started",
                file.string());
  }
  FRESHET_ASSIGN(auto platform, config::require_platform(std::move(loaded)));
  if (arguments.until_done) {
    for (const auto& source : platform.sources) {
      if (!is_bounded(source)) {
        return fail(Errc::kInvalidArgument,
                    "--until-done never ends: source {} is endless; give it a count, or follow: "
                    "false",
                    source.name);
      }
    }
  }
  return platform;
}

/// A broker alone stays small; a query opens the engine when it comes.
bool needs_warehouse(const config::Platform& platform) {
  return !platform.tables.empty() || !platform.pipelines.empty();
}

size_t writers_of(const config::Platform& platform) {
  size_t writers = 0;
  for (const auto& settings : platform.pipelines) writers += pipeline::writes_at_a_time(settings);
  return writers;
}

void print_queries(EmbeddedServices& services, const std::filesystem::path& platform_file) {
  const auto queries = read_sample_queries(platform_file);
  if (!queries) std::printf("\n%s\n", queries.error().message().c_str());
  if (!queries || queries->empty()) return;
  const Result<void> opened = services.ensure_warehouse();
  if (!opened) std::printf("\n%s\n", opened.error().message().c_str());
  if (!opened) return;
  for (const auto& query : *queries) {
    std::printf("\n-- %s\n%s\n", query.title.c_str(), query.sql.c_str());
    std::fflush(stdout);
    const auto answer = services.warehouse().answer(
        query.sql, "PrettyCompactMonoBlock",
        {{"output_format_pretty_color", "0"}, {"output_format_pretty_row_numbers", "0"}},
        [](std::string_view chunk) -> Result<void> {
          std::fwrite(chunk.data(), 1, chunk.size(), stdout);
          return {};
        });
    if (!answer) std::printf("%s\n", answer.error().message().c_str());
  }
}

/// Ports are those of the next run: free ones have no number yet.
void print_what_next(const config::Platform& platform, const UpArguments& arguments) {
  const std::string data_dir = arguments.platform->data_dir_or_default();
  const std::string program = program_invocation_name;
  std::string text = "\nWhat to try next:\n";
  text += fmt::format("  {} sql --data-dir {}\n      ask the tables yourself\n", program, data_dir);
  text += fmt::format("  {} verify --data-dir {} --file {}\n      prove it again, from the disk\n",
                      program, data_dir, platform.file.string());
  const auto& offset = arguments.platform->port_offset;
  const Ports ports = shifted_ports(offset);
  text += fmt::format("  {} up {} --data-dir {}{}\n", program, platform.file.string(), data_dir,
                      offset ? fmt::format(" --port-offset {}", *offset) : "");
  text += !platform.external_kafka.bootstrap.empty() ? "      keep it running\n"
          : ports.kafka == 0
              ? "      keep it running, on free ports that it prints\n"
              : fmt::format(
                    "      keep it running: Kafka clients on 127.0.0.1:{}, metrics on "
                    "http://127.0.0.1:{}/metrics\n",
                    ports.kafka, ports.api);
  std::fputs(text.c_str(), stdout);
}

/// One run of `up`, from started services to the exit status.
class UpRun {
 public:
  UpRun(const UpArguments& arguments, EmbeddedServices& services, PlatformServer& server,
        PlatformRuntime& runtime, StopSignal& signal)
      : arguments_(arguments),
        services_(services),
        server_(server),
        runtime_(runtime),
        signal_(signal),
        progress_(isatty(STDERR_FILENO) != 0) {}

  Result<int> run() {
    const bool stopped = wait();
    progress_.finish(runtime_);
    if (stopped || !arguments_.until_done) return stop_by_signal();
    return finish_with_verdict();
  }

 private:
  /// True if a signal ended the wait; false: drained, or something failed with --until-done.
  bool wait() {
    constexpr std::chrono::milliseconds kTick{50};
    std::vector<std::string> reported;
    ClockJump clock(SystemClock::instance());
    while (!signal_.wait(kTick)) {
      progress_.update(runtime_);
      report_clock(clock.set_back());
      const auto failures = runtime_.failures();
      for (size_t i = reported.size(); i < failures.size(); ++i) {
        std::fprintf(stderr, "freshet: %s\n", failures[i].c_str());
      }
      reported = failures;
      if (arguments_.until_done && (!failures.empty() || runtime_.drained())) return false;
    }
    return true;
  }

  static void report_clock(std::chrono::milliseconds set_back) {
    if (set_back.count() == 0) return;
    std::fprintf(stderr,
                 "freshet: the machine's clock was set back by %.0f s: nothing is lost or doubled "
                 "by it, but records get earlier times than those before them, and lookups by time "
                 "and retention go by these\n",
                 std::chrono::duration<double>(set_back).count());
  }

  Result<int> stop_by_signal() {
    server_.stop();
    const auto drained = runtime_.stop(pipeline::StopMode::kDrain);
    FRESHET_TRY(services_.stop());
    if (!drained) return std::unexpected(drained.error());
    std::fputs("freshet: stopped; everything read is written and committed\n", stderr);
    return runtime_.failures().empty() ? kExitSuccess : kExitNotSo;
  }

  Result<int> finish_with_verdict() {
    const RunFigures figures{.statuses = runtime_.pipelines(), .paces = progress_.paces()};
    const auto failures = runtime_.failures();
    FRESHET_ASSIGN(const auto verdicts, runtime_.verify(std::nullopt));
    std::fputs(print_verdicts(verdicts, &figures, *arguments_.output).c_str(), stdout);
    if (*arguments_.output == OutputFormat::kTable) {
      print_queries(services_, runtime_.platform().file);
      print_what_next(runtime_.platform(), arguments_);
    }
    server_.stop();
    FRESHET_TRY(runtime_.stop(pipeline::StopMode::kFinish));
    FRESHET_TRY(services_.stop());
    return failures.empty() && all_exact(verdicts) ? kExitSuccess : kExitNotSo;
  }

  const UpArguments& arguments_;
  EmbeddedServices& services_;
  PlatformServer& server_;
  PlatformRuntime& runtime_;
  StopSignal& signal_;
  ProgressReport progress_;
};

/// A Kafka that is not there yet is waited for, as one that goes away later is. What only people
/// can mend (a wrong password, say) is left to whoever connects next to say.
Result<void> wait_for_kafka(const config::ExternalKafkaSettings& kafka, StopSignal& signal) {
  constexpr std::chrono::seconds kPause{1};
  bool told = false;
  while (true) {
    const auto cluster = kafka::Cluster::open(remote_settings(kafka));
    if (cluster || !is_retriable(cluster.error().code())) return {};
    if (!std::exchange(told, true)) {
      std::fprintf(stderr, "freshet: waiting for Kafka: %s\n", cluster.error().message().c_str());
    }
    if (signal.wait(kPause)) return fail(Errc::kCancelled, "stopped while waiting for Kafka");
  }
}

/// A ClickHouse that is not there yet is waited for, as one that goes away later is. What only
/// people can mend (a wrong password, say) is said by whoever connects next.
Result<void> wait_for_clickhouse(const config::ExternalClickHouseSettings& clickhouse,
                                 StopSignal& signal) {
  constexpr std::chrono::seconds kPause{1};
  bool told = false;
  while (true) {
    const auto there = open_clickhouse(clickhouse);
    if (there || !is_retriable(there.error().code())) return {};
    if (!std::exchange(told, true)) {
      std::fprintf(stderr, "freshet: waiting for ClickHouse: %s\n",
                   there.error().message().c_str());
    }
    if (signal.wait(kPause)) return fail(Errc::kCancelled, "stopped while waiting for ClickHouse");
  }
}

/// One that stands still is never done.
Result<void> expect_none_paused(const config::Platform& platform, const UpArguments& arguments) {
  const std::string data_dir = arguments.platform->data_dir_or_default();
  for (const auto& settings : platform.pipelines) {
    if (!PauseMarks(data_dir).is_set(settings.name)) continue;
    return fail(Errc::kRefused,
                "--until-done never ends: pipeline {} is paused; let it go on with: freshet "
                "pipeline resume {} --data-dir {} --file {}",
                settings.name, settings.name, data_dir, platform.file.string());
  }
  return {};
}

Result<int> up(const UpArguments& arguments) {
  const auto began = steady_clock::now();
  StopSignal signal;  // before any thread
  FRESHET_ASSIGN(auto platform, load(arguments));
  if (arguments.until_done) FRESHET_TRY(expect_none_paused(platform, arguments));
  const Ports ports = shifted_ports(arguments.platform->port_offset);
  if (!platform.external_kafka.bootstrap.empty() && !arguments.until_done) {
    FRESHET_TRY(wait_for_kafka(platform.external_kafka, signal));
  }
  const bool elsewhere = !platform.external_clickhouse.urls.empty();
  if (elsewhere && needs_warehouse(platform) && !arguments.until_done) {
    FRESHET_TRY(wait_for_clickhouse(platform.external_clickhouse, signal));
  }
  FRESHET_ASSIGN(auto services,
                 EmbeddedServices::start({.data_dir = arguments.platform->data_dir_or_default(),
                                          .warehouse = needs_warehouse(platform),
                                          .writers = writers_of(platform),
                                          .clickhouse = platform.clickhouse,
                                          .external_clickhouse = platform.external_clickhouse,
                                          .kafka_port = ports.kafka,
                                          .kafka = platform.kafka,
                                          .external_kafka = platform.external_kafka}));
  config::ClickHousePortSettings port = platform.clickhouse;
  port.http = port.http && !elsewhere;  // clients ask the other ClickHouse itself
  const std::string address =
      elsewhere ? clickhouse_address(platform.external_clickhouse) : std::string();
  FRESHET_ASSIGN(auto server, PlatformServer::start(*services, ports, port));
  FRESHET_ASSIGN(auto runtime, PlatformRuntime::start(std::move(platform), *services));
  server->set_runtime(*runtime);
  std::fprintf(stderr,
               "freshet: platform %s is ready after %.2f s: kafka=%s "
               "api=http://127.0.0.1:%u data=%s clickhouse=%s\n",
               runtime->platform().name.c_str(),
               std::chrono::duration<double>(steady_clock::now() - began).count(),
               services->kafka_address().c_str(), server->api_port(), services->data_dir().c_str(),
               elsewhere ? address.c_str() : server->clickhouse_address().c_str());
  const Result<int> status = UpRun(arguments, *services, *server, *runtime, signal).run();
  server->stop();  // before the runtime that it answers from goes
  return status;
}

}  // namespace

void add_up(CommandTree& tree) {
  CLI::App& command = tree.add(
      tree.root(), "up", "Start the embedded services and run everything in a platform file",
      {"freshet up platform.yaml", "freshet up platform.yaml --until-done --data-dir ./data",
       "freshet up                          the demo, examples/events"});
  auto arguments = std::make_shared<UpArguments>();
  command.add_option("FILE", arguments->file, "Platform file (default: the demo)");
  command.add_flag("--until-done", arguments->until_done,
                   "End when all sources are drained: prove it, answer the queries of queries.sql "
                   "beside FILE, and exit with the verdict");
  arguments->platform = tree.add_platform_options(command, /*with_brokers=*/false);
  arguments->output = tree.add_output_option(command);
  tree.set_body(command, [arguments] { return up(*arguments); });
}

}  // namespace freshet::app
