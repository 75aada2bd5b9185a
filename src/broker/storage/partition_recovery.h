// Opens one partition from its directory.
#pragma once

#include <memory>

#include "base/error.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/recovery_point.h"

namespace freshet::broker {

struct PartitionRecoveryInput {
  TopicPartition tp;
  TopicId topic_id;
  std::filesystem::path directory;
  const PartitionPoint* point = nullptr;  // nullptr: none is known
  /// By the write-ahead log, where it is newer than the point: segments before it may be gone.
  Offset log_start{0};
  /// Without a point: the partition is newer than the recovery point, so all of it is in the
  /// write-ahead log. False: the recovery point is lost, and what is sound must be found out.
  bool tail_in_wal = false;
  PartitionConfig config;
  int64_t now_ms = 0;
};

/// Reads only what lies behind the recovery point (the whole partition when there is none), keeps
/// indexes, timestamps, epochs and producers of it, and leaves the partition ready for appends.
///
/// Invariant: whatever differs from the point afterwards, the log start too, is marked dirty. The
/// next checkpoint lets go of the write-ahead log that the difference came from.
///
/// A torn tail behind the point is cut off: what was acknowledged of it is replayed from the
/// write-ahead log. Damage before the point is never cut: it stays where it is, readers get
/// kCorrupt there, and appends go on in a new segment at the offset the point names. Both are
/// logged with file, byte and offsets.
Result<std::unique_ptr<PartitionState>> recover_partition(Disk& disk,
                                                          const PartitionRecoveryInput& input);

}  // namespace freshet::broker
