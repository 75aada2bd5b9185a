// The broker alone, for tests and measurements: listens, prints its port, runs until SIGTERM.
//
//   broker_for_tests DATA_DIR [name=value ...]
//
// Names are those of BrokerOptions that tests turn; times in milliseconds.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "broker/broker.h"
#include "observe/log.h"
#include "observe/metrics.h"

namespace {

using freshet::Millis;
using freshet::broker::BrokerOptions;

using Setter = std::function<void(BrokerOptions&, long)>;

const std::map<std::string_view, Setter> kSetters = {
    {"port", [](auto& o, long v) { o.port = static_cast<uint16_t>(v); }},
    {"io_threads", [](auto& o, long v) { o.io_threads = static_cast<size_t>(v); }},
    {"default_partitions", [](auto& o, long v) { o.default_partitions = static_cast<int32_t>(v); }},
    {"auto_create_topics", [](auto& o, long v) { o.auto_create_topics = v != 0; }},
    {"connections_max", [](auto& o, long v) { o.connections_max = static_cast<size_t>(v); }},
    {"frame_bytes_max", [](auto& o, long v) { o.frame_bytes_max = static_cast<size_t>(v); }},
    {"topics_max", [](auto& o, long v) { o.topics_max = static_cast<size_t>(v); }},
    {"initial_rebalance_delay", [](auto& o, long v) { o.initial_rebalance_delay = Millis(v); }},
    {"session_timeout_min", [](auto& o, long v) { o.session_timeout_min = Millis(v); }},
    {"connection_idle_max", [](auto& o, long v) { o.connection_idle_max = Millis(v); }},
    {"write_stall_max", [](auto& o, long v) { o.write_stall_max = Millis(v); }},
};

}  // namespace

int main(int argc, char** argv) {
  BrokerOptions options;
  options.port = 0;
  if (argc < 2) {
    std::fprintf(stderr, "usage: broker_for_tests DATA_DIR [name=value ...]\n");
    return 2;
  }
  options.data_dir = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    const auto setter = kSetters.find(argument.substr(0, equals));
    if (setter == kSetters.end() || equals == std::string_view::npos) {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 2;
    }
    setter->second(options, std::atol(argv[i] + equals + 1));
  }

  // Before any thread starts, so that all of them leave these signals to sigwait().
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  freshet::configure_logging(freshet::LogLevel::kInfo, freshet::LogFormat::kText);

  freshet::MetricRegistry metrics;
  auto broker =
      freshet::broker::Broker::start(std::move(options), freshet::SystemClock::instance(), metrics);
  if (!broker) {
    std::fprintf(stderr, "%s\n", broker.error().message().c_str());
    return 1;
  }
  std::printf("%u\n", (*broker)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  const auto stopped = (*broker)->stop();
  if (!stopped) std::fprintf(stderr, "%s\n", stopped.error().message().c_str());
  if (std::getenv("FRESHET_PRINT_METRICS") != nullptr) {
    std::fputs(metrics.expose().c_str(), stderr);
  }
  return stopped ? 0 : 1;
}
