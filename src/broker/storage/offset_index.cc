#include "broker/storage/offset_index.h"

#include "base/endian.h"

namespace freshet::broker {

OffsetIndex::OffsetIndex(Disk& disk, std::filesystem::path path, Offset base_offset)
    : base_offset_(base_offset), file_(disk, std::move(path), kEntryBytes) {}

void OffsetIndex::append(Offset last_offset, uint64_t position) {
  char entry[kEntryBytes];
  store_be(entry, static_cast<int32_t>(last_offset - base_offset_));
  store_be(entry + 4, static_cast<int32_t>(position));
  file_.append({entry, kEntryBytes});
}

Result<uint64_t> OffsetIndex::position_before_entry(uint64_t entry) {
  if (entry == 0) return 0;
  char bytes[kEntryBytes];
  FRESHET_TRY(file_.read(entry - 1, bytes));
  return static_cast<uint64_t>(load_be<uint32_t>(bytes + 4));
}

Result<uint64_t> OffsetIndex::position_for(Offset target) {
  const int64_t relative = target - base_offset_;
  // An entry whose last offset is the target itself still begins at or before the target.
  FRESHET_ASSIGN(const auto entry, file_.partition_point([relative](const char* bytes) {
    return load_be<int32_t>(bytes) <= relative;
  }));
  return position_before_entry(entry);
}

Result<uint64_t> OffsetIndex::position_at_most(uint64_t position) {
  FRESHET_ASSIGN(const auto entry, file_.partition_point([position](const char* bytes) {
    return load_be<uint32_t>(bytes + 4) <= position;
  }));
  return position_before_entry(entry);
}

}  // namespace freshet::broker
