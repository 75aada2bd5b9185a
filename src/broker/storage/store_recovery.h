// Opens the whole log directory: recovery point, partitions, then the write-ahead log.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/recovery_point.h"
#include "broker/storage/wal_files.h"
#include "broker/storage/wal_format.h"

namespace freshet::broker {

struct StoreRecoveryInput {
  std::filesystem::path directory;
  PartitionConfig default_config;
  int64_t now_ms = 0;
};

struct RecoveredStore {
  std::vector<std::unique_ptr<PartitionState>> partitions;
  /// As it was found, but for partitions that are gone. What the partitions hold beyond it is not
  /// synced yet, so the next checkpoint must come before any write-ahead log file is reused.
  RecoveryPoint point;
  /// Where the write-ahead log ends; nullopt after a clean shutdown or at the first start.
  std::optional<WalLink> wal_end;
};

/// Everything that was ever acknowledged is in the result, unless the disk has lost synced bytes,
/// which is logged as an error. The write-ahead log read is synced again, so that nothing becomes
/// visible that a power cut could still take away. `wal` knows all its files afterwards.
///
/// May be killed at any moment and run again.
Result<RecoveredStore> recover_store(Disk& disk, WalFiles& wal, const StoreRecoveryInput& input);

}  // namespace freshet::broker
