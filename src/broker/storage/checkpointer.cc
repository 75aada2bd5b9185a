#include "broker/storage/checkpointer.h"

#include <pthread.h>

#include <chrono>
#include <set>
#include <utility>

#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

// From that many files on, one sync of the file system is cheaper than one per file.
constexpr size_t kSyncEachMax = 16;
constexpr std::chrono::seconds kRetryAfter{1};

}  // namespace

Checkpointer::Checkpointer(Disk& disk, WalFiles& wal, std::filesystem::path directory)
    : disk_(disk), wal_(wal), directory_(std::move(directory)) {}

Checkpointer::~Checkpointer() { stop(); }

Result<void> Checkpointer::start(RecoveryPoint point, uint64_t wal_sequence, bool recovered,
                                 Hooks hooks) {
  hooks_ = std::move(hooks);
  wal_sequence_ = wal_sequence;
  wanted_ = recovered;
  point_ = std::move(point);
  for (const auto& partition : point_.partitions) {
    points_[{partition.topic_id, partition.tp.partition}] = partition;
  }
  FRESHET_TRY(disk_.replace_file(directory_ / RecoveryPoint::kFileName, point_.encode()));
  point_.partitions.clear();
  thread_ = std::thread([this] { loop(); });
  ::pthread_setname_np(thread_.native_handle(), "log.checkpoint");
  return {};
}

void Checkpointer::wal_switched(uint64_t sequence) {
  wal_sequence_ = sequence;
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  file_wanted_ = true;
  changed_.notify_all();
}

void Checkpointer::want_wal_file() {
  const std::lock_guard lock(mutex_);
  file_wanted_ = true;
  changed_.notify_all();
}

void Checkpointer::remove_later(std::filesystem::path path) {
  const std::lock_guard lock(mutex_);
  to_remove_.push_back({.path = std::move(path), .of = nullptr});
  changed_.notify_all();
}

void Checkpointer::remove_later(const PartitionLogPtr& log, const SegmentList& gone) {
  const auto& directory = log->state().directory;
  const std::lock_guard lock(mutex_);
  for (const auto& segment : gone) {
    for (const auto* const extension : {".log", ".index", ".timeindex", ".txnindex", ".snapshot"}) {
      to_remove_.push_back(
          {.path = directory / segment_file_name(segment->base_offset(), extension), .of = log});
    }
  }
  changed_.notify_all();
}

void Checkpointer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::loop() {
  while (true) {
    bool checkpoint = false;
    bool file = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock,
                    [this] { return wanted_ || file_wanted_ || stopped_ || !to_remove_.empty(); });
      if (stopped_) return;
      checkpoint = std::exchange(wanted_, false);
      file = std::exchange(file_wanted_, false);
    }
    Result<void> done;
    // Appends may be waiting for the file; they must not wait for the syncs too.
    if (file) done = prepare_files();
    if (checkpoint) {
      auto ran = run(/*clean_shutdown=*/false);
      if (ran && file) ran = prepare_files();
      if (!ran) done = std::move(ran);
    }
    remove_paths();
    if (done) continue;
    logger.error("checkpoint failed and is tried again; the write-ahead log grows meanwhile",
                 kv("error", done.error()));
    std::unique_lock lock(mutex_);
    wanted_ |= checkpoint;
    file_wanted_ |= file;
    changed_.wait_for(lock, kRetryAfter, [this] { return stopped_; });
  }
}

Result<void> Checkpointer::prepare_files() {
  if (wal_.has_ready()) return {};
  return wal_.prepare();
}

void Checkpointer::remove_paths() {
  std::vector<Removal> removals;
  {
    const std::lock_guard lock(mutex_);
    removals.swap(to_remove_);
  }
  for (const auto& [path, of] : removals) {
    std::unique_lock<std::mutex> names;
    if (of) {
      names = std::unique_lock(of->state().directory_mutex);
      if (of->is_deleted()) continue;
    }
    if (auto removed = disk_.remove(path); !removed) {
      logger.warn("deleted data was not removed", kv("error", removed.error()));
    }
  }
}

// What one checkpoint took over from a partition.
struct Checkpointer::Part {
  PartitionLogPtr log;
  SegmentList segments;
  bool directory = false;
  bool metadata = false;
};

// What one checkpoint took over from the partitions; goes back to them if it fails.
struct Checkpointer::Work {
  std::vector<Part> parts;
  std::vector<PartitionPoint> points;
  size_t files = 0;

  void give_back() const {
    for (const auto& part : parts) {
      auto& state = part.log->state();
      const std::lock_guard lock(state.mutex);
      state.dirty = true;
      state.dirty_directory |= part.directory;
      state.dirty_metadata |= part.metadata;
      for (const auto& segment : part.segments) state.mark_dirty(segment);
    }
  }
};

Result<void> Checkpointer::collect(Work& work) {
  for (const auto& log : hooks_.partitions()) {
    auto& state = log->state();
    const std::lock_guard lock(state.mutex);
    if (!state.dirty || state.deleted) continue;
    FRESHET_ASSIGN_CONTEXT(auto point, state.point(), "partition {}", state.tp);
    work.points.push_back(std::move(point));
    work.parts.push_back({.log = log,
                          .segments = std::exchange(state.dirty_segments, {}),
                          .directory = std::exchange(state.dirty_directory, false),
                          .metadata = std::exchange(state.dirty_metadata, false)});
    work.files += work.parts.back().segments.size() + (work.parts.back().directory ? 1 : 0);
    state.dirty = false;
  }
  for (const auto& part : work.parts) {
    // An index may get its file now, and its directory may be another topic's by now.
    const std::lock_guard names(part.log->state().directory_mutex);
    if (part.log->is_deleted()) continue;
    for (const auto& segment : part.segments) FRESHET_TRY(segment->flush_indexes());
  }
  return {};
}

Result<void> Checkpointer::sync(const Work& work) {
  if (work.files > kSyncEachMax) return disk_.sync_file_system(directory_);
  for (const auto& part : work.parts) {
    auto synced = sync(part);
    // Deleted meanwhile: its directory has another name, and nobody counts on it.
    if (!synced && !part.log->is_deleted()) return synced;
  }
  return disk_.sync_directory(directory_);
}

Result<void> Checkpointer::sync(const Part& part) {
  bool names_changed = part.directory;
  for (const auto& segment : part.segments) {
    FRESHET_TRY(segment->sync());
    // The first entry of an index makes its file, long after the segment was made.
    names_changed |= segment->take_made_indexes();
  }
  const auto& directory = part.log->state().directory;
  if (part.metadata) {
    FRESHET_ASSIGN(const auto file,
                   disk_.open(directory / "partition.metadata", io::OpenMode::kReadWrite));
    FRESHET_TRY(file->sync());
  }
  if (names_changed) FRESHET_TRY(disk_.sync_directory(directory));
  return {};
}

Result<void> Checkpointer::run(bool clean_shutdown) {
  const std::lock_guard lock(run_mutex_);
  if (sync_failed_) {
    return fail(Errc::kIo, "an earlier sync failed: restart to recover from the write-ahead log");
  }
  // Read before any partition is looked at: all of the older files is in the segments.
  const uint64_t wal_sequence = wal_sequence_;
  Work work;
  if (auto collected = collect(work); !collected) {
    work.give_back();
    return collected;
  }
  if (auto synced = sync(work); !synced) {
    // The kernel may have dropped the pages, so a second sync that succeeds would prove nothing.
    sync_failed_ = true;
    hooks_.fatal(synced.error());
    return synced;
  }
  for (auto& point : work.points) points_[{point.topic_id, point.tp.partition}] = std::move(point);
  std::set<PartitionKey> alive;
  for (const auto& log : hooks_.partitions()) {
    if (!log->is_deleted()) alive.insert({log->topic_id(), log->tp().partition});
  }
  std::erase_if(points_, [&](const auto& entry) { return !alive.contains(entry.first); });
  point_.clean_shutdown = clean_shutdown;
  point_.wal_sequence = wal_sequence;
  point_.partitions.clear();
  for (const auto& [key, point] : points_) point_.partitions.push_back(point);
  FRESHET_TRY(disk_.replace_file(directory_ / RecoveryPoint::kFileName, point_.encode()));
  point_.partitions.clear();
  return wal_.release_before(wal_sequence);
}

}  // namespace freshet::broker
