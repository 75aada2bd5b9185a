#include "pipeline/range_sink.h"

#include "warehouse/clickhouse_error.h"

namespace freshet::pipeline {

const std::vector<sink::SinkColumn>& ClickHouseRangeSink::columns() const {
  return table_->columns();
}

const std::shared_ptr<const Schema>& ClickHouseRangeSink::schema() const {
  return table_->schema();
}

const sink::Proof& ClickHouseRangeSink::proof() const { return table_->proof(); }

std::string ClickHouseRangeSink::display() const {
  return fmt::format("table {}", table_->table().name.display());
}

sink::EncodedBlock ClickHouseRangeSink::encode(const TopicPartition& tp, const ColumnBatch& batch,
                                               std::span<const Offset> offsets) const {
  return table_->encode(tp, batch, offsets);
}

Result<void> ClickHouseRangeSink::write(const sink::RangeWrite& write,
                                        const sink::EncodedBlock& block) {
  return table_->write(write, block);
}

Result<sink::ReplayOutcome> ClickHouseRangeSink::replay(const sink::RangeWrite& write,
                                                        const ColumnBatch& batch,
                                                        std::span<const Offset> offsets) {
  return table_->replay(write, batch, offsets);
}

Result<sink::OffsetPresence> ClickHouseRangeSink::probe(const TopicPartition& tp,
                                                        OffsetRange range) {
  return table_->probe(tp, range);
}

Result<std::vector<sink::RowVerdict>> ClickHouseRangeSink::account(
    const TopicPartition& tp, const ColumnBatch& batch, std::span<const Offset> offsets) {
  return table_->account(tp, batch, offsets);
}

Result<std::vector<sink::OriginSummary>> ClickHouseRangeSink::origins() {
  return table_->origins();
}

WriteFailure ClickHouseRangeSink::classify(const Error& error) const {
  const auto code = warehouse::clickhouse_code(error);
  if (!code) return is_retriable(error.code()) ? WriteFailure::kRetriable : WriteFailure::kFatal;
  switch (warehouse::failure_class(*code)) {
    case warehouse::FailureClass::kRetriable:
      return WriteFailure::kRetriable;
    case warehouse::FailureClass::kData:
      return WriteFailure::kRefused;
    case warehouse::FailureClass::kSchema:
    case warehouse::FailureClass::kFatal:
      return WriteFailure::kFatal;
  }
  return WriteFailure::kFatal;
}

}  // namespace freshet::pipeline
