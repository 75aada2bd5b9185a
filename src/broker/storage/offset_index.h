// offset -> byte position, sparse: Kafka's <base>.index.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "broker/storage/index_file.h"
#include "model/offset.h"

namespace freshet::broker {

/// Entries of 8 bytes, big-endian: last offset of a batch relative to the segment's base i32,
/// position of that batch i32; one for about every index.interval.bytes of log. Threads: as
/// IndexFile.
class OffsetIndex {
 public:
  static constexpr size_t kEntryBytes = 8;

  OffsetIndex(Disk& disk, std::filesystem::path path, Offset base_offset);

  void append(Offset last_offset, uint64_t position);
  /// Where to begin looking for the batch that holds `target`: the largest indexed position whose
  /// batch does not lie behind it; 0 when no entry helps.
  Result<uint64_t> position_for(Offset target);
  /// The largest indexed position <= `position`; 0 when there is none.
  Result<uint64_t> position_at_most(uint64_t position);

  [[nodiscard]] IndexFile& file() { return file_; }

 private:
  Result<uint64_t> position_before_entry(uint64_t entry);
  const Offset base_offset_;
  IndexFile file_;
};

}  // namespace freshet::broker
