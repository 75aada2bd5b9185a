#include "broker/storage/keyed_log.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <unordered_map>

#include "base/check.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr size_t kReadBytes = size_t{4} << 20;
constexpr size_t kSnapshotBatchBytes = size_t{512} << 10;

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using LiveMap = std::unordered_map<std::string, std::string, TextHash, std::equal_to<>>;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Error append_error(const PartitionLog& partition, const AppendResult& result) {
  const bool full = result.status == AppendStatus::kNoSpace;
  const bool busy = result.status == AppendStatus::kOverloaded;
  return Error(full ? Errc::kNoSpace : (busy ? Errc::kUnavailable : Errc::kIo),
               fmt::format("state log {}: {}", partition.tp(), result.message));
}

std::string encode(const std::vector<KeyedChange>& changes) {
  kafka::RecordBatchBuilder builder({.reserve_bytes = 1024});
  const int64_t timestamp_ms = now_ms();
  for (const auto& change : changes) builder.append(timestamp_ms, change.key, change.value);
  return builder.build();
}

}  // namespace

struct KeyedLog::State : std::enable_shared_from_this<State> {
  struct Write {
    std::vector<KeyedChange> changes;
    WriteDone done;
  };

  State(PartitionLogPtr log, Options opts) : partition(std::move(log)), options(opts) {}

  Result<void> load();
  void submit(Write write);
  std::optional<Staged> stage(Write& write, bool may_defer);
  void entered();
  void landed(const std::vector<KeyedChange>& changes, size_t bytes);
  void begin_snapshot();
  void write_snapshot();
  void release_deferred();
  void snapshot_landed(Offset start, bool ok);
  void left();
  void apply(std::string_view key, std::optional<std::string_view> value);

  const PartitionLogPtr partition;
  const Options options;

  mutable std::mutex mutex;  // guards what follows
  std::condition_variable idle;
  LiveMap live;
  size_t live_bytes = 0;
  size_t bytes_since_snapshot = 0;
  size_t on_their_way = 0;  // appends, rolls and deletions not completed yet
  // While a snapshot is prepared no write may slip between the roll and the snapshot: it would be
  // newer than the snapshot but lie before it. Writes wait in `deferred` for that moment.
  bool snapshotting = false;
  bool roll_asked = false;
  size_t entering = 0;  // writers between looking at `snapshotting` and having queued
  std::deque<Write> deferred;
  std::vector<std::move_only_function<void()>> roll_waiters;
  size_t snapshot_left = 0;
  bool snapshot_ok = true;
};

void KeyedLog::State::apply(std::string_view key, std::optional<std::string_view> value) {
  const auto found = live.find(key);
  if (found != live.end()) {
    live_bytes -= found->first.size() + found->second.size();
    if (value) {
      found->second = *value;
    } else {
      live.erase(found);
    }
  } else if (value) {
    live.emplace(key, *value);
  }
  if (value) live_bytes += key.size() + value->size();
}

Result<void> KeyedLog::State::load() {
  std::string scratch;
  Offset next = partition->log_start();
  while (next < partition->high_watermark()) {
    FRESHET_ASSIGN(const auto read, partition->read(next, kReadBytes));
    for (const auto& slice : read.slices) {
      std::string_view rest = slice.bytes;
      while (true) {
        FRESHET_ASSIGN(const auto batch, kafka::next_batch(rest));
        if (!batch) break;
        next = batch->next_offset();
        if (batch->is_control()) continue;
        FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(*batch, scratch));
        RecordView record;
        while (records.next(record)) {
          if (record.key) apply(*record.key, record.value);
        }
        FRESHET_TRY(records.finish());
      }
    }
  }
  bytes_since_snapshot = partition->size_bytes();
  return {};
}

void KeyedLog::State::submit(Write write) {
  auto staged = stage(write, /*may_defer=*/true);
  if (!staged) return;
  auto& append = staged->append;
  append.log->append(std::move(append.batches), std::move(append.done));
}

// nullopt while the log is being rolled; the write is then kept for later, or left untouched.
std::optional<KeyedLog::Staged> KeyedLog::State::stage(Write& write, bool may_defer) {
  {
    const std::lock_guard lock(mutex);
    if (snapshotting) {
      if (may_defer) deferred.push_back(std::move(write));
      return std::nullopt;
    }
    ++entering;
    ++on_their_way;
  }
  std::string batch = encode(write.changes);
  const size_t bytes = batch.size();
  const auto self = shared_from_this();
  return Staged{
      .append = {.log = partition,
                 .batches = AppendBatches::from_string(std::move(batch)),
                 .done =
                     [self, write = std::move(write), bytes](AppendResult result) mutable {
                       if (result.ok()) {
                         self->landed(write.changes, bytes);
                         write.done({});
                       } else {
                         write.done(std::unexpected(append_error(*self->partition, result)));
                       }
                       self->left();
                     }},
      .entered = std::shared_ptr<const void>(nullptr, [self](const void*) { self->entered(); })};
}

void KeyedLog::State::entered() {
  bool roll = false;
  {
    const std::lock_guard lock(mutex);
    --entering;
    roll = snapshotting && !roll_asked && entering == 0;
    roll_asked |= roll;
  }
  if (roll) begin_snapshot();
}

void KeyedLog::State::landed(const std::vector<KeyedChange>& changes, size_t bytes) {
  bool roll = false;
  {
    const std::lock_guard lock(mutex);
    for (const auto& change : changes) {
      apply(change.key,
            change.value ? std::optional<std::string_view>(*change.value) : std::nullopt);
    }
    bytes_since_snapshot += bytes;
    // A map that is itself large is not rewritten after every few changes.
    if (!snapshotting && bytes_since_snapshot > std::max(options.segment_bytes, 2 * live_bytes)) {
      snapshotting = true;
      roll = entering == 0;
      roll_asked = roll;
    }
  }
  if (roll) begin_snapshot();
}

void KeyedLog::State::begin_snapshot() {
  {
    const std::lock_guard lock(mutex);
    ++on_their_way;
  }
  partition->roll([self = shared_from_this()](Result<void> rolled) {
    if (rolled) {
      self->write_snapshot();
    } else {
      logger.warn("state log was not rolled", kv("partition", self->partition->tp()),
                  kv("error", rolled.error()));
    }
    self->release_deferred();
    self->left();
  });
}

// On the commit thread, right after the roll: everything that lies before it has landed in `live`,
// and nothing lies behind it.
void KeyedLog::State::write_snapshot() {
  const Offset start = partition->high_watermark();
  std::vector<std::string> batches;
  {
    const std::lock_guard lock(mutex);
    kafka::RecordBatchBuilder builder({.reserve_bytes = kSnapshotBatchBytes});
    const int64_t timestamp_ms = now_ms();
    for (const auto& [key, value] : live) {
      builder.append(timestamp_ms, key, value);
      if (builder.size_bytes() > kSnapshotBatchBytes) batches.push_back(builder.build());
    }
    if (!builder.empty()) batches.push_back(builder.build());
    bytes_since_snapshot = 0;
    for (const auto& batch : batches) bytes_since_snapshot += batch.size();
    snapshot_left = batches.size();
    snapshot_ok = true;
    on_their_way += batches.size();
  }
  for (auto& batch : batches) {
    partition->append(AppendBatches::from_string(std::move(batch)),
                      [self = shared_from_this(), start](AppendResult result) {
                        self->snapshot_landed(start, result.ok());
                        self->left();
                      });
  }
  if (batches.empty()) snapshot_landed(start, true);
}

void KeyedLog::State::release_deferred() {
  std::deque<Write> waiting;
  std::vector<std::move_only_function<void()>> ready;
  {
    const std::lock_guard lock(mutex);
    snapshotting = false;
    roll_asked = false;
    waiting.swap(deferred);
    ready.swap(roll_waiters);
  }
  for (auto& write : waiting) submit(std::move(write));
  for (auto& waiter : ready) waiter();
}

void KeyedLog::State::snapshot_landed(Offset start, bool ok) {
  bool remove = false;
  {
    const std::lock_guard lock(mutex);
    snapshot_ok &= ok;
    if (snapshot_left > 0) --snapshot_left;
    remove = snapshot_left == 0 && snapshot_ok;
    if (remove) ++on_their_way;
  }
  if (!remove) return;
  partition->delete_before(start, [self = shared_from_this()](Result<Offset> moved) {
    if (!moved) {
      logger.warn("old segments of a state log stay", kv("partition", self->partition->tp()),
                  kv("error", moved.error()));
    }
    self->left();
  });
}

void KeyedLog::State::left() {
  const std::lock_guard lock(mutex);
  --on_their_way;
  idle.notify_all();
}

KeyedLog::KeyedLog(std::shared_ptr<State> state) : state_(std::move(state)) {}

KeyedLog::~KeyedLog() {
  std::unique_lock lock(state_->mutex);
  state_->idle.wait(lock, [this] { return state_->on_their_way == 0 && !state_->snapshotting; });
}

Result<std::unique_ptr<KeyedLog>> KeyedLog::open(PartitionLogPtr partition, Options options) {
  auto state = std::make_shared<State>(std::move(partition), options);
  FRESHET_TRY_CONTEXT(state->load(), "state log {}", state->partition->tp());
  return std::unique_ptr<KeyedLog>(new KeyedLog(std::move(state)));
}

void KeyedLog::write(std::vector<KeyedChange> changes, WriteDone done) {
  if (changes.empty()) {
    done({});
    return;
  }
  state_->submit({.changes = std::move(changes), .done = std::move(done)});
}

std::optional<KeyedLog::Staged> KeyedLog::stage(std::vector<KeyedChange> changes, WriteDone done) {
  FRESHET_CHECK(!changes.empty(), "a staged write changes something");
  State::Write write{.changes = std::move(changes), .done = std::move(done)};
  // Not deferred: what it goes together with would not wait.
  return state_->stage(write, /*may_defer=*/false);
}

void KeyedLog::when_rolled(std::move_only_function<void()> ready) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->snapshotting) {
      state_->roll_waiters.push_back(std::move(ready));
      return;
    }
  }
  ready();
}

Result<void> KeyedLog::write(std::vector<KeyedChange> changes) {
  std::promise<Result<void>> promise;
  auto result = promise.get_future();
  write(std::move(changes), [&promise](Result<void> r) { promise.set_value(std::move(r)); });
  return result.get();
}

std::optional<std::string> KeyedLog::get(std::string_view key) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->live.find(key);
  if (found == state_->live.end()) return std::nullopt;
  return found->second;
}

size_t KeyedLog::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->live.size();
}

void KeyedLog::visit(const Visitor& visit) const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [key, value] : state_->live) visit(key, value);
}

}  // namespace freshet::broker
