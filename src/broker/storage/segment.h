// One segment of a partition: <base offset>.log with its .index, .timeindex and .txnindex.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/storage/disk.h"
#include "broker/storage/mapped_file.h"
#include "broker/storage/offset_index.h"
#include "broker/storage/time_index.h"
#include "broker/storage/transaction_index.h"
#include "kafka/group_consumer.h"
#include "kafka/record_batch.h"
#include "model/offset.h"

namespace freshet::broker {

/// "00000000000000004711" + extension, as Kafka names the files of a segment.
[[nodiscard]] std::string segment_file_name(Offset base_offset, std::string_view extension);

/// Whole batches from one segment.
struct SegmentRun {
  kafka::LogSlice slice;
  uint64_t position = 0;  // of the first byte in the file
  Offset next_offset;     // one past the last offset in the slice
};

/// Holds whole record batches in offset order. Files are opened and mapped at the first use, so
/// that opening a store with many closed segments costs nothing for them.
///
/// Threads: write, note_batch, publish, seal and the recovery calls come from one thread at a time
/// (the commit thread, or recovery before anyone reads); everything else from any thread. Readers
/// see what publish() has released and nothing else.
class Segment : public std::enable_shared_from_this<Segment> {
 public:
  /// Bytes before `trusted_from` were not checked by this process: reads check their CRC.
  /// `suffix` follows the names of its files.
  Segment(Disk& disk, const std::filesystem::path& directory, Offset base_offset, uint64_t size,
          uint64_t trusted_from, std::string_view suffix = {});
  /// Makes an empty segment; an older file of that name is emptied.
  static Result<std::shared_ptr<Segment>> create(Disk& disk, const std::filesystem::path& directory,
                                                 Offset base_offset, std::string_view suffix = {});

  [[nodiscard]] Offset base_offset() const { return base_offset_; }
  [[nodiscard]] uint64_t size() const { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] std::filesystem::path path() const;
  [[nodiscard]] Result<std::shared_ptr<DiskFile>> file() const;

  /// Writes behind the published bytes; visible to nobody until publish(). May be repeated.
  Result<void> write(std::span<const iovec> pieces);
  /// Keeps indexes and timestamps; `position` is where the batch lies.
  Result<void> note_batch(kafka::RecordBatchView batch, uint64_t position,
                          uint32_t index_interval_bytes);
  void publish(uint64_t size) { size_.store(size, std::memory_order_release); }
  /// The last append is in: completes the time index, as Kafka does when a segment becomes closed.
  Result<void> seal();
  /// Puts index entries into their files.
  Result<void> flush_indexes();
  /// Syncs all files. What flush_indexes() has not put into them is left out.
  Result<void> sync();
  /// Whether an index file was made since the last call, whose name no sync has covered yet.
  [[nodiscard]] bool take_made_indexes();

  /// The batch that holds `target`, or the first behind it; nullopt when all lie before it.
  /// kCorrupt when `target` is among records that damage has made unreadable; that is not looked
  /// for in a batch larger than `checked_batch_max`.
  Result<std::optional<uint64_t>> locate(Offset target, size_t checked_batch_max = SIZE_MAX) const;
  /// Batches from the one at `position` (which locate() gave) on: as many as fit `bytes_max`, but
  /// at least one unless that is larger than `first_batch_max`; then nothing, and of its bytes
  /// nothing but the header was looked at. Stops before damage; kCorrupt when the first batch is
  /// damaged.
  Result<SegmentRun> read(uint64_t position, size_t bytes_max,
                          size_t first_batch_max = SIZE_MAX) const;
  /// The batches of [from, to), oldest first; both are batch boundaries or 0 and size.
  Result<std::vector<kafka::LogSlice>> batches(uint64_t from, uint64_t to) const;
  /// A batch boundary at most `bytes_back` before `position`, or the last indexed before that.
  Result<uint64_t> boundary_before(uint64_t position, size_t bytes_back) const;

  struct RecordTime {
    int64_t timestamp_ms;
    Offset offset;
    int32_t leader_epoch;
  };
  /// The first record with timestamp >= `timestamp_ms` and offset >= `from`.
  Result<std::optional<RecordTime>> find_by_time(int64_t timestamp_ms, Offset from) const;
  /// Largest timestamp of any batch; -1 when unknown or empty.
  Result<int64_t> max_timestamp_ms() const;
  /// Timestamp of the first batch; nullopt when empty.
  Result<std::optional<int64_t>> first_timestamp_ms() const;

  /// Adds rolled back transactions with records in [from, to). True: no later segment has any.
  /// kCorrupt when the index does not agree with the markers in the log: nobody can tell then which
  /// records of the segment were rolled back. Looked at once, at the first use.
  Result<bool> collect_aborted(Offset from, Offset to, std::vector<AbortedTransaction>& into) const;

  // Recovery.
  void set_size(uint64_t size, uint64_t trusted_from);
  void set_max_timestamp(TimeIndexEntry newest) { newest_ = newest; }
  [[nodiscard]] TimeIndexEntry newest() const;
  [[nodiscard]] OffsetIndex& offset_index() const { return offset_index_; }
  [[nodiscard]] TimeIndex& time_index() const { return time_index_; }
  [[nodiscard]] TransactionIndex& transaction_index() const { return transaction_index_; }
  /// Maps the published bytes.
  Result<std::shared_ptr<const MappedFile>> mapped() const;
  /// The next position from `from` on where a whole batch with a correct CRC and an offset of at
  /// least `at_least` begins; size() when there is none. Looks at every byte.
  Result<uint64_t> next_intact_batch(uint64_t from, Offset at_least) const;

 private:
  struct Cursor;
  Result<Cursor> cursor(uint64_t position) const;
  Error damage(uint64_t position, Offset first_lost, std::string_view what) const;
  /// Whether the log agrees with an entry of the time index; if not, that is said.
  Result<bool> confirms(TimeIndexEntry entry) const;
  /// The time index up to `timestamp_ms`, if the log agrees with it.
  Result<Offset> all_older_up_to(int64_t timestamp_ms) const;
  Result<void> check_transaction_index() const;

  // Constant after construction.
  Disk& disk_;
  const std::filesystem::path directory_;
  const Offset base_offset_;
  const std::string suffix_;

  std::atomic<uint64_t> size_;
  std::atomic<uint64_t> trusted_from_;
  mutable std::atomic<bool> transaction_index_checked_ = false;
  mutable OffsetIndex offset_index_;
  mutable TimeIndex time_index_;
  mutable TransactionIndex transaction_index_;

  // Owned by the appending thread.
  uint64_t bytes_since_index_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  mutable std::shared_ptr<DiskFile> file_;
  mutable std::shared_ptr<const MappedFile> mapped_;
  TimeIndexEntry newest_;
};

using SegmentPtr = std::shared_ptr<Segment>;

}  // namespace freshet::broker
