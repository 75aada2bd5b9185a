// A node that loses its power at any moment: everything it answered is there when it is back.
//
// FRESHET_POWER_CUTS says how many prefixes of the changes of the disk are tried (default 60),
// FRESHET_POWER_CUT_SEED with which seed. The last tests leave out some syncs and must see harm.
#include <gtest/gtest.h>

#include <cstdlib>

#include "broker/power_cut/inspection.h"
#include "broker/power_cut/workload.h"
#include "broker/storage/failing_disk.h"
#include "broker/storage/recording_disk.h"
#include "broker/storage/storage_fixture.h"

namespace freshet::broker::power_cut {
namespace {

constexpr int kSteps = 160;
constexpr size_t kCutsOfOneRun = 60;

size_t from_environment(const char* name, size_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoul(value, nullptr, 10);
}

/// One recorded run, and what power cuts leave of it.
class RecordedRun {
 public:
  using Forgotten = std::function<bool(const std::filesystem::path&)>;

  explicit RecordedRun(uint64_t seed, Forgotten forgotten = {})
      : seed_(seed), disk_(directory_.path()) {
    unsynced_.leave_out_syncs();
    if (forgotten) disk_.forget_syncs(std::move(forgotten));
    Clients clients(directory_.path(), disk_);
    clients.count_changes = [this] { return disk_.change_count(); };
    const auto opened = clients.open_node();
    EXPECT_TRUE(opened) << opened.error().message();
    if (opened) Workload(clients, history_, seed).run(kSteps);
  }

  std::vector<std::string> cut(size_t changes, uint64_t seed) {
    const TemporaryDirectory left;
    disk_.lay_out(changes, seed, left.path());
    Clients clients(left.path(), unsynced_);
    return inspect(clients, history_, changes);
  }
  /// The number of prefixes after which something was wrong.
  size_t bad_cuts(size_t cuts, bool report) {
    std::mt19937_64 random(seed_);
    size_t bad = 0;
    for (size_t i = 0; i < cuts; ++i) {
      const size_t changes = random() % (disk_.change_count() + 1);
      const uint64_t seed = random();
      const auto faults = cut(changes, seed);
      if (faults.empty()) continue;
      ++bad;
      if (report) {
        ADD_FAILURE() << fmt::format("run {}, {} of {} changes, seed {}:\n  {}", seed_, changes,
                                     disk_.change_count(), seed, fmt::join(faults, "\n  "));
      }
    }
    return bad;
  }

 private:
  const uint64_t seed_;
  TemporaryDirectory directory_;
  RecordingDisk disk_;
  FailingDisk unsynced_;
  History history_;
};

TEST(PowerCutNode, keeps_what_it_answered) {
  const size_t cuts = from_environment("FRESHET_POWER_CUTS", kCutsOfOneRun);
  const uint64_t seed = from_environment("FRESHET_POWER_CUT_SEED", 1);
  for (size_t run = 0; run * kCutsOfOneRun < cuts; ++run) {
    RecordedRun recorded(seed + run);
    if (HasFatalFailure()) return;
    recorded.bad_cuts(std::min(kCutsOfOneRun, cuts - run * kCutsOfOneRun), true);
  }
}

struct Omission {
  std::string name;
  RecordedRun::Forgotten forgotten;
};

class PowerCutWithoutSync : public testing::TestWithParam<Omission> {};

TEST_P(PowerCutWithoutSync, is_seen) {
  RecordedRun recorded(5, GetParam().forgotten);
  EXPECT_GT(recorded.bad_cuts(20, false), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Guards, PowerCutWithoutSync,
    testing::Values(
        Omission{"any", [](const auto&) { return true; }},
        Omission{"write_ahead_log", [](const auto& path) { return path.extension() == ".wal"; }},
        Omission{"segments", [](const auto& path) { return path.extension() == ".log"; }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace freshet::broker::power_cut
