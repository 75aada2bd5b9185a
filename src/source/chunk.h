// Events read from a source, sorted by partition, on their way into record batches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/record_batch_builder.h"

namespace freshet::source {

/// Copies events in and builds one batch per partition that has any. Used again for chunk after
/// chunk. Thread: one at a time.
class Chunk {
 public:
  explicit Chunk(int32_t partitions) : partitions_(static_cast<size_t>(partitions)) {}

  void add(int32_t partition, int64_t timestamp_ms, std::optional<std::string_view> key,
           std::string_view value);

  [[nodiscard]] size_t events() const { return events_; }
  [[nodiscard]] size_t size_bytes() const { return text_.size(); }
  [[nodiscard]] bool has(int32_t partition) const {
    return !partitions_[static_cast<size_t>(partition)].empty();
  }

  /// The batch of a partition that has events; its last record carries `headers`.
  std::string build(int32_t partition, kafka::RecordBatchBuilder& builder,
                    std::string_view headers) const;

  void clear();

 private:
  struct Entry {
    size_t at;
    uint32_t key_size;
    uint32_t value_size;
    int64_t timestamp_ms;
    bool has_key;
  };
  std::string text_;  // keys and values back to back
  std::vector<std::vector<Entry>> partitions_;
  size_t events_ = 0;
};

}  // namespace freshet::source
