// From log bytes to a block that is ready to be written: fetch, cut, decode, encode.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "decode/json_decoder.h"
#include "kafka/group_consumer.h"
#include "kafka/record_batch.h"
#include "model/column_batch.h"
#include "model/offset.h"
#include "model/record.h"
#include "pipeline/byte_budget.h"
#include "pipeline/dead_letters.h"
#include "pipeline/range_cutter.h"
#include "pipeline/range_sink.h"
#include "pipeline/timestamp_runs.h"

namespace freshet::pipeline {

/// What one preparation works with; kept and reused, because its buffers have grown to the size of
/// a range and a decoder has learned the records' key order.
struct Workbench {
  explicit Workbench(decode::JsonDecoder json)
      : decoder(std::move(json)), batch(decoder.schema()) {}
  decode::JsonDecoder decoder;
  ColumnBatch batch;
  std::vector<Offset> offsets;  // of the batch's rows
  std::vector<RecordView> records;
  std::vector<Reject> rejects;
  std::vector<std::unique_ptr<std::string>> scratch;  // decompressed batches
};

/// A range in memory. Whoever holds it holds `share` of the budget.
struct PreparedRange {
  OffsetRange range{};
  int64_t records = 0;
  size_t payload_bytes = 0;
  Offset high_watermark;  // of the log while it was read
  sink::EncodedBlock block;
  std::vector<DeadLetter> letters;
  TimestampRuns timestamps;
  /// `on_reject: stop`: the range ends before this record, which is why the pipeline must stop.
  std::optional<DeadLetter> stops_before;
  bool counted = false;  // against the limits of dead letters
  BudgetShare share;
};

/// Any thread, several at a time.
class RangePreparer {
 public:
  struct Settings {
    RangeLimits limits;
    decode::JsonPlan plan;
    bool stop_on_reject = false;
  };
  /// References outlive the preparer. kInvalidArgument if the plan makes no decoder.
  static Result<std::unique_ptr<RangePreparer>> create(Settings settings,
                                                       kafka::GroupConsumer& consumer,
                                                       const RangeSink& sink);

  /// Cuts the next range from `first` on: as RangeCutter says, or shorter if its rows take much
  /// more memory than its records. nullopt: nothing is there. With `stops_before` the range may be
  /// empty: then `range.last` is `first` - 1 and there is nothing to write.
  Result<std::optional<PreparedRange>> cut(const TopicPartition& tp, Offset first,
                                           BudgetShare share);

  /// A range with its rows still as columns, for replay.
  struct Rows {
    explicit Rows(RangePreparer& owner) : owner_(&owner) {}
    Rows(Rows&& other) noexcept = default;
    Rows& operator=(Rows&& other) noexcept = default;
    ~Rows();
    PreparedRange prepared;  // block is empty
    [[nodiscard]] const ColumnBatch& batch() const { return bench_->batch; }
    [[nodiscard]] const std::vector<Offset>& offsets() const { return bench_->offsets; }

   private:
    friend class RangePreparer;
    RangePreparer* owner_;
    std::unique_ptr<Workbench> bench_;
  };
  /// Reads exactly `range`. kOutOfRange if the log does not hold all of its positions.
  Result<Rows> read(const TopicPartition& tp, OffsetRange range, BudgetShare share);

  /// The record at `offset` as a letter, for a row that the destination refuses.
  Result<DeadLetter> letter(const TopicPartition& tp, const Reject& reject);

  /// Bytes to take from the budget before a preparation of about `payload_bytes`.
  [[nodiscard]] static size_t budget_for(size_t payload_bytes) { return 2 * payload_bytes; }

 private:
  RangePreparer(Settings settings, kafka::GroupConsumer& consumer, const RangeSink& sink);

  std::unique_ptr<Workbench> take_bench();
  void give_back(std::unique_ptr<Workbench> bench);

  const Settings settings_;
  kafka::GroupConsumer& consumer_;
  const RangeSink& sink_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workbench>> free_;  // guarded by mutex_
};

}  // namespace freshet::pipeline
