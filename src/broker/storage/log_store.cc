#include "broker/storage/log_store.h"

#include <condition_variable>
#include <future>
#include <mutex>

#include "broker/storage/log_store_core.h"

namespace freshet::broker {
namespace {

template <class T>
auto promise_setter(std::promise<Result<T>>& promise) {
  return [&promise](Result<T> result) { promise.set_value(std::move(result)); };
}

}  // namespace

LogStore::LogStore(std::unique_ptr<LogStoreCore> core) : core_(std::move(core)) {}
LogStore::~LogStore() = default;

Result<std::unique_ptr<LogStore>> LogStore::open(LogStoreOptions options) {
  if (options.wal_file_bytes < kWalFileBytesMin || options.wal_files_max < kWalFilesMin) {
    return fail(Errc::kInvalidArgument,
                "write-ahead log of {} files of {} bytes: at least {} files of {} bytes are needed",
                options.wal_files_max, options.wal_file_bytes, kWalFilesMin, kWalFileBytesMin);
  }
  const auto directory = options.directory;
  auto core = std::make_unique<LogStoreCore>(std::move(options));
  FRESHET_TRY_CONTEXT(core->start(), "log directory {}", directory.native());
  return std::unique_ptr<LogStore>(new LogStore(std::move(core)));
}

Result<void> LogStore::close() { return core_->close(); }
PartitionLogPtr LogStore::find(const TopicPartition& tp) const { return core_->find(tp); }
std::vector<PartitionLogPtr> LogStore::partitions() const { return core_->partitions(); }
int32_t LogStore::leader_epoch() const { return core_->leader_epoch(); }

void LogStore::create_partitions(std::vector<PartitionSpec> specs, CreateDone done) {
  core_->enqueue(LogStoreCore::Create{.specs = std::move(specs), .done = std::move(done)});
}

Result<std::vector<PartitionLogPtr>> LogStore::create_partitions(std::vector<PartitionSpec> specs) {
  std::promise<Result<std::vector<PartitionLogPtr>>> promise;
  auto result = promise.get_future();
  create_partitions(std::move(specs), promise_setter(promise));
  return result.get();
}

void LogStore::delete_partitions(std::vector<TopicPartition> tps, DeleteDone done) {
  core_->enqueue(LogStoreCore::Delete{.tps = std::move(tps), .done = std::move(done)});
}

Result<void> LogStore::delete_partitions(std::vector<TopicPartition> tps) {
  std::promise<Result<void>> promise;
  auto result = promise.get_future();
  delete_partitions(std::move(tps), promise_setter(promise));
  return result.get();
}

void LogStore::append_together(std::vector<PartitionAppend> appends) {
  core_->append_together(std::move(appends));
}

bool LogStore::has_room() const { return core_->has_room(); }
void LogStore::on_room(std::move_only_function<void()> ready) { core_->on_room(std::move(ready)); }

bool LogStore::wait_for_room(std::chrono::steady_clock::time_point deadline) {
  if (has_room()) return true;
  // Shared, because the call may come after this function has given up.
  struct Signal {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
  };
  const auto signal = std::make_shared<Signal>();
  on_room([signal] {
    const std::lock_guard lock(signal->mutex);
    signal->ready = true;
    signal->changed.notify_all();
  });
  std::unique_lock lock(signal->mutex);
  return signal->changed.wait_until(lock, deadline, [&] { return signal->ready; });
}

Result<void> LogStore::checkpoint() { return core_->checkpoint(); }

void LogStore::apply_retention() { core_->apply_retention(); }
void LogStore::compact(const std::function<bool()>& cancelled) { core_->compact(cancelled); }

}  // namespace freshet::broker
