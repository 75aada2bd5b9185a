// Reads the batches of one partition in offset order, fetching as it goes; checks every CRC, so
// that what the disk or the network damaged is never written anywhere.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "kafka/record_batch.h"
#include "model/offset.h"

namespace freshet::pipeline {

/// One thread at a time. The consumer outlives the reader.
class LogReader {
 public:
  static constexpr size_t kFetchBytes = 4 << 20;

  LogReader(kafka::GroupConsumer& consumer, const TopicPartition& tp, Offset from,
            size_t fetch_bytes = kFetchBytes)
      : consumer_(consumer), tp_(tp), position_(from), fetch_bytes_(fetch_bytes) {}

  /// The next batch that holds positions from position() on; nullopt at the end of the log. Its
  /// bytes stay valid until release_read(). kOutOfRange if retention has passed position();
  /// kCorrupt with the offset.
  Result<std::optional<kafka::RecordBatchView>> next();

  /// Lets go of all bytes but those of the batch read last.
  void release_read();

  /// First offset that no batch read so far covers.
  [[nodiscard]] Offset position() const { return position_; }
  /// Of the last fetch; kNoOffset before the first.
  [[nodiscard]] Offset high_watermark() const { return high_watermark_; }

 private:
  Result<bool> fetch_more();

  kafka::GroupConsumer& consumer_;
  const TopicPartition& tp_;
  Offset position_;
  const size_t fetch_bytes_;
  Offset high_watermark_ = kNoOffset;
  std::vector<kafka::LogSlice> held_;  // read wholly, but perhaps still looked at
  std::vector<kafka::LogSlice> slices_;
  size_t slice_ = 0;
  std::string_view rest_;  // of slices_[slice_]
};

}  // namespace freshet::pipeline
