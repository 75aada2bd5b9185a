#include "broker/storage/segment.h"

#include <algorithm>
#include <bit>

#include "kafka/record_iterator.h"
#include "kafka/transaction_marker.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr uint64_t kMapBytesMin = 1 << 20;

// An index only saves walking: nothing is lost with it.
void warn_of_index(const std::filesystem::path& file, uint64_t position) {
  logger.warn(
      "index is damaged: it points where no such batch begins; the segment is walked instead",
      kv("file", file.native()), kv("points_to_byte", position));
}

std::string file_name(Offset base_offset, std::string_view extension, std::string_view suffix) {
  return segment_file_name(base_offset, extension).append(suffix);
}

}  // namespace

std::string segment_file_name(Offset base_offset, std::string_view extension) {
  return fmt::format("{:020d}{}", base_offset.value(), extension);
}

Segment::Segment(Disk& disk, const std::filesystem::path& directory, Offset base_offset,
                 uint64_t size, uint64_t trusted_from, std::string_view suffix)
    : disk_(disk),
      directory_(directory),
      base_offset_(base_offset),
      suffix_(suffix),
      size_(size),
      trusted_from_(trusted_from),
      offset_index_(disk, directory / file_name(base_offset, ".index", suffix), base_offset),
      time_index_(disk, directory / file_name(base_offset, ".timeindex", suffix), base_offset),
      transaction_index_(disk, directory / file_name(base_offset, ".txnindex", suffix)) {}

Result<SegmentPtr> Segment::create(Disk& disk, const std::filesystem::path& directory,
                                   Offset base_offset, std::string_view suffix) {
  auto segment = std::make_shared<Segment>(disk, directory, base_offset, 0, 0, suffix);
  FRESHET_ASSIGN(auto file, disk.open(segment->path(), io::OpenMode::kCreate));
  FRESHET_ASSIGN(const auto size, file->file().size());
  if (size > 0) {
    FRESHET_TRY(file->truncate(0));
    FRESHET_TRY(segment->offset_index_.file().reset(0));
    FRESHET_TRY(segment->time_index_.reset(0));
    FRESHET_TRY(segment->transaction_index_.file().reset(0));
  }
  segment->file_ = std::move(file);
  return segment;
}

std::filesystem::path Segment::path() const {
  return directory_ / file_name(base_offset_, ".log", suffix_);
}

Result<std::shared_ptr<DiskFile>> Segment::file() const {
  const std::lock_guard lock(mutex_);
  if (!file_) {
    FRESHET_ASSIGN(auto file, disk_.open(path(), io::OpenMode::kReadWrite));
    file_ = std::move(file);
  }
  return file_;
}

Result<std::shared_ptr<const MappedFile>> Segment::mapped() const {
  FRESHET_ASSIGN(const auto file, this->file());
  const uint64_t needed = size();
  const std::lock_guard lock(mutex_);
  if (!mapped_ || mapped_->capacity() < needed) {
    // Room to grow: the next appends need no new mapping.
    FRESHET_ASSIGN(mapped_,
                   MappedFile::map(file->file(), std::max(kMapBytesMin, std::bit_ceil(needed))));
  }
  return mapped_;
}

Result<void> Segment::write(std::span<const iovec> pieces) {
  FRESHET_ASSIGN(const auto file, this->file());
  return file->write(pieces, size());
}

Result<void> Segment::note_batch(kafka::RecordBatchView batch, uint64_t position,
                                 uint32_t index_interval_bytes) {
  TimeIndexEntry newest;
  {
    const std::lock_guard lock(mutex_);
    if (batch.max_timestamp_ms() > newest_.timestamp_ms) {
      newest_ = {.timestamp_ms = batch.max_timestamp_ms(), .offset = batch.last_offset()};
    }
    newest = newest_;
  }
  if (bytes_since_index_ > index_interval_bytes) {
    offset_index_.append(batch.last_offset(), position);
    FRESHET_TRY(time_index_.append(newest));
    bytes_since_index_ = 0;
  }
  bytes_since_index_ += batch.size();
  return {};
}

Result<void> Segment::seal() {
  // A closed segment has both files, so that one that is missing can be told.
  FRESHET_TRY(offset_index_.file().make_file());
  FRESHET_TRY(time_index_.file().make_file());
  const auto newest = this->newest();
  if (newest.timestamp_ms < 0) return {};
  return time_index_.append(newest);
}

Result<void> Segment::flush_indexes() {
  FRESHET_TRY(offset_index_.file().flush());
  FRESHET_TRY(time_index_.file().flush());
  return transaction_index_.file().flush();
}

Result<void> Segment::sync() {
  FRESHET_ASSIGN(const auto file, this->file());
  FRESHET_TRY(file->sync());
  FRESHET_TRY(offset_index_.file().sync());
  FRESHET_TRY(time_index_.file().sync());
  return transaction_index_.file().sync();
}

bool Segment::take_made_indexes() {
  const bool offsets = offset_index_.file().take_made();
  const bool times = time_index_.file().take_made();
  return transaction_index_.file().take_made() || offsets || times;
}

void Segment::set_size(uint64_t size, uint64_t trusted_from) {
  size_ = size;
  trusted_from_ = trusted_from;
}

TimeIndexEntry Segment::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

// Walks batch headers over a fixed end, so that one walk sees one state of the segment.
struct Segment::Cursor {
  std::shared_ptr<const MappedFile> mapping;
  uint64_t position = 0;
  uint64_t end = 0;
  uint64_t trusted_from = 0;
  Offset at_least;  // offsets before it cannot follow

  // The batch at `position`; nullopt at the end, kCorrupt where no sound batch begins.
  Result<std::optional<kafka::RecordBatchView>> peek(bool check_crc) const {
    if (position >= end) return std::nullopt;
    std::string_view rest(mapping->data() + position, end - position);
    if (rest.size() > kafka::batch_layout::kMagic && rest[kafka::batch_layout::kMagic] != 2) {
      return fail(Errc::kCorrupt, "no record batch begins here");
    }
    FRESHET_ASSIGN(auto batch, kafka::next_batch(rest));
    if (!batch) return fail(Errc::kCorrupt, "the file ends inside a batch");
    if (batch->base_offset() < at_least || batch->last_offset_delta() < 0) {
      return fail(Errc::kCorrupt, "a batch claims offset {} where {} or more is expected",
                  batch->base_offset(), at_least);
    }
    if (check_crc && position < trusted_from) FRESHET_TRY(kafka::check_batch(*batch));
    return batch;
  }
  void advance(kafka::RecordBatchView batch) {
    position += batch.size();
    at_least = batch.next_offset();
  }
};

Result<Segment::Cursor> Segment::cursor(uint64_t position) const {
  Cursor cursor{.mapping = nullptr,
                .position = position,
                .end = size(),
                .trusted_from = trusted_from_.load(std::memory_order_relaxed),
                .at_least = base_offset_};
  if (cursor.end > 0) {
    FRESHET_ASSIGN(cursor.mapping, mapped());
    // A file that something else has cut short would fault beneath the mapping.
    if (position < cursor.trusted_from) {
      FRESHET_ASSIGN(const auto file, this->file());
      FRESHET_ASSIGN(const auto actual, file->file().size());
      cursor.end = std::min(cursor.end, actual);
    }
  }
  return cursor;
}

Result<uint64_t> Segment::next_intact_batch(uint64_t from, Offset at_least) const {
  FRESHET_ASSIGN(auto at, cursor(from));
  at.at_least = at_least;
  at.trusted_from = UINT64_MAX;
  for (; at.position + kafka::batch_layout::kRecords <= at.end; ++at.position) {
    if (at.mapping->data()[at.position + kafka::batch_layout::kMagic] != 2) continue;
    const auto batch = at.peek(/*check_crc=*/true);
    if (batch && *batch) return at.position;
  }
  return size();
}

Error Segment::damage(uint64_t position, Offset first_lost, std::string_view what) const {
  std::string lost =
      fmt::format("records from offset {} to the end of this segment are lost", first_lost);
  if (const auto next = next_intact_batch(position + 1, first_lost); next && *next < size()) {
    if (auto at = cursor(*next); at) {
      if (const auto batch = at->peek(false); batch && *batch) {
        lost = fmt::format("records from offset {} to {} are lost, read on from offset {}",
                           first_lost, (*batch)->base_offset() - 1, (*batch)->base_offset());
      }
    }
  }
  return Error(Errc::kCorrupt, fmt::format("segment {} is damaged at byte {} ({}): {}",
                                           path().native(), position, what, lost));
}

Result<std::optional<uint64_t>> Segment::locate(Offset target, size_t checked_batch_max) const {
  uint64_t start = 0;
  if (target > base_offset_) {
    FRESHET_ASSIGN(start, offset_index_.position_for(target));
  }
  FRESHET_ASSIGN(auto at, cursor(start));
  if (start > 0 && start >= at.end) {
    // Of a batch that is not published yet, or nonsense.
    FRESHET_ASSIGN(start, offset_index_.position_at_most(std::max<uint64_t>(at.end, 1) - 1));
    FRESHET_ASSIGN(at, cursor(start));
  }
  while (true) {
    auto batch = at.peek(/*check_crc=*/false);
    // An entry names a batch that begins at or before the target.
    const bool misled =
        start > 0 && at.position == start && batch && *batch && (*batch)->base_offset() > target;
    if (misled) {
      warn_of_index(offset_index_.file().path(), start);
      start = 0;
      FRESHET_ASSIGN(at, cursor(0));
      continue;
    }
    // Damage in its header may make another batch look as if it held the target.
    if (batch && *batch && (*batch)->last_offset() >= target &&
        (*batch)->size() <= checked_batch_max) {
      batch = at.peek(/*check_crc=*/true);
    }
    if (!batch) {
      if (start > 0 && at.position == start) {
        // The index may be what is wrong: walk from the beginning.
        warn_of_index(offset_index_.file().path(), start);
        start = 0;
        FRESHET_ASSIGN(at, cursor(0));
        continue;
      }
      FRESHET_ASSIGN(const uint64_t next, next_intact_batch(at.position + 1, at.at_least));
      // Behind an index entry the walk does not know yet where it is.
      const Offset expected = at.position == start && start > 0 ? target : at.at_least;
      const uint64_t damaged = at.position;
      at.position = next;
      const auto beyond = at.peek(/*check_crc=*/false);
      if (!beyond || !*beyond || (*beyond)->base_offset() > target) {
        return std::unexpected(damage(damaged, expected, batch.error().message()));
      }
      continue;
    }
    if (!*batch) return std::nullopt;
    if ((*batch)->last_offset() >= target) return at.position;
    at.advance(**batch);
  }
}

Result<SegmentRun> Segment::read(uint64_t position, size_t bytes_max,
                                 size_t first_batch_max) const {
  FRESHET_ASSIGN(auto at, cursor(position));
  if (first_batch_max < SIZE_MAX) {
    const auto first = at.peek(/*check_crc=*/false);
    if (first && *first && (*first)->size() > first_batch_max) {
      return SegmentRun{.slice = {}, .position = position, .next_offset = (*first)->base_offset()};
    }
  }
  const uint64_t limit = std::min(at.end, position + bytes_max);
  bool any = false;
  bool jumped = false;
  while (true) {
    const auto batch = at.peek(/*check_crc=*/true);
    if (!batch) {
      if (any) break;
      return std::unexpected(damage(position, at.at_least, batch.error().message()));
    }
    if (!*batch || (any && at.position + (*batch)->size() > limit)) break;
    any = true;
    at.advance(**batch);
    if (!jumped && at.position < limit && at.position >= at.trusted_from) {
      // Batches that this process has checked need no look at each: jump to the last indexed one.
      jumped = true;
      FRESHET_ASSIGN(const uint64_t jump, offset_index_.position_at_most(limit - 1));
      if (jump > at.position && jump < at.end) {
        Cursor there = at;
        there.position = jump;
        const auto batch_there = there.peek(/*check_crc=*/false);
        if (batch_there && *batch_there) {
          at.position = jump;
          at.at_least = (*batch_there)->base_offset();
        } else {
          warn_of_index(offset_index_.file().path(), jump);
        }
      }
    }
  }
  if (!any) {
    return fail(Errc::kOutOfRange, "segment {} has no batch at byte {}", path().native(), position);
  }
  const uint64_t size = at.position - position;
  return SegmentRun{.slice = {.owner = MappedFile::lend(at.mapping, position, size),
                              .bytes = {at.mapping->data() + position, size}},
                    .position = position,
                    .next_offset = at.at_least};
}

Result<std::vector<kafka::LogSlice>> Segment::batches(uint64_t from, uint64_t to) const {
  FRESHET_ASSIGN(auto at, cursor(from));
  at.end = std::min(at.end, to);
  std::vector<kafka::LogSlice> found;
  while (true) {
    const auto batch = at.peek(/*check_crc=*/true);
    if (!batch) {
      return std::unexpected(damage(at.position, at.at_least, batch.error().message()));
    }
    if (!*batch) return found;
    found.push_back({.owner = at.mapping, .bytes = (*batch)->bytes()});
    at.advance(**batch);
  }
}

Result<uint64_t> Segment::boundary_before(uint64_t position, size_t bytes_back) const {
  const uint64_t wanted = position > bytes_back ? position - bytes_back : 0;
  FRESHET_ASSIGN(const uint64_t boundary, offset_index_.position_at_most(wanted));
  FRESHET_ASSIGN(const auto at, cursor(boundary));
  const auto batch = at.peek(/*check_crc=*/false);
  if (boundary == 0 || (batch && *batch)) return boundary;
  warn_of_index(offset_index_.file().path(), boundary);
  return 0;
}

Result<bool> Segment::confirms(TimeIndexEntry entry) const {
  // It names the last offset of the batch that has its time.
  if (entry.offset >= base_offset_) {
    const auto position = locate(entry.offset);
    if (position && *position) {
      FRESHET_ASSIGN(const auto at, cursor(**position));
      const auto batch = at.peek(/*check_crc=*/false);
      if (batch && *batch && (*batch)->last_offset() == entry.offset &&
          (*batch)->max_timestamp_ms() == entry.timestamp_ms) {
        return true;
      }
    } else if (position && entry.offset <= base_offset_ + INT32_MAX) {
      return false;  // of a batch that is not published yet
    }
  }
  logger.warn("time index is damaged; the segment is walked instead",
              kv("file", time_index_.file().path().native()),
              kv("timestamp_ms", entry.timestamp_ms), kv("offset", entry.offset));
  return false;
}

Result<Offset> Segment::all_older_up_to(int64_t timestamp_ms) const {
  FRESHET_ASSIGN(const TimeIndexEntry entry, time_index_.last_before(timestamp_ms));
  if (entry.timestamp_ms < 0) return base_offset_ - 1;
  FRESHET_ASSIGN(const bool confirmed, confirms(entry));
  return confirmed ? entry.offset : base_offset_ - 1;
}

Result<void> Segment::check_transaction_index() const {
  FRESHET_TRY(transaction_index_.check_complete());
  // What is not in the file yet was noted by this process, maybe before its marker is published.
  const uint64_t count = transaction_index_.file().flushed_count();
  Offset previous = base_offset_ - 1;
  for (uint64_t i = 0; i < count; ++i) {
    FRESHET_ASSIGN(const AbortedTransaction aborted, transaction_index_.entry(i));
    const auto agrees = [&]() -> Result<bool> {
      if (aborted.last_offset <= previous) return false;
      FRESHET_ASSIGN(const auto position, locate(aborted.last_offset));
      if (!position) return false;
      FRESHET_ASSIGN(const auto at, cursor(*position));
      FRESHET_ASSIGN(const auto batch, at.peek(/*check_crc=*/false));
      // Compaction may have emptied the marker.
      return batch && batch->is_control() && batch->producer_id() == aborted.producer_id &&
             batch->last_offset() == aborted.last_offset &&
             (batch->record_count() == 0 ||
              !kafka::decode_marker(*batch).value_or(kafka::TransactionMarker()).commit);
    };
    FRESHET_ASSIGN(const bool good, agrees());
    if (!good) {
      return fail(Errc::kCorrupt,
                  "entry {} names offset {} of producer {}, which rolls nothing back", i,
                  aborted.last_offset, aborted.producer_id);
    }
    previous = aborted.last_offset;
  }
  return {};
}

Result<bool> Segment::collect_aborted(Offset from, Offset to,
                                      std::vector<AbortedTransaction>& into) const {
  if (transaction_index_.empty() && !transaction_index_.lost()) return false;
  if (!transaction_index_checked_) {
    if (auto checked = check_transaction_index(); !checked) {
      return fail(
          checked.error().code(),
          "transaction index {} is damaged ({}): which records from offset {} to the end of "
          "its segment were rolled back is not known; readers of uncommitted records are served, "
          "and a restart rebuilds the index from the log where that is whole",
          transaction_index_.file().path().native(), checked.error().message(), base_offset_);
    }
    transaction_index_checked_ = true;
  }
  return transaction_index_.collect(from, to, into);
}

Result<std::optional<Segment::RecordTime>> Segment::find_by_time(int64_t timestamp_ms,
                                                                 Offset from) const {
  FRESHET_ASSIGN(const Offset older, all_older_up_to(timestamp_ms));
  FRESHET_ASSIGN(const auto start, locate(std::max(older + 1, from)));
  if (!start) return std::nullopt;
  FRESHET_ASSIGN(auto at, cursor(*start));
  std::string scratch;
  while (true) {
    const auto batch = at.peek(/*check_crc=*/true);
    if (!batch) {
      return std::unexpected(damage(at.position, at.at_least, batch.error().message()));
    }
    if (!*batch) return std::nullopt;
    if ((*batch)->max_timestamp_ms() >= timestamp_ms && !(*batch)->is_control()) {
      FRESHET_ASSIGN_CONTEXT(auto records, kafka::RecordIterator::open(**batch, scratch),
                             "segment {} byte {}", path().native(), at.position);
      RecordView record;
      while (records.next(record)) {
        if (record.timestamp_ms < timestamp_ms || record.offset < from) continue;
        return RecordTime{.timestamp_ms = record.timestamp_ms,
                          .offset = record.offset,
                          .leader_epoch = (*batch)->leader_epoch()};
      }
    }
    at.advance(**batch);
  }
}

Result<int64_t> Segment::max_timestamp_ms() const {
  const auto newest = this->newest();
  FRESHET_ASSIGN(const auto indexed, time_index_.last());
  if (indexed.timestamp_ms <= newest.timestamp_ms) return newest.timestamp_ms;
  FRESHET_ASSIGN(const bool confirmed, confirms(indexed));
  if (confirmed) return indexed.timestamp_ms;
  // Retention must not believe it: a segment would go too early.
  int64_t largest = newest.timestamp_ms;
  FRESHET_ASSIGN(auto at, cursor(0));
  for (auto batch = at.peek(/*check_crc=*/false); batch && *batch;
       batch = at.peek(/*check_crc=*/false)) {
    largest = std::max(largest, (*batch)->max_timestamp_ms());
    at.advance(**batch);
  }
  return largest;
}

Result<std::optional<int64_t>> Segment::first_timestamp_ms() const {
  FRESHET_ASSIGN(const auto at, cursor(0));
  FRESHET_ASSIGN(const auto batch, at.peek(/*check_crc=*/false));
  if (!batch) return std::nullopt;
  return batch->max_timestamp_ms();
}

}  // namespace freshet::broker
