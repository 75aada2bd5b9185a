// Durable appends, reads and recovery of the log store.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>

#include "base/check.h"
#include "broker/storage/log_store.h"
#include "kafka/record_batch_builder.h"

namespace freshet::broker {
namespace {

constexpr size_t kRecordBytes = 100;

std::string batch_of(size_t bytes) {
  kafka::RecordBatchBuilder builder({.reserve_bytes = bytes});
  const std::string value(kRecordBytes, 'v');
  while (builder.size_bytes() + kRecordBytes < bytes || builder.empty()) {
    builder.append(1'700'000'000'000, std::nullopt, value);
  }
  return builder.build();
}

// A store with `partitions` partitions in a directory of its own, gone with it.
class Fixture {
 public:
  explicit Fixture(int partitions) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "freshet-bench-XXXXXX").native();
    directory_ = ::mkdtemp(pattern.data());
    open();
    std::vector<PartitionSpec> specs;
    TopicId id;
    id.bytes.fill(1);
    for (int p = 0; p < partitions; ++p) {
      specs.push_back({.tp = {.topic = "bench", .partition = p}, .topic_id = id, .config = {}});
    }
    auto made = store_->create_partitions(std::move(specs));
    FRESHET_CHECK(made.has_value());
    logs = std::move(*made);
  }
  ~Fixture() {
    logs.clear();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  void open() {
    logs.clear();
    store_.reset();
    LogStoreOptions options;
    options.directory = directory_;
    auto store = LogStore::open(options);
    FRESHET_CHECK(store.has_value());
    store_ = std::move(*store);
  }

  std::vector<PartitionLogPtr> logs;

 private:
  std::filesystem::path directory_;
  std::unique_ptr<LogStore> store_;
};

// Keeps at most `window` appends on their way.
class Window {
 public:
  explicit Window(int size) : free_(size), size_(size) {}
  void enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ > 0; });
    --free_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    ++free_;
    changed_.notify_all();
  }
  void drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ == size_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
  const int size_;
};

// Arguments: partitions, bytes of a batch, appends on their way.
void append_durable(benchmark::State& state) {
  Fixture fixture(static_cast<int>(state.range(0)));
  const auto batch = batch_of(static_cast<size_t>(state.range(1)));
  Window window(static_cast<int>(state.range(2)));
  size_t next = 0;
  for (auto _ : state) {
    window.enter();
    auto& log = *fixture.logs[next++ % fixture.logs.size()];
    log.append(AppendBatches::from_string(batch), [&window](AppendResult result) {
      FRESHET_CHECK(result.ok(), "{}", result.message);
      window.leave();
    });
  }
  window.drain();
  const auto batches = static_cast<int64_t>(state.iterations());
  state.SetBytesProcessed(batches * static_cast<int64_t>(batch.size()));
  state.SetItemsProcessed(batches * static_cast<int64_t>(batch.size() / kRecordBytes));
}
BENCHMARK(append_durable)
    ->Args({1, 1 << 10, 1})
    ->Args({1, 1 << 20, 8})
    ->Args({6, 1 << 20, 12})
    ->Args({6, 16 << 10, 100})
    ->Args({1000, 16 << 10, 1000})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void read_sequentially(benchmark::State& state) {
  Fixture fixture(1);
  Window window(8);
  const auto batch = batch_of(64 << 10);
  for (int i = 0; i < 1'000; ++i) {
    window.enter();
    fixture.logs[0]->append(AppendBatches::from_string(batch),
                            [&window](AppendResult) { window.leave(); });
  }
  window.drain();
  int64_t bytes = 0;
  Offset next(0);
  const auto& log = *fixture.logs[0];
  for (auto _ : state) {
    const auto read = log.read(next, 1 << 20);
    FRESHET_CHECK(read.has_value());
    std::string_view last;
    for (const auto& slice : read->slices) {
      bytes += static_cast<int64_t>(slice.bytes.size());
      last = slice.bytes;
    }
    while (!last.empty()) next = (**kafka::next_batch(last)).next_offset();
    if (next == log.high_watermark()) next = Offset(0);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(read_sequentially);

// Arguments: partitions, MiB in the log; the store is dropped as by a SIGKILL.
void recover(benchmark::State& state) {
  Fixture fixture(static_cast<int>(state.range(0)));
  const auto batch = batch_of(256 << 10);
  Window window(32);
  for (int64_t i = 0; i < state.range(1) * 4; ++i) {
    window.enter();
    fixture.logs[static_cast<size_t>(i) % fixture.logs.size()]->append(
        AppendBatches::from_string(batch), [&window](AppendResult) { window.leave(); });
  }
  window.drain();
  for (auto _ : state) fixture.open();
}
BENCHMARK(recover)->Args({1, 64})->Args({1000, 64})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace freshet::broker
