#include "broker/storage/wal_replay.h"

#include <algorithm>

#include "base/crash_point.h"
#include "base/endian.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

}  // namespace

Result<WalReplay> WalReplay::open(const std::vector<WalFiles::Found>& found, uint64_t first) {
  WalReplay replay;
  for (const auto& candidate : found) {
    if (!candidate.sequence || *candidate.sequence < first) continue;
    FRESHET_ASSIGN(const auto file, io::File::open(candidate.path, io::OpenMode::kRead));
    FRESHET_ASSIGN(auto mapping, MappedFile::map(file, candidate.size));
    FRESHET_ASSIGN_CONTEXT(auto reader, WalReader::open({mapping->data(), candidate.size}),
                           "write-ahead log {}", candidate.path.native());
    // A file that was only made ready is no part of the log.
    if (WalReader first_entry = reader; !first_entry.next()) continue;
    replay.files_.push_back({.path = candidate.path,
                             .mapping = std::move(mapping),
                             .size = candidate.size,
                             .reader = reader});
  }
  std::ranges::sort(replay.files_, {}, [](const File& file) { return file.reader.sequence(); });
  return replay;
}

WalReplay::Survey WalReplay::survey() const {
  Survey survey;
  for (const auto& file : files_) {
    WalReader reader = file.reader;
    while (const auto entry = reader.next()) {
      const PartitionKey key{entry->topic_id, entry->partition};
      if (entry->type == WalEntryType::kCreate) survey.created.emplace(key, entry->payload);
      if (entry->type == WalEntryType::kLogStart) {
        survey.log_starts[key] = Offset(load_le<int64_t>(entry->payload.data()));
      }
      if (entry->type == WalEntryType::kDelete) survey.deleted.insert(key);
    }
  }
  return survey;
}

std::set<std::filesystem::path> WalReplay::files_in_use() const {
  std::set<std::filesystem::path> paths;
  for (const auto& file : files_) paths.insert(file.path);
  return paths;
}

Result<void> WalReplay::replay(const Find& find, int64_t now_ms) {
  for (size_t i = 0; i < files_.size(); ++i) {
    std::optional<WalLink> proper_end;
    if (i + 1 < files_.size()) {
      proper_end = files_[i + 1].reader.link();
      if (proper_end && proper_end->sequence != files_[i].reader.sequence()) {
        logger.error("write-ahead log file is missing; acknowledged records may be lost",
                     kv("sequence", proper_end->sequence),
                     kv("next_file", files_[i + 1].path.native()));
        proper_end.reset();
      }
    }
    FRESHET_TRY(replay_file(files_[i], proper_end, find, now_ms));
    crash_point("mid_recovery");
  }
  if (batches_applied_ > 0) {
    logger.info("write-ahead log replayed", kv("batches", batches_applied_));
  }
  return {};
}

Result<void> WalReplay::replay_file(const File& file, const std::optional<WalLink>& proper_end,
                                    const Find& find, int64_t now_ms) {
  WalReader reader = file.reader;
  bool any = false;
  while (!proper_end || reader.position() < proper_end->end) {
    WalReader ahead = reader;
    const auto entry = ahead.next();
    if (!entry) break;
    FRESHET_ASSIGN(const bool sound, apply(*entry, find, now_ms));
    // The records of the batch do not match its CRC: the write was torn inside them.
    if (!sound) break;
    reader = ahead;
    any = true;
  }
  if (proper_end &&
      (reader.position() != proper_end->end || reader.checksum() != proper_end->checksum)) {
    logger.error("write-ahead log file is damaged; acknowledged records may be lost",
                 kv("file", file.path.native()), kv("byte", reader.position()),
                 kv("expected_end", proper_end->end));
  }
  if (any) {
    end_ = WalLink{
        .sequence = reader.sequence(), .end = reader.position(), .checksum = reader.checksum()};
  }
  return {};
}

Result<bool> WalReplay::apply(const WalEntry& entry, const Find& find, int64_t now_ms) {
  if (entry.type == WalEntryType::kLink) return true;
  const PartitionKey key{entry.topic_id, entry.partition};
  PartitionState* const partition = find(key);
  if (partition == nullptr) return true;
  if (entry.type == WalEntryType::kLogStart) {
    const Offset to(load_le<int64_t>(entry.payload.data()));
    if (to > Offset(partition->log_start) && to <= partition->next_offset) {
      // The files go when the store is open: their names are below the log start then.
      advance_log_start(*partition, to);
    }
    return true;
  }
  if (entry.type != WalEntryType::kBatch) return true;
  const kafka::RecordBatchView batch(entry.payload);
  if (batch.base_offset() < partition->next_offset) return true;
  if (!kafka::check_batch(batch)) return false;
  if (batch.base_offset() > partition->next_offset) {
    if (with_gap_.insert(key).second) {
      logger.error("records between the segments and the write-ahead log are lost",
                   kv("partition", partition->tp), kv("first_offset", partition->next_offset),
                   kv("last_offset", batch.base_offset() - 1));
    }
    // Offsets are never given twice: what is there is kept where it belongs.
    partition->next_offset = batch.base_offset();
    partition->high_watermark = batch.base_offset().value();
    FRESHET_TRY(roll_segment(*partition));
  }
  if (batch.has_producer_id()) {
    const std::lock_guard lock(partition->mutex);
    partition->producers.add(batch, now_ms);
  }
  size_t done = 0;
  FRESHET_TRY_CONTEXT(apply_batches(*partition, std::span(&batch, 1), now_ms, done), "partition {}",
                      partition->tp);
  partition->next_offset = batch.next_offset();
  ++batches_applied_;
  return true;
}

}  // namespace freshet::broker
