// Compacts the partitions of a log store that need it, one after the other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/storage/compaction.h"
#include "broker/storage/disk.h"
#include "broker/storage/partition_log.h"
#include "broker/storage/wal_replay.h"

namespace freshet::broker {

/// What is clean is remembered in the file compacted-offsets (docs/formats/log.md). It may be
/// older than the truth or missing: then more is looked through again, nothing else.
class Compactor {
 public:
  struct Hooks {
    std::function<std::vector<PartitionLogPtr>()> partitions;
    std::function<Result<void>()> checkpoint;
    /// Segments before the log start may be gone: they were kept while the partition was pinned.
    std::function<void(const PartitionLogPtr&)> trim;
  };
  Compactor(Disk& disk, const std::filesystem::path& directory, Clock& clock, size_t map_bytes_max)
      : disk_(disk),
        path_(directory / "compacted-offsets"),
        clock_(clock),
        map_bytes_max_(map_bytes_max) {}

  /// Tells the partitions what of them is clean. Before any of them is used.
  void load(const std::vector<PartitionLogPtr>& partitions) const;
  /// Compacts every partition that is due; returns when that is done or `cancelled`. Any thread.
  void run(const Hooks& hooks, const std::function<bool()>& cancelled);

  using CleanOffsets = std::map<PartitionKey, Offset>;
  [[nodiscard]] static std::string encode(const CleanOffsets& offsets);
  /// kCorrupt: not what encode() gives.
  static Result<CleanOffsets> decode(std::string_view text);

 private:
  struct Due {
    PartitionLogPtr log;
    CompactionPlan plan;
  };
  [[nodiscard]] std::vector<Due> find_due(std::vector<PartitionLogPtr> partitions) const;
  Result<CompactionOutcome> compact(PartitionLog& log, CompactionPlan plan,
                                    const std::function<bool()>& cancelled) const;
  void finish(PartitionLog& log, const Result<CompactionOutcome>& outcome) const;
  void save(const std::vector<PartitionLogPtr>& partitions) const;

  Disk& disk_;
  const std::filesystem::path path_;
  Clock& clock_;
  const size_t map_bytes_max_;
  std::mutex mutex_;  // one run at a time
};

}  // namespace freshet::broker
