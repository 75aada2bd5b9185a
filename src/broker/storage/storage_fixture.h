// What the tests of the log store share: a directory of their own, batches, and blocking calls.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/storage/log_store.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::broker {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-log-XXXXXX").native();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct BatchSpec {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int32_t sequence = -1;
  int64_t timestamp_ms = 1'000;
  kafka::Codec codec = kafka::Codec::kNone;
  bool transactional = false;
};

inline std::string make_batch(const std::vector<std::string>& values, const BatchSpec& spec = {}) {
  kafka::RecordBatchBuilder builder({.codec = spec.codec,
                                     .producer_id = spec.producer_id,
                                     .producer_epoch = spec.epoch,
                                     .base_sequence = spec.sequence,
                                     .transactional = spec.transactional});
  for (const auto& value : values) builder.append(spec.timestamp_ms, std::nullopt, value);
  return builder.build();
}

inline TopicId topic_id(uint8_t number) {
  TopicId id;
  id.bytes.fill(number);
  return id;
}

inline PartitionLogPtr create_partition(LogStore& store, const TopicPartition& tp,
                                        const PartitionConfig& config = {}, uint8_t id = 1) {
  auto made = store.create_partitions({{.tp = tp, .topic_id = topic_id(id), .config = config}});
  EXPECT_TRUE(made) << made.error().message();
  return made ? made->front() : nullptr;
}

inline AppendResult append(PartitionLog& log, std::string batch) {
  std::promise<AppendResult> promise;
  auto result = promise.get_future();
  log.append(AppendBatches::from_string(std::move(batch)),
             [&promise](AppendResult r) { promise.set_value(std::move(r)); });
  return result.get();
}

/// Until the store's own thread has removed it.
inline void await_removal(const std::filesystem::path& path) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::filesystem::exists(path) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << path;
}

/// offset -> value, of everything that can be read from `from` on; stops at an error.
inline std::map<int64_t, std::string> read_all(const PartitionLog& log, Offset from,
                                               size_t bytes_max = 1 << 20) {
  std::map<int64_t, std::string> values;
  std::string scratch;
  Offset next = from;
  while (next < log.high_watermark()) {
    const auto read = log.read(next, bytes_max);
    if (!read || read->slices.empty()) {
      ADD_FAILURE() << "read at " << next.value() << ": "
                    << (read ? "nothing" : read.error().message());
      return values;
    }
    for (const auto& slice : read->slices) {
      std::string_view rest = slice.bytes;
      while (!rest.empty()) {
        const auto batch = kafka::next_batch(rest);
        if (!batch || !*batch) {
          ADD_FAILURE() << "a slice does not hold whole batches";
          return values;
        }
        auto records = kafka::RecordIterator::open(**batch, scratch);
        RecordView record;
        while (records && records->next(record)) {
          values[record.offset.value()] = std::string(record.value.value_or("(null)"));
        }
        next = (*batch)->next_offset();
      }
    }
  }
  return values;
}
inline std::map<int64_t, std::string> read_all(const PartitionLog& log) {
  return read_all(log, log.log_start());
}

/// Small files, so that a test sees many switches, checkpoints and rolls.
inline LogStoreOptions small_options(const std::filesystem::path& directory) {
  LogStoreOptions options;
  options.directory = directory;
  options.wal_file_bytes = kWalFileBytesMin;
  options.free_bytes_min = 0;
  return options;
}

inline std::unique_ptr<LogStore> open_store(const LogStoreOptions& options) {
  auto store = LogStore::open(options);
  EXPECT_TRUE(store) << store.error().message();
  return store ? std::move(*store) : nullptr;
}

}  // namespace freshet::broker
