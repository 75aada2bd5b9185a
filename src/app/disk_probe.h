// What the disk alone does with small synced writes: the floor under every latency of a platform
// that acknowledges nothing before it is durable.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "base/error.h"

namespace freshet::app {

struct SyncTimes {
  uint64_t writes = 0;
  double seconds = 0;  // of the whole measurement
  double p50_ms = 0;
  double p99_ms = 0;
  double longest_ms = 0;
};

/// For `duration`, overwrites 4 KiB of a file in `directory` and waits for fdatasync, then pauses
/// `between`; nothing else is asked of the disk. The blocks are written beforehand, so no sync has
/// to wait for the file system's journal. Blocks the caller; removes the file.
Result<SyncTimes> measure_syncs(const std::filesystem::path& directory,
                                std::chrono::milliseconds duration,
                                std::chrono::milliseconds between);

}  // namespace freshet::app
