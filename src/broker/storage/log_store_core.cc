#include "broker/storage/log_store_core.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/endian.h"
#include "broker/storage/disk.h"
#include "broker/storage/retention.h"
#include "broker/storage/store_recovery.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

// A group larger than this gains nothing from waiting for more.
constexpr uint64_t kGroupBytesMax = uint64_t{16} << 20;
constexpr std::chrono::milliseconds kFullRetryAfter{100};
// Copying up to this share of a write-ahead log file (128 KiB of the usual 128 MiB) to segments
// takes less time than waking another thread. With the small files of tests no group is so brief.
constexpr uint64_t kBriefGroupShare = 1'024;

template <class... T>
struct Overloaded : T... {
  using T::operator()...;
};

AppendResult refused(AppendStatus status, std::string message) {
  AppendResult result;
  result.status = status;
  result.message = std::move(message);
  return result;
}

int64_t wall_ms(const Clock& clock) { return clock.wall().time_since_epoch().count(); }

Error stopping_error() {
  return Error(Errc::kUnavailable, "the log store is stopping; whether this landed is not known");
}

}  // namespace

LogStoreCore::LogStoreCore(LogStoreOptions options)
    : options_(std::move(options)),
      disk_(options_.disk != nullptr ? *options_.disk : PosixDisk::instance()),
      clock_(options_.clock != nullptr ? *options_.clock : SystemClock::instance()),
      probe_(options_.metrics),
      wal_files_(disk_, {.directory = options_.directory / "wal",
                         .file_bytes = options_.wal_file_bytes,
                         .files_max = options_.wal_files_max}),
      checkpointer_(disk_, wal_files_, options_.directory),
      compactor_(disk_, options_.directory, clock_, options_.compaction_bytes_max),
      wal_(wal_files_, options_.wal_file_bytes, [this](uint64_t sequence) {
        stage_.drain();
        probe_.checkpoint_wanted();
        checkpointer_.wal_switched(sequence);
      }) {}

LogStoreCore::~LogStoreCore() {
  {
    const std::lock_guard lock(queue_mutex_);
    abandon_ = true;
  }
  stop_threads();
}

Result<void> LogStoreCore::start() {
  io::raise_open_files_limit();
  FRESHET_TRY(disk_.make_directories(options_.directory / "wal"));
  FRESHET_ASSIGN(auto recovered, recover_store(disk_, wal_files_,
                                               {.directory = options_.directory,
                                                .default_config = options_.default_config,
                                                .now_ms = wall_ms(clock_)}));
  const bool first_start =
      recovered.partitions.empty() && !recovered.wal_end && recovered.point.wal_sequence == 0;
  const bool unclean = !first_start && !recovered.point.clean_shutdown;
  int32_t epoch = recovered.point.leader_epoch;
  for (auto& state : recovered.partitions) {
    if (!state->epochs.entries().empty()) {
      epoch = std::max(epoch, state->epochs.entries().back().epoch);
    }
    const TopicPartition tp = state->tp;
    for (const auto& [id, first_offset] : state->transactions.open()) {
      state->in_transaction.insert(id);
    }
    partitions_[tp] = std::make_shared<PartitionLog>(*this, std::move(state));
  }
  leader_epoch_ = unclean ? epoch + 1 : epoch;
  compactor_.load(partitions());
  FRESHET_TRY(wal_files_.prepare());
  FRESHET_TRY(wal_.start(recovered.wal_end));
  if (!unclean) recovered.point.wal_sequence = wal_.sequence();
  recovered.point.clean_shutdown = false;
  recovered.point.leader_epoch = leader_epoch_;
  FRESHET_TRY(checkpointer_.start(std::move(recovered.point), wal_.sequence(), unclean,
                                  {.partitions = [this] { return partitions(); },
                                   .fatal = [this](const Error& e) { fail_store(e); }}));
  stage_.start();
  thread_ = std::thread([this] { loop(); });
  ::pthread_setname_np(thread_.native_handle(), "log.commit");
  return {};
}

void LogStoreCore::stop_threads() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
    queue_changed_.notify_all();
    stopping_changed_.notify_all();
  }
  // A commit thread that waits for a file must not wait for a checkpoint that will not come; with
  // close() the checkpoint thread still runs.
  if (abandon_) wal_files_.stop();
  if (thread_.joinable()) {
    thread_.join();
    stage_.stop();
  }
  wal_files_.stop();
  checkpointer_.stop();
}

Result<void> LogStoreCore::close() {
  stop_threads();
  {
    const std::lock_guard lock(queue_mutex_);
    if (failure_) return std::unexpected(*failure_);
  }
  for (const auto& log : partitions()) {
    auto& state = log->state();
    bool outdated = false;
    {
      const std::lock_guard lock(state.mutex);
      outdated = state.sidecars_at != log->high_watermark();
    }
    if (outdated) FRESHET_TRY(write_sidecars(state));
  }
  return checkpointer_.run(/*clean_shutdown=*/true);
}

PartitionLogPtr LogStoreCore::find(const TopicPartition& tp) const {
  const std::lock_guard lock(partitions_mutex_);
  const auto found = partitions_.find(tp);
  return found == partitions_.end() ? nullptr : found->second;
}

std::vector<PartitionLogPtr> LogStoreCore::partitions() const {
  const std::lock_guard lock(partitions_mutex_);
  std::vector<PartitionLogPtr> all;
  all.reserve(partitions_.size());
  for (const auto& [tp, log] : partitions_) all.push_back(log);
  return all;
}

std::optional<AppendResult> LogStoreCore::refusal() const {
  if (failure_) return refused(AppendStatus::kFailed, failure_->message());
  if (stopping_) return refused(AppendStatus::kFailed, "the log store is stopping");
  if (disk_full_) return refused(AppendStatus::kNoSpace, disk_full_->message());
  if (queued_bytes_ >= options_.append_queue_bytes_max) {
    return refused(AppendStatus::kOverloaded,
                   fmt::format("{} bytes of appends wait for the disk already; try again later",
                               queued_bytes_));
  }
  return std::nullopt;
}

void LogStoreCore::append(PartitionLogPtr log, AppendBatches batches, AppendDone done) {
  std::optional<AppendResult> refusal;
  {
    const std::lock_guard lock(queue_mutex_);
    refusal = this->refusal();
    if (!refusal) {
      queued_bytes_ += batches.bytes.size();
      queue_.push_back(Append{.log = std::move(log),
                              .batches = std::move(batches),
                              .done = std::move(done),
                              .queued = clock_.steady()});
      if (queue_.size() == 1) queue_changed_.notify_one();
      return;
    }
  }
  probe_.append_refused();
  done(std::move(*refusal));
}

void LogStoreCore::append_together(std::vector<PartitionAppend> appends) {
  size_t bytes = 0;
  for (const auto& append : appends) bytes += append.batches.bytes.size();
  std::optional<AppendResult> refusal;
  if (bytes + appends.size() * kWalEntryHeaderBytes > wal_.group_bytes_max()) {
    refusal = refused(AppendStatus::kTooLarge,
                      fmt::format("{} appends of {} bytes together do not fit a write-ahead log "
                                  "file of {}",
                                  appends.size(), bytes, options_.wal_file_bytes));
  } else {
    const std::lock_guard lock(queue_mutex_);
    refusal = this->refusal();
    if (!refusal) {
      queued_bytes_ += bytes;
      const bool idle = queue_.empty();
      size_t together = appends.size();
      for (auto& append : appends) {
        queue_.push_back(Append{.log = std::move(append.log),
                                .batches = std::move(append.batches),
                                .done = std::move(append.done),
                                .queued = clock_.steady(),
                                .together = together});
        together = 1;
      }
      if (idle) queue_changed_.notify_one();
      return;
    }
  }
  probe_.append_refused();
  for (auto& append : appends) append.done(*refusal);
}

void LogStoreCore::enqueue(Command command) {
  std::optional<Error> error;
  {
    const std::lock_guard lock(queue_mutex_);
    if (failure_) {
      error = failure_;
    } else if (stopping_) {
      error = Error(Errc::kUnavailable, "the log store is stopping");
    } else {
      queue_.push_back(std::move(command));
      queue_changed_.notify_one();
      return;
    }
  }
  refuse(command, *error);
}

void LogStoreCore::refuse(Command& command, const Error& error) {
  std::visit(Overloaded{[&](Append& append) {
                          append.done(refused(AppendStatus::kFailed, error.message()));
                        },
                        [&](auto& other) { other.done(std::unexpected(error)); }},
             command);
}

bool LogStoreCore::has_room() const {
  const std::lock_guard lock(queue_mutex_);
  return queued_bytes_ < options_.append_queue_bytes_max;
}

void LogStoreCore::on_room(std::move_only_function<void()> ready) {
  {
    const std::lock_guard lock(queue_mutex_);
    if (queued_bytes_ > options_.append_queue_bytes_max / 2 && !stopping_) {
      room_waiters_.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

void LogStoreCore::release_room(size_t bytes) {
  std::vector<std::move_only_function<void()>> ready;
  {
    const std::lock_guard lock(queue_mutex_);
    queued_bytes_ -= bytes;
    if (queued_bytes_ <= options_.append_queue_bytes_max / 2) ready.swap(room_waiters_);
  }
  for (auto& waiter : ready) waiter();
}

void LogStoreCore::fail_store(const Error& error) {
  const std::lock_guard lock(queue_mutex_);
  if (failure_) return;
  failure_ = error.with_context("the log can be read but not written until the next start");
  logger.error("log store stopped taking appends", kv("error", *failure_));
}

void LogStoreCore::loop() {
  while (true) {
    std::deque<Command> commands;
    bool abandon = false;
    {
      std::unique_lock lock(queue_mutex_);
      queue_changed_.wait(lock, [this] { return !queue_.empty() || stopping_; });
      if (queue_.empty()) break;
      commands.swap(queue_);
      abandon = abandon_;
    }
    if (abandon) {
      for (auto& command : commands) refuse(command, stopping_error());
    } else {
      process(std::move(commands));
    }
  }
  std::vector<std::move_only_function<void()>> ready;
  {
    const std::lock_guard lock(queue_mutex_);
    ready.swap(room_waiters_);
  }
  for (auto& waiter : ready) waiter();
}

void LogStoreCore::process(std::deque<Command> commands) {
  const uint64_t group_max = std::min(kGroupBytesMax, wal_.group_bytes_max() / 2);
  while (!commands.empty()) {
    std::optional<Error> failure;
    {
      const std::lock_guard lock(queue_mutex_);
      failure = failure_;
    }
    if (failure) {
      stage_.drain();
      size_t bytes = 0;
      for (auto& command : commands) {
        if (const auto* append = std::get_if<Append>(&command)) {
          bytes += append->batches.bytes.size();
        }
        refuse(command, *failure);
      }
      release_room(bytes);
      return;
    }
    std::vector<Append> appends;
    uint64_t bytes = 0;
    while (!commands.empty()) {
      auto* append = std::get_if<Append>(&commands.front());
      if (append == nullptr) break;
      const size_t together = append->together;
      uint64_t size = 0;
      for (size_t i = 0; i < together; ++i) {
        size += std::get<Append>(commands[i]).batches.bytes.size();
      }
      if (!appends.empty() && bytes + size > group_max) break;
      bytes += size;
      for (size_t i = 0; i < together; ++i) {
        appends.push_back(std::move(std::get<Append>(commands.front())));
        commands.pop_front();
      }
    }
    if (!appends.empty()) {
      commit_group(std::move(appends));
      continue;
    }
    auto command = std::move(commands.front());
    commands.pop_front();
    stage_.drain();
    std::visit(Overloaded{[](Append&) {}, [this](auto& other) { run(std::move(other)); }}, command);
  }
}

template <class Step>
Result<void> LogStoreCore::retry_while_full(Step step) {
  bool was_full = false;
  while (true) {
    auto done = step();
    const bool full = !done && done.error().code() == Errc::kNoSpace;
    if (!full && !was_full) return done;
    std::unique_lock lock(queue_mutex_);
    if (!full) {
      logger.info("the disk has room again; appends go on");
      disk_full_.reset();
      return done;
    }
    was_full = true;
    if (!disk_full_) {
      disk_full_ = done.error().with_context("appends are refused until space is freed");
      logger.error("the disk is full; what was accepted waits, new appends are refused",
                   kv("error", done.error()));
    }
    if (stopping_changed_.wait_for(lock, kFullRetryAfter, [this] { return stopping_; })) {
      return std::unexpected(stopping_error());
    }
  }
}

Result<void> LogStoreCore::commit_wal() {
  auto committed = retry_while_full([this] { return wal_.commit(); });
  if (!committed) {
    fail_store(committed.error());
    return committed;
  }
  probe_.synced(std::chrono::duration<double>(wal_.sync_time()).count());
  if (wal_.position() > options_.wal_file_bytes / 4 && !wal_files_.has_ready()) {
    checkpointer_.want_wal_file();
  }
  return {};
}

void LogStoreCore::commit_group(std::vector<Append> appends) {
  auto owned = std::make_unique<Group>();
  Group& group = *owned;
  group.started = clock_.steady();
  group.now_ms = wall_ms(clock_);
  group.appends.reserve(appends.size());
  const auto free = disk_.free_bytes(options_.directory);
  for (auto& append : appends) {
    group.bytes += append.batches.bytes.size();
    group.appends.push_back({.append = std::move(append), .result = {}});
  }
  if (free && *free < options_.free_bytes_min + group.bytes) {
    for (auto& entry : group.appends) {
      entry.result = refused(
          AppendStatus::kNoSpace,
          fmt::format("the disk of {} has {} bytes free, {} are kept in reserve: free some space "
                      "or shorten the retention of topics",
                      options_.directory.native(), *free, options_.free_bytes_min));
    }
    stage_.drain();
    complete(group);
    return;
  }
  for (auto& entry : group.appends) entry.result = admit(group, entry.append, group.now_ms);
  for (auto& part : group.parts) part.log->state().group_part = SIZE_MAX;
  const bool brief = group.bytes <= options_.wal_file_bytes / kBriefGroupShare;
  stage_.give(
      [this, owned = std::move(owned),
       durable = wal_.empty() ? Result<void>() : commit_wal()]() mutable {
        finish(*owned, std::move(durable));
      },
      brief);
}

// A work of the apply stage.
void LogStoreCore::finish(Group& group, Result<void> durable) {
  if (durable) durable = apply(group);
  if (!durable) {
    fail_store(durable.error());
    for (auto& entry : group.appends) {
      if (entry.result.ok()) {
        entry.result = refused(AppendStatus::kFailed, durable.error().message());
      }
    }
  }
  for (auto& part : group.parts) {
    for (auto& ready : part.log->state().ripe_waiters()) ready();
  }
  probe_.group_committed(group.appends.size(), group.bytes,
                         std::chrono::duration<double>(clock_.steady() - group.started).count());
  complete(group);
}

Result<void> LogStoreCore::apply(Group& group) {
  if (apply_failed_) {
    return fail(Errc::kUnavailable, "an earlier append could not be written to its segment");
  }
  for (auto& part : group.parts) {
    {
      // Before the high watermark: whoever sees that asks for this.
      auto& state = part.log->state();
      const std::lock_guard lock(state.mutex);
      state.arrivals.note(part.batches.back().next_offset(), part.arrived);
    }
    auto applied = retry_while_full(
        [&] { return apply_batches(part.log->state(), part.batches, group.now_ms, part.applied); });
    if (applied) continue;
    apply_failed_ = true;
    return std::unexpected(
        std::move(applied).error().with_context(fmt::format("partition {}", part.log->tp())));
  }
  return {};
}

void LogStoreCore::complete(Group& group) {
  {
    // Before the answers: whoever appends again because of one finds the room that it left.
    const std::lock_guard lock(queue_mutex_);
    queued_bytes_ -= group.bytes;
  }
  for (auto& entry : group.appends) {
    entry.result.log_start = entry.append.log->log_start();
    entry.append.done(std::move(entry.result));
  }
  group.appends.clear();
  release_room(0);
}

void LogStoreCore::apply_retention() {
  const int64_t now_ms = wall_ms(clock_);
  for (const auto& log : partitions()) {
    auto& state = log->state();
    {
      const std::lock_guard lock(state.mutex);
      state.producers.expire(now_ms - options_.producer_idle_max.count(), state.transactions);
    }
    if (!is_outlived(state, now_ms)) {
      drop_old_segments(log, now_ms);
      continue;
    }
    // Closed, it may go like the others.
    enqueue(Roll{.log = log, .done = [this, log, now_ms](Result<void> rolled) {
                   if (rolled) drop_old_segments(log, now_ms);
                 }});
  }
}

void LogStoreCore::drop_old_segments(const PartitionLogPtr& log, int64_t now_ms) {
  const Offset keep_from = retention_point(log->state(), now_ms);
  if (keep_from <= log->log_start()) return;
  enqueue(MoveLogStart{.log = log, .to = keep_from, .done = [log](Result<Offset> moved) {
                         if (moved) {
                           logger.info("old segments deleted by retention",
                                       kv("partition", log->tp()), kv("log_start", *moved));
                         } else {
                           logger.warn("old segments were not deleted", kv("partition", log->tp()),
                                       kv("error", moved.error()));
                         }
                       }});
}

void LogStoreCore::compact(const std::function<bool()>& cancelled) {
  compactor_.run({.partitions = [this] { return partitions(); },
                  .checkpoint = [this] { return checkpoint(); },
                  .trim =
                      [this](const PartitionLogPtr& log) {
                        enqueue(MoveLogStart{
                            .log = log, .to = log->log_start(), .done = [](Result<Offset>) {}});
                      }},
                 cancelled);
}

void LogStoreCore::run(Create command) { command.done(create(command.specs)); }

Result<std::vector<PartitionLogPtr>> LogStoreCore::create(std::vector<PartitionSpec>& specs) {
  for (const auto& spec : specs) {
    if (find(spec.tp)) return fail(Errc::kAlreadyExists, "partition {} exists already", spec.tp);
    const auto name = parse_partition_directory_name(partition_directory_name(spec.tp));
    if (!name || *name != spec.tp || spec.tp.topic.find('/') != std::string::npos ||
        spec.topic_id.is_zero()) {
      return fail(Errc::kInvalidArgument, "partition {} has a name or id that cannot be stored",
                  spec.tp);
    }
  }
  std::vector<PartitionLogPtr> made;
  // The directories first: whatever fails, nothing was promised yet.
  const auto undo = [&](const Error& error) {
    for (const auto& log : made) {
      // At once: the client may come again, and the next creation uses the same names. What cannot
      // be removed now, that creation or the next start removes.
      if (auto removed = disk_.remove(log->state().directory); !removed) {
        logger.warn("directory of a partition that was not created stays",
                    kv("error", removed.error()));
      }
    }
    return std::unexpected(error);
  };
  for (const auto& spec : specs) {
    auto log = make_partition(spec);
    if (!log) return undo(log.error());
    made.push_back(std::move(*log));
  }
  for (const auto& log : made) {
    wal_.add({.type = WalEntryType::kCreate,
              .partition = log->tp().partition,
              .topic_id = log->topic_id(),
              .payload = log->tp().topic});
  }
  FRESHET_TRY(commit_wal());
  const std::lock_guard lock(partitions_mutex_);
  for (const auto& log : made) partitions_[log->tp()] = log;
  return made;
}

Result<PartitionLogPtr> LogStoreCore::make_partition(const PartitionSpec& spec) {
  const auto directory = options_.directory / partition_directory_name(spec.tp);
  if (std::filesystem::exists(directory)) FRESHET_TRY(disk_.remove(directory));
  FRESHET_TRY(disk_.make_directory(directory));
  FRESHET_ASSIGN(const auto metadata,
                 disk_.open(directory / "partition.metadata", io::OpenMode::kCreate));
  FRESHET_TRY(metadata->write(partition_metadata_text(spec.topic_id), 0));
  FRESHET_ASSIGN(auto segment, Segment::create(disk_, directory, Offset(0)));
  auto state = std::make_unique<PartitionState>(disk_, spec.tp, spec.topic_id, directory);
  state->config = spec.config;
  state->segments = std::make_shared<SegmentList>(1, segment);
  state->mark_dirty(segment);
  state->dirty_directory = true;
  state->dirty_metadata = true;
  return std::make_shared<PartitionLog>(*this, std::move(state));
}

void LogStoreCore::run(Delete command) {
  std::vector<PartitionLogPtr> doomed;
  for (const auto& tp : command.tps) {
    if (auto log = find(tp)) doomed.push_back(std::move(log));
  }
  for (const auto& log : doomed) {
    wal_.add({.type = WalEntryType::kDelete,
              .partition = log->tp().partition,
              .topic_id = log->topic_id(),
              .payload = {}});
  }
  if (!doomed.empty()) {
    if (auto committed = commit_wal(); !committed) {
      command.done(std::move(committed));
      return;
    }
  }
  for (const auto& log : doomed) {
    auto& state = log->state();
    {
      const std::lock_guard lock(partitions_mutex_);
      partitions_.erase(state.tp);
    }
    state.deleted = true;
    const std::lock_guard names(state.directory_mutex);
    // A name of its own at once, so that the topic may be created again.
    auto grave = state.directory;
    grave += fmt::format(".{}-delete", state.topic_id.to_string());
    if (auto renamed = disk_.rename(state.directory, grave); !renamed) {
      logger.error("directory of a deleted partition was not renamed",
                   kv("error", renamed.error()));
    }
    checkpointer_.remove_later(grave);
    for (auto& ready : state.ripe_waiters()) ready();
  }
  command.done({});
}

void LogStoreCore::run(MoveLogStart command) {
  auto& state = command.log->state();
  if (state.deleted) {
    command.done(fail(Errc::kNotFound, "partition {} is deleted", state.tp));
    return;
  }
  if (command.to > command.log->high_watermark()) {
    command.done(fail(Errc::kOutOfRange, "partition {}: offset {} is above the high watermark {}",
                      state.tp, command.to, command.log->high_watermark()));
    return;
  }
  if (command.to > command.log->log_start()) {
    std::array<char, sizeof(int64_t)> payload{};
    store_le(payload.data(), command.to.value());
    wal_.add({.type = WalEntryType::kLogStart,
              .partition = state.tp.partition,
              .topic_id = state.topic_id,
              .payload = {payload.data(), payload.size()}});
    if (auto committed = commit_wal(); !committed) {
      command.done(std::unexpected(committed.error()));
      return;
    }
    checkpointer_.remove_later(command.log, advance_log_start(state, command.to));
  } else if (const auto list = state.segment_list();
             list->size() > 1 && (*list)[1]->base_offset() <= command.log->log_start()) {
    // They were pinned when the log start passed them.
    checkpointer_.remove_later(command.log, advance_log_start(state, command.log->log_start()));
  }
  command.done(command.log->log_start());
}

void LogStoreCore::run(Roll command) {
  auto& state = command.log->state();
  if (state.deleted) {
    command.done(fail(Errc::kNotFound, "partition {} is deleted", state.tp));
    return;
  }
  command.done(retry_while_full([&] { return roll_segment(state); }));
}

}  // namespace freshet::broker
