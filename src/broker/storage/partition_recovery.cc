#include "broker/storage/partition_recovery.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

#include "broker/storage/segment_scan.h"
#include "broker/storage/segment_swap.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr size_t kSnapshotBytesMax = size_t{64} << 20;

struct Listing {
  std::vector<Offset> segments;  // base offsets, in order
  std::set<Offset> with_index;   // have an .index
  std::set<Offset> with_txnindex;
  std::vector<Offset> snapshots;  // in order
  bool unfinished = false;        // a compaction was cut off
};

// readdir instead of std::filesystem: thousands of these stand between the start and the first
// request.
Result<Listing> list_partition(const std::filesystem::path& directory) {
  DIR* const handle = ::opendir(directory.c_str());
  if (handle == nullptr) {
    return std::unexpected(errno_error(fmt::format("list {}", directory.native()), errno));
  }
  Listing listing;
  while (const dirent* const entry = ::readdir(handle)) {
    const std::string_view name(entry->d_name);
    constexpr size_t kDigits = 20;
    if (name.size() <= kDigits) continue;
    int64_t base = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + kDigits, base);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + kDigits) continue;
    const auto extension = name.substr(kDigits);
    if (extension == ".log") listing.segments.push_back(Offset(base));
    if (extension == ".index") listing.with_index.insert(Offset(base));
    if (extension == ".txnindex") listing.with_txnindex.insert(Offset(base));
    listing.unfinished |= extension.ends_with(kCleanedSuffix) || extension.ends_with(kSwapSuffix);
    if (extension == ".snapshot") listing.snapshots.push_back(Offset(base));
  }
  ::closedir(handle);
  std::ranges::sort(listing.segments);
  std::ranges::sort(listing.snapshots);
  return listing;
}

Result<uint64_t> size_of_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    return std::unexpected(errno_error(fmt::format("stat {}", path.native()), error.value()));
  }
  return size;
}

class PartitionRecovery {
 public:
  PartitionRecovery(Disk& disk, const PartitionRecoveryInput& input)
      : disk_(disk),
        input_(input),
        state_(std::make_unique<PartitionState>(disk, input.tp, input.topic_id, input.directory)),
        segments_(std::make_shared<SegmentList>()) {}

  Result<std::unique_ptr<PartitionState>> run() {
    FRESHET_ASSIGN(listing_, list_partition(input_.directory));
    if (listing_.unfinished) {
      FRESHET_TRY(finish_swaps(disk_, input_.directory));
      FRESHET_ASSIGN(listing_, list_partition(input_.directory));
    }
    state_->config = input_.config;
    state_->snapshots = listing_.snapshots;
    if (input_.point != nullptr) {
      state_->epochs = input_.point->epochs;
      state_->producers = input_.point->producers;
      state_->transactions = input_.point->transactions;
      FRESHET_TRY(open_from_point(*input_.point));
    } else {
      FRESHET_TRY(open_without_point());
    }
    FRESHET_TRY(begin_active_segment());
    // The next checkpoint must name it, also without records: its creation stands only in the
    // write-ahead log, which that checkpoint lets go.
    if (input_.point == nullptr) {
      mark(*segments_->back());
      state_->dirty_metadata = true;
    }
    state_->segments = segments_;
    note_last_rollback();
    state_->first_open_offset =
        state_->transactions.first_offset().value_or(Offset(INT64_MAX)).value();
    state_->next_offset = next_;
    state_->high_watermark = next_.value();
    state_->sidecars_at = next_;
    const Offset first = segments_->front()->base_offset();
    const Offset start = input_.point == nullptr ? first : input_.point->log_start;
    state_->log_start = std::clamp(start, std::min(first, next_), next_).value();
    // The names of the files gave it away. No sync may have covered their removal, and the
    // write-ahead log, which says it too, goes with the next checkpoint: that must take it over.
    if (state_->log_start != start.value()) state_->dirty = true;
    return std::move(state_);
  }

 private:
  // Appends never go on in a segment before the one that the point names: what lies between is lost
  // or deleted, and an offset that is missing inside a segment would look like its torn end.
  Result<void> begin_active_segment() {
    const bool missing =
        segments_->empty() ||
        (input_.point != nullptr && segments_->back()->base_offset() < input_.point->segment_base);
    if (!missing) return {};
    if (!segments_->empty()) FRESHET_TRY(segments_->back()->seal());
    FRESHET_ASSIGN(auto segment, Segment::create(disk_, input_.directory, next_));
    segments_->push_back(std::move(segment));
    mark(*segments_->back());
    return {};
  }

  SegmentPtr closed(Offset base, uint64_t size) {
    return std::make_shared<Segment>(disk_, input_.directory, base, size, UINT64_MAX);
  }

  Result<void> open_from_point(const PartitionPoint& point) {
    next_ = point.offset;
    auto at = listing_.segments.begin();
    for (; at != listing_.segments.end() && *at < point.segment_base; ++at) {
      FRESHET_ASSIGN(const auto size,
                     size_of_file(input_.directory / segment_file_name(*at, ".log")));
      const bool outdated =
          std::next(at) != listing_.segments.end() && *std::next(at) <= point.log_start;
      if (outdated) {
        FRESHET_TRY(remove_segment(*at));
        continue;
      }
      segments_->push_back(closed(*at, size));
      if (!listing_.with_index.contains(*at) && size > input_.config.index_interval_bytes) {
        FRESHET_TRY(rebuild_index(*segments_->back()));
      }
      FRESHET_TRY(open_transaction_index(*segments_->back(), point, /*closed=*/true));
    }
    if (at != listing_.segments.end() && *at == point.segment_base) {
      FRESHET_ASSIGN(const bool whole, open_point_segment(point));
      ++at;
      if (!whole) {
        for (; at != listing_.segments.end(); ++at) FRESHET_TRY(remove_segment(*at));
        return rebuild_transaction_indexes(point);
      }
    } else if (input_.log_start >= point.offset) {
      // Deleted after the point was written. What its batches said of producers, epochs and
      // transactions stands only in the write-ahead log, which is replayed in order: so whatever
      // lies behind the point is written again from there.
      for (; at != listing_.segments.end(); ++at) FRESHET_TRY(remove_segment(*at));
      return rebuild_transaction_indexes(point);
    } else if (point.position > 0) {
      logger.error("segment is missing; its records are lost", kv("partition", input_.tp),
                   kv("file", segment_file_name(point.segment_base, ".log")),
                   kv("first_offset", point.segment_base), kv("last_offset", point.offset - 1));
    }
    FRESHET_TRY(rebuild_transaction_indexes(point));
    return open_tail_segments(at);
  }

  // False: the segments behind this one must go.
  Result<bool> open_point_segment(const PartitionPoint& point) {
    const auto path = input_.directory / segment_file_name(point.segment_base, ".log");
    FRESHET_ASSIGN(const auto size, size_of_file(path));
    auto segment = closed(point.segment_base, size);
    segments_->push_back(segment);
    segment->offset_index().file().trust(point.offset_index_entries);
    segment->time_index().file().trust(point.time_index_entries);
    FRESHET_TRY(open_transaction_index(*segment, point, /*closed=*/false));
    segment->set_max_timestamp(point.newest);
    if (size < point.position) {
      logger.error("segment is shorter than what was made durable; records are lost",
                   kv("partition", input_.tp), kv("file", path.native()), kv("bytes", size),
                   kv("expected_bytes", point.position), kv("next_offset", point.offset));
      // Offsets are never given twice: appends go on where the lost records ended.
      FRESHET_ASSIGN(auto next, Segment::create(disk_, input_.directory, point.offset));
      segments_->push_back(std::move(next));
      mark(*segments_->back());
      return false;
    }
    // Before the tail, whose entries follow.
    FRESHET_TRY(rebuild_transaction_indexes(point));
    return scan_tail(*segment, size, point.position);
  }

  Result<void> open_tail_segments(std::vector<Offset>::const_iterator at) {
    for (; at != listing_.segments.end(); ++at) {
      FRESHET_ASSIGN(const auto size,
                     size_of_file(input_.directory / segment_file_name(*at, ".log")));
      if (*at != next_) {
        logger.warn(
            "segment does not continue the log and is removed; what was acknowledged of it "
            "is in the write-ahead log",
            kv("partition", input_.tp), kv("base_offset", *at), kv("expected_offset", next_));
        for (; at != listing_.segments.end(); ++at) FRESHET_TRY(remove_segment(*at));
        return {};
      }
      if (!segments_->empty()) FRESHET_TRY(segments_->back()->seal());
      auto segment = closed(*at, size);
      segments_->push_back(segment);
      // Nobody has synced its name, also if there is nothing in it.
      mark(*segment);
      segment->offset_index().file().trust(0);
      segment->time_index().file().trust(0);
      segment->transaction_index().trust({});
      FRESHET_ASSIGN(const bool whole, scan_tail(*segment, size, 0));
      if (!whole) {
        for (++at; at != listing_.segments.end(); ++at) FRESHET_TRY(remove_segment(*at));
        return {};
      }
    }
    return {};
  }

  // Checks what lies behind `from`; cuts a torn tail off. False if it did.
  Result<bool> scan_tail(Segment& segment, uint64_t size, uint64_t from) {
    segment.set_size(size, from);
    if (size == from) return true;
    FRESHET_ASSIGN(const auto mapping, segment.mapped());
    const auto scan =
        scan_segment({mapping->data(), size}, from, next_, OffsetGaps::kNone, visitor(segment));
    next_ = scan.next;
    mark(segment);
    if (scan.end == size) return true;
    logger.warn(
        "torn tail cut off; what was acknowledged of it is replayed from the write-ahead log",
        kv("partition", input_.tp), kv("file", segment.path().native()), kv("byte", scan.end),
        kv("bytes_cut", size - scan.end), kv("next_offset", scan.next), kv("why", scan.fault));
    FRESHET_TRY(cut(segment, scan.end, from));
    return false;
  }

  Result<void> cut(Segment& segment, uint64_t end, uint64_t trusted_from) {
    FRESHET_ASSIGN(const auto file, segment.file());
    FRESHET_TRY(file->truncate(end));
    segment.set_size(end, trusted_from);
    return {};
  }

  // No recovery point: everything is read, and only a tail with nothing sound behind it is cut.
  Result<void> open_without_point() {
    if (!listing_.segments.empty()) next_ = listing_.segments.front();
    if (input_.tail_in_wal) return open_tail_segments(listing_.segments.begin());
    load_snapshot();
    for (auto at = listing_.segments.begin(); at != listing_.segments.end(); ++at) {
      const bool last = std::next(at) == listing_.segments.end();
      FRESHET_ASSIGN(const auto size,
                     size_of_file(input_.directory / segment_file_name(*at, ".log")));
      auto segment = closed(*at, size);
      if (!segments_->empty()) FRESHET_TRY(segments_->back()->seal());
      segments_->push_back(segment);
      segment->offset_index().file().trust(0);
      segment->time_index().file().trust(0);
      segment->transaction_index().trust({});
      next_ = *at;
      FRESHET_TRY(salvage(*segment, size, last));
    }
    return {};
  }

  Result<void> salvage(Segment& segment, uint64_t size, bool last) {
    if (size == 0) return {};
    FRESHET_ASSIGN(const auto mapping, segment.mapped());
    uint64_t position = 0;
    while (true) {
      const auto scan = scan_segment({mapping->data(), size}, position, next_, OffsetGaps::kAllowed,
                                     visitor(segment));
      next_ = scan.next;
      mark(segment);
      if (scan.end == size) return {};
      FRESHET_ASSIGN(position, segment.next_intact_batch(scan.end + 1, scan.next));
      if (position == size && last) {
        logger.warn("torn tail cut off", kv("partition", input_.tp),
                    kv("file", segment.path().native()), kv("byte", scan.end),
                    kv("bytes_cut", size - scan.end), kv("next_offset", scan.next),
                    kv("why", scan.fault));
        return cut(segment, scan.end, UINT64_MAX);
      }
      logger.error("segment is damaged; the records there are lost, the rest is served",
                   kv("partition", input_.tp), kv("file", segment.path().native()),
                   kv("byte", scan.end), kv("bytes", position - scan.end),
                   kv("first_offset_lost", scan.next), kv("why", scan.fault));
      if (position == size) return {};
      next_ = kafka::RecordBatchView({mapping->data() + position, size - position}).base_offset();
    }
  }

  std::function<void(kafka::RecordBatchView, uint64_t)> visitor(Segment& segment) {
    return [this, &segment](kafka::RecordBatchView batch, uint64_t position) {
      if (auto noted = segment.note_batch(batch, position, input_.config.index_interval_bytes);
          !noted) {
        logger.warn("index entry was not kept", kv("partition", input_.tp),
                    kv("error", noted.error()));
      }
      state_->epochs.note(batch.leader_epoch(), batch.base_offset());
      state_->note_transaction(segment, batch);
      if (batch.has_producer_id() && batch.base_offset() >= producers_from_) {
        state_->producers.add(batch, input_.now_ms);
        state_->producers.settle(batch.producer_id(), batch.next_offset());
      }
    };
  }

  Result<void> rebuild_index(Segment& segment) {
    logger.warn("index is missing and is rebuilt", kv("partition", input_.tp),
                kv("file", segment.path().native()));
    FRESHET_ASSIGN(const auto mapping, segment.mapped());
    segment.offset_index().file().trust(0);
    segment.time_index().file().trust(0);
    scan_segment({mapping->data(), segment.size()}, 0, segment.base_offset(), OffsetGaps::kAllowed,
                 [&](kafka::RecordBatchView batch, uint64_t position) {
                   static_cast<void>(
                       segment.note_batch(batch, position, input_.config.index_interval_bytes));
                 });
    mark(segment);
    return segment.seal();
  }

  // Goes on behind the entries that the point names, or puts the segment among the suspects.
  Result<void> open_transaction_index(Segment& segment, const PartitionPoint& point, bool closed) {
    auto& index = segment.transaction_index();
    const Offset base = segment.base_offset();
    const auto expected = point.transaction_index_of(base);
    index.trust(expected);
    const bool there = listing_.with_txnindex.contains(base);
    if (!there && expected.entries == 0) return {};
    // The tail of an open segment, which is scanned, may have brought more.
    FRESHET_ASSIGN(const bool holds, index.file_holds(expected, /*whole=*/closed));
    if (there && holds) return {};
    logger.warn("transaction index is not as it was synced and is rebuilt from the log",
                kv("partition", input_.tp), kv("file", index.file().path().native()),
                kv("entries", expected.entries));
    suspects_.push_back(&segment);
    return {};
  }

  // Follows all transactions from the first segment on, because those that end in a suspect may
  // have begun before it.
  Result<void> rebuild_transaction_indexes(const PartitionPoint& point) {
    if (suspects_.empty()) return {};
    OpenTransactions open;
    bool whole = true;
    Offset next = segments_->front()->base_offset();
    for (auto at = segments_->begin(); at != segments_->end() && !suspects_.empty(); ++at) {
      Segment& segment = **at;
      auto& index = segment.transaction_index();
      const bool suspect = suspects_.front() == &segment;
      if (suspect) {
        suspects_.erase(suspects_.begin());
        index.trust({});
      }
      const uint64_t end =
          segment.base_offset() == point.segment_base ? point.position : segment.size();
      whole &= segment.base_offset() == next && end <= segment.size();
      FRESHET_ASSIGN(const auto end_offset, walk(segment, std::min(end, segment.size()),
                                                 [&](kafka::RecordBatchView batch) {
                                                   const auto aborted = open.note(batch);
                                                   if (aborted && suspect) index.append(*aborted);
                                                 }));
      whole &= end_offset.has_value();
      next = end_offset.value_or(next);
      if (suspect) FRESHET_TRY(keep_rebuilt(segment, point, whole));
    }
    return {};
  }

  // Without damage the log is right whatever the point says: a compaction may be newer than it.
  Result<void> keep_rebuilt(Segment& segment, const PartitionPoint& point, bool whole) {
    auto& index = segment.transaction_index();
    const auto expected = point.transaction_index_of(segment.base_offset());
    if (!whole && index.sum() != expected) {
      logger.error(
          "transaction index is lost with damaged batches of the log; readers of committed "
          "records are refused in this segment",
          kv("partition", input_.tp), kv("file", index.file().path().native()),
          kv("entries", expected.entries), kv("entries_found", index.sum().entries));
      index.trust(expected);
      index.lose();
      return {};
    }
    // Cuts off what was there.
    FRESHET_TRY(index.file().make_file());
    mark(segment);
    return {};
  }

  // Returns the offset at the end; nullopt: there was damage, behind which it went on.
  static Result<std::optional<Offset>> walk(
      const Segment& segment, uint64_t end,
      const std::function<void(kafka::RecordBatchView)>& visit) {
    if (end == 0) return segment.base_offset();
    FRESHET_ASSIGN(const auto mapping, segment.mapped());
    uint64_t position = 0;
    Offset next = segment.base_offset();
    while (true) {
      const auto scan =
          scan_segment({mapping->data(), end}, position, next, OffsetGaps::kAllowed,
                       [&visit](kafka::RecordBatchView batch, uint64_t) { visit(batch); });
      if (scan.end == end) return position == 0 ? std::optional(scan.next) : std::nullopt;
      FRESHET_ASSIGN(position, segment.next_intact_batch(scan.end + 1, scan.next));
      if (position >= end) return std::nullopt;
      next = kafka::RecordBatchView({mapping->data() + position, end - position}).base_offset();
    }
  }

  void note_last_rollback() {
    for (size_t i = 0; i < segments_->size(); ++i) {
      auto& index = (*segments_)[i]->transaction_index();
      if (index.empty() && !index.lost()) continue;
      const bool last = i + 1 == segments_->size();
      state_->last_rollback = (last ? next_ : (*segments_)[i + 1]->base_offset()).value() - 1;
    }
  }

  void load_snapshot() {
    for (auto at = listing_.snapshots.rbegin(); at != listing_.snapshots.rend(); ++at) {
      const auto path = input_.directory / segment_file_name(*at, ".snapshot");
      auto bytes = io::read_file(path, kSnapshotBytesMax);
      auto table = bytes ? ProducerTable::from_snapshot(*bytes)
                         : Result<ProducerTable>(std::unexpected(bytes.error()));
      if (table) {
        state_->producers = std::move(*table);
        producers_from_ = *at;
        return;
      }
      logger.warn("producer snapshot is not usable", kv("file", path.native()),
                  kv("error", table.error()));
    }
  }

  void mark(Segment& segment) {
    state_->mark_dirty(segment.shared_from_this());
    state_->dirty_directory = true;
  }

  Result<void> remove_segment(Offset base) {
    for (const auto* const extension : {".log", ".index", ".timeindex", ".txnindex"}) {
      FRESHET_TRY(disk_.remove(input_.directory / segment_file_name(base, extension)));
    }
    return {};
  }

  Disk& disk_;
  const PartitionRecoveryInput& input_;
  std::unique_ptr<PartitionState> state_;
  std::shared_ptr<SegmentList> segments_;
  Listing listing_;
  std::vector<Segment*> suspects_;  // their transaction index is not the one of the point; in order
  Offset next_{0};
  Offset producers_from_{0};  // batches before it are in the snapshot
};

}  // namespace

Result<std::unique_ptr<PartitionState>> recover_partition(Disk& disk,
                                                          const PartitionRecoveryInput& input) {
  return PartitionRecovery(disk, input).run();
}

}  // namespace freshet::broker
