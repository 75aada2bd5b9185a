// Makes record batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kafka/record_batch.h"
#include "kafka/record_iterator.h"

namespace freshet::kafka {

struct BatchOptions {
  Codec codec = Codec::kNone;
  /// -1: no idempotence; then epoch and sequence stay -1 too.
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  int32_t base_sequence = -1;
  bool transactional = false;
  /// Room for that many bytes of records is allocated at once.
  size_t reserve_bytes = 64 << 10;
};

/// Collects records and builds one batch of them with base offset 0 and offsets 0, 1, 2 …
/// One thread at a time. No allocation per record; memory grows by doubling.
class RecordBatchBuilder {
 public:
  explicit RecordBatchBuilder(BatchOptions options = {});

  /// Copies one record in. `headers` is in Kafka's encoding: empty, what RecordView::headers of a
  /// read record holds, or encode_headers().
  void append(int64_t timestamp_ms, std::optional<std::string_view> key,
              std::optional<std::string_view> value, std::string_view headers = {});

  [[nodiscard]] int32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Bytes that build() would return now, before compression.
  [[nodiscard]] size_t size_bytes() const { return size_; }

  /// The finished batch, CRC included; the builder is empty again and may be used for the next
  /// one, whose base sequence goes on after this one's. Must not be called when empty().
  [[nodiscard]] std::string build();

 private:
  void grow(size_t needed);

  BatchOptions options_;
  std::string buffer_;  // header room, then records; bytes from size_ on are scratch
  size_t size_ = batch_layout::kRecords;
  int32_t count_ = 0;
  int64_t base_timestamp_ms_ = 0;
  int64_t max_timestamp_ms_ = 0;
};

/// Headers in the encoding of RecordView::headers; append() takes it.
[[nodiscard]] std::string encode_headers(std::span<const HeaderView> headers);

}  // namespace freshet::kafka
