// The broker alone, for tests and measurements: listens, prints its port, runs until SIGTERM.
//
//   broker_for_tests DATA_DIR [name=value ...]
//
// Names are those of BrokerOptions that tests turn; times in milliseconds. Of the listener's
// security: certificate, key, client_ca (which makes client certificates required),
// mechanisms=PLAIN,SCRAM-SHA-256 and users=ada:password,bob:password.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

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
    {"group_members_max", [](auto& o, long v) { o.group_members_max = static_cast<size_t>(v); }},
    {"offsets_retention", [](auto& o, long v) { o.offsets_retention = Millis(v); }},
    {"offsets_retention_check", [](auto& o, long v) { o.offsets_retention_check = Millis(v); }},
    {"retention_check_interval", [](auto& o, long v) { o.retention_check_interval = Millis(v); }},
    {"compaction_check_interval", [](auto& o, long v) { o.compaction_check_interval = Millis(v); }},
    {"connection_idle_max", [](auto& o, long v) { o.connection_idle_max = Millis(v); }},
    {"write_stall_max", [](auto& o, long v) { o.write_stall_max = Millis(v); }},
    {"frame_time_max", [](auto& o, long v) { o.frame_time_max = Millis(v); }},
    {"certificate_check_interval",
     [](auto& o, long v) { o.certificate_check_interval = Millis(v); }},
    {"login_time_max", [](auto& o, long v) { o.login_time_max = Millis(v); }},
    {"connections_per_address_max",
     [](auto& o, long v) { o.connections_per_address_max = static_cast<size_t>(v); }},
    {"wal_file_bytes", [](auto& o, long v) { o.wal_file_bytes = static_cast<uint64_t>(v); }},
    {"free_bytes_min", [](auto& o, long v) { o.free_bytes_min = static_cast<uint64_t>(v); }},
    {"state_segment_bytes",
     [](auto& o, long v) { o.state_segment_bytes = static_cast<uint64_t>(v); }},
    {"request_memory_max", [](auto& o, long v) { o.request_memory_max = static_cast<size_t>(v); }},
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

using TextSetter = std::function<void(BrokerOptions&, const std::string&)>;

const std::map<std::string_view, TextSetter> kTextSetters = {
    {"host", [](auto& o, const auto& v) { o.host = v; }},
    {"certificate", [](auto& o, const auto& v) { o.security.tls.certificate = v; }},
    {"key", [](auto& o, const auto& v) { o.security.tls.key = v; }},
    {"client_ca",
     [](auto& o, const auto& v) {
       o.security.tls.client_ca = v;
       o.security.tls.client_certificate_required = true;
     }},
    {"mechanisms",
     [](auto& o, const auto& v) {
       for (const auto& name : split(v)) {
         o.security.mechanisms.push_back(freshet::broker::sasl_mechanism_of(name).value());
       }
     }},
    {"users",
     [](auto& o, const auto& v) {
       for (const auto& user : split(v)) {
         const size_t colon = user.find(':');
         o.security.users.push_back(
             {user.substr(0, colon), freshet::config::Secret(user.substr(colon + 1))});
       }
     }},
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
    const auto text_setter = kTextSetters.find(argument.substr(0, equals));
    if (text_setter != kTextSetters.end() && equals != std::string_view::npos) {
      text_setter->second(options, argv[i] + equals + 1);
      continue;
    }
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
