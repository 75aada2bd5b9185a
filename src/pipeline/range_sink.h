// Where a pipeline's ranges land, as the pipeline needs it. Real users: ClickHouseRangeSink in the
// program, testing/memory_sink.h in the crash model; lake and topic sinks are to follow.
//
// Thread: any thread may call any method, several at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/column_batch.h"
#include "model/offset.h"
#include "model/reject.h"
#include "pipeline/trouble.h"
#include "sink/clickhouse_sink.h"

namespace freshet::pipeline {

/// What a failed write means for the range that was to be written.
enum class WriteFailure {
  kRetriable,  // the same rows may land later
  kRefused,    // some of these rows will never be accepted: find them
  kFatal,      // the destination is not what the pipeline was built for: stop
};

class RangeSink {
 public:
  virtual ~RangeSink() = default;

  /// Columns of the rows, without provenance columns.
  [[nodiscard]] virtual const std::vector<sink::SinkColumn>& columns() const = 0;
  [[nodiscard]] virtual const std::shared_ptr<const Schema>& schema() const = 0;
  /// Whether the destination can say which offsets it holds.
  [[nodiscard]] virtual const sink::Proof& proof() const = 0;
  /// For messages: "table bitpin.events".
  [[nodiscard]] virtual std::string display() const = 0;

  [[nodiscard]] virtual sink::EncodedBlock encode(const TopicPartition& tp,
                                                  const ColumnBatch& batch,
                                                  std::span<const Offset> offsets) const = 0;
  /// After any error the range is in doubt.
  virtual Result<void> write(const sink::RangeWrite& write, const sink::EncodedBlock& block) = 0;
  /// Brings an in-doubt range to "landed exactly once"; may be repeated.
  virtual Result<sink::ReplayOutcome> replay(const sink::RangeWrite& write,
                                             const ColumnBatch& batch,
                                             std::span<const Offset> offsets) = 0;
  virtual Result<sink::OffsetPresence> probe(const TopicPartition& tp, OffsetRange range) = 0;
  virtual Result<std::vector<sink::RowVerdict>> account(const TopicPartition& tp,
                                                        const ColumnBatch& batch,
                                                        std::span<const Offset> offsets) = 0;
  virtual Result<std::vector<sink::OriginSummary>> origins() = 0;
  /// Whether it holds nothing at all; asked when a pipeline that has written before begins again.
  virtual Result<bool> is_empty() { return false; }
  /// Of the destination as seen last; nothing is asked for it. nullopt: it has no parts.
  [[nodiscard]] virtual std::optional<sink::PartCounts> parts() const { return std::nullopt; }
  /// Leaves one row of each of these offsets, which have more; returns how many rows went. May
  /// leave some standing (the destination was rearranged meanwhile): look again. Never removes the
  /// last.
  virtual Result<size_t> remove_copies(const TopicPartition& tp,
                                       std::span<const Offset> offsets) = 0;
  /// Whether rows also go where nobody can ask for them.
  [[nodiscard]] virtual bool has_views() const = 0;
  [[nodiscard]] virtual WriteFailure classify(const Error& error) const = 0;
  /// What an error that classify() calls retriable says of the destination.
  [[nodiscard]] virtual Trouble trouble(const Error& error) const;
  /// Whether a range with these rows, just refused, may be written again in parts under names of
  /// their own: it may if none of its rows is there, or if each row can be told apart. kRefused
  /// says why not; other errors: could not be asked.
  virtual Result<void> check_divisible(const TopicPartition& tp,
                                       std::span<const Offset> offsets) = 0;
  /// For the letter of a row with that error: who refused it.
  [[nodiscard]] virtual RejectReason refusal(const Error& error) const = 0;
};

/// RangeSink over a ClickHouse table. Owns the sink.
class ClickHouseRangeSink final : public RangeSink {
 public:
  explicit ClickHouseRangeSink(std::unique_ptr<sink::ClickHouseSink> table)
      : table_(std::move(table)) {}

  [[nodiscard]] const std::vector<sink::SinkColumn>& columns() const override;
  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const override;
  [[nodiscard]] const sink::Proof& proof() const override;
  [[nodiscard]] std::string display() const override;
  [[nodiscard]] sink::EncodedBlock encode(const TopicPartition& tp, const ColumnBatch& batch,
                                          std::span<const Offset> offsets) const override;
  Result<void> write(const sink::RangeWrite& write, const sink::EncodedBlock& block) override;
  Result<sink::ReplayOutcome> replay(const sink::RangeWrite& write, const ColumnBatch& batch,
                                     std::span<const Offset> offsets) override;
  Result<sink::OffsetPresence> probe(const TopicPartition& tp, OffsetRange range) override;
  Result<std::vector<sink::RowVerdict>> account(const TopicPartition& tp, const ColumnBatch& batch,
                                                std::span<const Offset> offsets) override;
  Result<std::vector<sink::OriginSummary>> origins() override;
  Result<bool> is_empty() override;
  [[nodiscard]] std::optional<sink::PartCounts> parts() const override;
  Result<size_t> remove_copies(const TopicPartition& tp, std::span<const Offset> offsets) override;
  [[nodiscard]] bool has_views() const override;
  [[nodiscard]] WriteFailure classify(const Error& error) const override;
  [[nodiscard]] Trouble trouble(const Error& error) const override;
  Result<void> check_divisible(const TopicPartition& tp, std::span<const Offset> offsets) override;
  [[nodiscard]] RejectReason refusal(const Error& error) const override;

 private:
  std::unique_ptr<sink::ClickHouseSink> table_;
};

}  // namespace freshet::pipeline
