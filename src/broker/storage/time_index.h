// timestamp -> offset, sparse: Kafka's <base>.timeindex.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "broker/storage/index_file.h"
#include "model/offset.h"

namespace freshet::broker {

struct TimeIndexEntry {
  int64_t timestamp_ms = -1;
  Offset offset = kNoOffset;
};

/// Entries of 12 bytes, big-endian: largest timestamp of the segment so far i64, last offset of the
/// batch that brought it, relative to the segment's base, i32. Timestamps only grow, whatever
/// clocks and producers do: a record at or after `offset` may be older, none before it is newer.
/// Threads: as IndexFile.
class TimeIndex {
 public:
  static constexpr size_t kEntryBytes = 12;

  TimeIndex(Disk& disk, std::filesystem::path path, Offset base_offset);

  /// Ignored unless `entry` is newer than the last one.
  Result<void> append(TimeIndexEntry entry);
  /// Every record with a timestamp >= `timestamp_ms` lies behind the entry's offset; timestamp -1
  /// when nothing is known.
  Result<TimeIndexEntry> last_before(int64_t timestamp_ms);
  /// The newest entry; timestamp -1 when empty.
  Result<TimeIndexEntry> last();

  /// Forgets all entries from `count` on, in the file too.
  Result<void> reset(uint64_t count);

  [[nodiscard]] IndexFile& file() { return file_; }

 private:
  Result<TimeIndexEntry> entry(uint64_t i);
  const Offset base_offset_;
  IndexFile file_;
  std::optional<int64_t> newest_ms_;  // owned by the appending thread
};

}  // namespace freshet::broker
