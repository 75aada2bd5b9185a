#include "broker/storage/time_index.h"

#include "base/endian.h"

namespace freshet::broker {

TimeIndex::TimeIndex(Disk& disk, std::filesystem::path path, Offset base_offset)
    : base_offset_(base_offset), file_(disk, std::move(path), kEntryBytes) {}

Result<void> TimeIndex::append(TimeIndexEntry entry) {
  if (!newest_ms_) {
    FRESHET_ASSIGN(const auto newest, last());
    newest_ms_ = newest.timestamp_ms;
  }
  if (entry.timestamp_ms <= *newest_ms_) return {};
  newest_ms_ = entry.timestamp_ms;
  char bytes[kEntryBytes];
  store_be(bytes, entry.timestamp_ms);
  store_be(bytes + 8, static_cast<int32_t>(entry.offset - base_offset_));
  file_.append({bytes, kEntryBytes});
  return {};
}

Result<void> TimeIndex::reset(uint64_t count) {
  newest_ms_.reset();
  return file_.reset(count);
}

Result<TimeIndexEntry> TimeIndex::entry(uint64_t i) {
  char bytes[kEntryBytes];
  FRESHET_TRY(file_.read(i, bytes));
  return TimeIndexEntry{.timestamp_ms = load_be<int64_t>(bytes),
                        .offset = base_offset_ + load_be<int32_t>(bytes + 8)};
}

Result<TimeIndexEntry> TimeIndex::last() {
  FRESHET_ASSIGN(const auto count, file_.count());
  if (count == 0) return TimeIndexEntry{};
  return entry(count - 1);
}

Result<TimeIndexEntry> TimeIndex::last_before(int64_t timestamp_ms) {
  FRESHET_ASSIGN(const auto after, file_.partition_point([timestamp_ms](const char* bytes) {
    return load_be<int64_t>(bytes) < timestamp_ms;
  }));
  if (after == 0) return TimeIndexEntry{};
  return entry(after - 1);
}

}  // namespace freshet::broker
