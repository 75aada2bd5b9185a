#include "app/disk_probe.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "io/file.h"

namespace freshet::app {
namespace {

using std::chrono::steady_clock;

constexpr size_t kWriteBytes = 4096;
constexpr uint64_t kFileWrites = 1024;

Result<std::vector<double>> sync_times(const io::File& file, std::chrono::milliseconds duration,
                                       std::chrono::milliseconds between) {
  std::string bytes(kWriteBytes * kFileWrites, 'a');
  FRESHET_TRY(file.write_at(bytes, 0));
  FRESHET_TRY(file.sync_data());
  bytes.assign(kWriteBytes, 'b');
  std::vector<double> times_ms;
  const auto end = steady_clock::now() + duration;
  do {
    const auto begun = steady_clock::now();
    FRESHET_TRY(file.write_at(bytes, times_ms.size() % kFileWrites * kWriteBytes));
    FRESHET_TRY(file.sync_data());
    const std::chrono::duration<double, std::milli> took = steady_clock::now() - begun;
    times_ms.push_back(took.count());
    std::this_thread::sleep_for(between);
  } while (steady_clock::now() < end);
  return times_ms;
}

}  // namespace

Result<SyncTimes> measure_syncs(const std::filesystem::path& directory,
                                std::chrono::milliseconds duration,
                                std::chrono::milliseconds between) {
  const auto path = directory / "bench-disk";
  const auto begun = steady_clock::now();
  FRESHET_ASSIGN(auto file, io::File::open(path, io::OpenMode::kCreateNew));
  auto times = sync_times(file, duration, between);
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  if (!times) return std::unexpected(std::move(times).error());
  std::ranges::sort(*times);
  const auto quantile = [&](size_t percent) {
    return (*times)[(times->size() - 1) * percent / 100];
  };
  return SyncTimes{
      .writes = times->size(),
      .seconds = std::chrono::duration<double>(steady_clock::now() - begun).count(),
      .p50_ms = quantile(50),
      .p99_ms = quantile(99),
      .longest_ms = times->back(),
  };
}

}  // namespace freshet::app
