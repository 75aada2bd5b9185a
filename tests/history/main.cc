// Kill rounds over one broker, and the verdict over everything that its clients saw.
//
//   broker_history run BROKER DIRECTORY [rounds=N] [seed=N] [disk_full=0|1]
//   broker_history check FILE
//
// A round: the broker is started, what clients were told before its last death is read again, then
// something happens to it (nothing, SIGSTOP, connections reset, disk full), then it dies in the
// middle of the load: by SIGKILL, or at a crash point inside a write. Before the next round what no
// sync has covered may be damaged. Exit status 1: anomalies, which stand on stdout.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "broker_process.h"
#include "checker.h"
#include "load.h"
#include "reset_proxy.h"
#include "small_disk.h"

namespace freshet::history {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{256} << 20;
constexpr double kRangeSeconds = 5;
constexpr double kFinalSeconds = 60;
constexpr size_t kFindingsShown = 20;

struct RunOptions {
  std::string program;
  std::filesystem::path directory;
  int rounds = 10;
  uint64_t seed = 1;
  bool disk_full = false;
};

/// How long something lasts; nothing is waited for.
void pass(uint64_t ms) { ::poll(nullptr, 0, static_cast<int>(ms)); }

class Run {
 public:
  explicit Run(RunOptions options)
      : options_(std::move(options)),
        random_(options_.seed),
        broker_(options_.program, options_.directory / "data" / "log",
                options_.directory / "broker.log") {}

  Result<size_t> execute() {
    std::filesystem::create_directories(options_.directory / "data");
    if (options_.disk_full) FRESHET_TRY(disk_.mount(options_.directory / "data", kDiskBytes));
    FRESHET_ASSIGN(recorder_, Recorder::open((options_.directory / "history.txt").native()));
    FRESHET_TRY(proxy_.start());
    FRESHET_TRY(broker_.start(""));
    proxy_.set_target(broker_.port());
    Load load({.broker_port = broker_.port(), .proxy_port = proxy_.port(), .seed = options_.seed},
              *recorder_);
    FRESHET_TRY(load.create_topics());
    load.begin();
    for (int round = 1; round <= options_.rounds; ++round) {
      // The clients end what they began only with a broker that stays.
      FRESHET_TRY(one_round(load, /*may_die_next=*/round < options_.rounds));
    }
    load.stop();
    std::vector<int64_t> all(kPlaces, 0);
    bool complete = load.read_ranges(all, /*only_committed=*/false, kFinalSeconds);
    all.assign(kPlaces, 0);
    complete &= load.read_ranges(all, /*only_committed=*/true, kFinalSeconds);
    if (!complete) return fail(Errc::kUnavailable, "the log was not read to its end");
    FRESHET_TRY(broker_.stop());
    return judge(load);
  }

 private:
  /// From a running broker to the next running one.
  Result<void> one_round(Load& load, bool may_die_next) {
    if (random_() % 4 != 0) {
      const bool committed = random_() % 2 == 0;
      load.read_ranges(committed ? committed_from_ : plain_from_, committed, kRangeSeconds);
    }
    happen();
    pass(random_() % 250);
    if (random_() % 20 == 0) {
      broker_.resume();
      if (broker_.is_running()) FRESHET_TRY(broker_.stop());
      ++deaths_["SIGTERM"];
    } else {
      if (!planned_death_.empty() && !broker_.is_running()) {
        ++deaths_[planned_death_];
      } else {
        ++deaths_["SIGKILL"];
      }
      broker_.kill();
    }
    if (disk_.is_mounted()) disk_.make_room();
    if (random_() % 3 == 0) {
      FRESHET_TRY(broker_.damage_unsynced(random_));
      ++faults_["torn writes"];
    }
    return revive(may_die_next);
  }

  void happen() {
    switch (random_() % 6) {
      case 0:
        broker_.pause();
        pass(random_() % 300);
        broker_.resume();
        ++faults_["SIGSTOP"];
        return;
      case 1:
      case 2:
        for (size_t i = 0; i <= random_() % 3; ++i) {
          proxy_.reset_connections();
          pass(random_() % 60);
        }
        ++faults_["connections reset"];
        return;
      case 3:
        if (!disk_.is_mounted()) return;
        disk_.fill(random_() % (64 << 10));
        pass(random_() % 200);
        // Half of the time it dies while the disk is full.
        if (random_() % 2 == 0) disk_.make_room();
        ++faults_["disk full"];
        return;
      default:
        return;
    }
  }

  Result<void> revive(bool may_die) {
    while (true) {
      const size_t dice = may_die ? random_() % 8 : 7;
      planned_death_ = dice == 0   ? "mid_append_torn"
                       : dice == 1 ? "mid_append"
                       : dice == 2 ? "mid_recovery"
                                   : "";
      const auto when = planned_death_ == "mid_recovery" ? 1 : 1 + random_() % 60;
      const auto began = std::chrono::steady_clock::now();
      FRESHET_TRY(
          broker_.start(planned_death_.empty() ? "" : fmt::format("{}:{}", planned_death_, when)));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      if (broker_.is_running()) {
        slowest_start_ = std::max(slowest_start_, took.count());
        return {};
      }
      ++deaths_[planned_death_];
    }
  }

  size_t judge(const Load& load) {
    const auto events = recorder_->events();
    const auto findings = check(events);
    for (size_t i = 0; i < std::min(findings.size(), kFindingsShown); ++i) {
      fmt::print("{} (event {}): {}\n", kAnomalyNames[static_cast<size_t>(findings[i].anomaly)],
                 findings[i].event, findings[i].text);
    }
    const auto& counts = load.counts();
    fmt::print("seed {}: {} rounds; deaths:", options_.seed, options_.rounds);
    for (const auto& [name, count] : deaths_) fmt::print(" {} {}", count, name);
    fmt::print("; faults:");
    for (const auto& [name, count] : faults_) fmt::print(" {} {}", count, name);
    fmt::print("; slowest start {:.0f} ms\n", slowest_start_ * 1000);
    fmt::print(
        "{} events: {} writes acknowledged, {} failed, {} unknown; transactions {} committed, {} "
        "rolled back, {} in doubt; {} producers made anew\n",
        events.size(), counts.acknowledged.load(), counts.failed.load(), counts.unknown.load(),
        counts.committed.load(), counts.aborted.load(), counts.in_doubt.load(),
        counts.recreated.load());
    fmt::print("{} anomalies\n", findings.size());
    return findings.size();
  }

  const RunOptions options_;
  std::mt19937_64 random_;
  SmallDisk disk_;
  BrokerProcess broker_;
  ResetProxy proxy_;
  std::unique_ptr<Recorder> recorder_;
  std::string planned_death_;
  std::vector<int64_t> plain_from_ = std::vector<int64_t>(kPlaces, 0);
  std::vector<int64_t> committed_from_ = std::vector<int64_t>(kPlaces, 0);
  std::map<std::string, int> deaths_;
  std::map<std::string, int> faults_;
  double slowest_start_ = 0;
};

int judge_file(const std::string& path) {
  const auto events = read_history(path);
  if (!events) {
    fmt::print(stderr, "{}\n", events.error().message());
    return 2;
  }
  const auto findings = check(*events);
  for (const auto& finding : findings) {
    fmt::print("{} (event {}): {}\n", kAnomalyNames[static_cast<size_t>(finding.anomaly)],
               finding.event, finding.text);
  }
  fmt::print("{} anomalies in {} events\n", findings.size(), events->size());
  return findings.empty() ? 0 : 1;
}

int run(int argc, char** argv) {
  RunOptions options{.program = argv[2], .directory = argv[3]};
  for (int i = 4; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto value = equals == word.npos ? 0 : std::strtoull(argv[i] + equals + 1, nullptr, 10);
    if (name == "rounds") {
      options.rounds = static_cast<int>(value);
    } else if (name == "seed") {
      options.seed = value;
    } else if (name == "disk_full") {
      options.disk_full = value != 0;
    } else {
      fmt::print(stderr, "unknown option {}: expected rounds=, seed= or disk_full=\n", word);
      return 2;
    }
  }
  const auto findings = Run(std::move(options)).execute();
  if (!findings) {
    fmt::print(stderr, "{}\n", findings.error().message());
    return 2;
  }
  return *findings == 0 ? 0 : 1;
}

}  // namespace
}  // namespace freshet::history

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "check" && argc == 3) return freshet::history::judge_file(argv[2]);
  if (mode == "run" && argc >= 4) return freshet::history::run(argc, argv);
  std::fprintf(stderr,
               "usage: broker_history run BROKER DIRECTORY [rounds=N] [seed=N] [disk_full=0|1]\n"
               "       broker_history check FILE\n");
  return 2;
}
