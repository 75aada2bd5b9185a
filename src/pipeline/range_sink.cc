#include "pipeline/range_sink.h"

#include <algorithm>

#include "warehouse/clickhouse_error.h"

namespace freshet::pipeline {

Trouble RangeSink::trouble(const Error& error) const {
  switch (error.code()) {
    case Errc::kTimeout:
      return Trouble::kTimeout;
    case Errc::kUnavailable:
      return Trouble::kNetwork;
    case Errc::kNoSpace:
    case Errc::kIo:
      return Trouble::kDisk;
    default:
      return Trouble::kOther;
  }
}

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

std::optional<sink::PartCounts> ClickHouseRangeSink::parts() const { return table_->parts(); }

Result<bool> ClickHouseRangeSink::is_empty() { return table_->is_empty(); }

Result<size_t> ClickHouseRangeSink::remove_copies(const TopicPartition& tp,
                                                  std::span<const Offset> offsets) {
  return table_->remove_copies(tp, offsets);
}

bool ClickHouseRangeSink::has_views() const { return table_->has_views(); }

WriteFailure ClickHouseRangeSink::classify(const Error& error) const {
  const auto code = warehouse::clickhouse_code(error);
  if (!code) {
    // An answer that cannot be read says nothing about the rows: the next one may be whole.
    const bool again = is_retriable(error.code()) || error.code() == Errc::kCorrupt;
    return again ? WriteFailure::kRetriable : WriteFailure::kFatal;
  }
  switch (warehouse::failure_class(*code)) {
    case warehouse::FailureClass::kRetriable:
    case warehouse::FailureClass::kAccess:  // a password or a grant that changed comes back as well
      return WriteFailure::kRetriable;
    case warehouse::FailureClass::kData:
      return warehouse::is_row_error(*code) ? WriteFailure::kRefused : WriteFailure::kFatal;
    case warehouse::FailureClass::kSchema:
    case warehouse::FailureClass::kFatal:
      return WriteFailure::kFatal;
  }
  return WriteFailure::kFatal;
}

Trouble ClickHouseRangeSink::trouble(const Error& error) const {
  const auto code = warehouse::clickhouse_code(error);
  if (!code) return RangeSink::trouble(error);
  switch (*code) {
    case 252:  // TOO_MANY_PARTS
      return Trouble::kTooManyParts;
    case 173:  // CANNOT_ALLOCATE_MEMORY
    case 241:  // MEMORY_LIMIT_EXCEEDED
    case 777:  // MEMORY_RESERVATION_KILLED
    case 778:  // MEMORY_RESERVATION_FAILED
      return Trouble::kMemory;
    case 164:  // READONLY
    case 242:  // TABLE_IS_READ_ONLY
    case 774:  // TABLE_IS_PERMANENTLY_READ_ONLY
      return Trouble::kReadOnly;
    case 201:  // QUOTA_EXCEEDED
    case 202:  // TOO_MANY_SIMULTANEOUS_QUERIES
    case 203:  // NO_FREE_CONNECTION
    case 364:  // RECEIVED_ERROR_TOO_MANY_REQUESTS
    case 700:  // USER_SESSION_LIMIT_EXCEEDED
    case 745:  // SERVER_OVERLOADED
    case 749:  // TCP_CONNECTION_LIMIT_REACHED
    case 762:  // HTTP_CONNECTION_LIMIT_REACHED
    case 776:  // RESOURCE_LIMIT_EXCEEDED
      return Trouble::kQuota;
    case 75:   // CANNOT_WRITE_TO_FILE_DESCRIPTOR
    case 243:  // NOT_ENOUGH_SPACE
      return Trouble::kDisk;
    case 159:  // TIMEOUT_EXCEEDED
    case 209:  // SOCKET_TIMEOUT
      return Trouble::kTimeout;
    case 198:  // DNS_ERROR
    case 210:  // NETWORK_ERROR
    case 279:  // ALL_CONNECTION_TRIES_FAILED
      return Trouble::kNetwork;
    default:
      return warehouse::failure_class(*code) == warehouse::FailureClass::kAccess ? Trouble::kAccess
                                                                                 : Trouble::kOther;
  }
}

Result<void> ClickHouseRangeSink::check_divisible(const TopicPartition& tp,
                                                  std::span<const Offset> offsets) {
  if (!table_->has_views() && offsets.size() <= 1) return {};  // one row: refused, so not there
  if (!proof().by_provenance) {
    return fail(Errc::kRefused, "it cannot say which rows it took ({})", proof().reason);
  }
  if (!table_->has_views() || offsets.empty()) return {};
  const auto [first, last] = std::ranges::minmax(offsets);
  FRESHET_ASSIGN(const auto there, table_->probe(tp, {.first = first, .last = last}));
  const auto landed =
      std::ranges::count_if(offsets, [&](const Offset offset) { return there.contains(offset); });
  if (landed == 0) return {};
  return fail(Errc::kRefused,
              "{} of its {} rows are in the table already, but not in every materialized view's "
              "target. Mend the view so that it takes all of them (or make it skip the bad ones) "
              "and start again: the targets are then completed",
              landed, offsets.size());
}

RejectReason ClickHouseRangeSink::refusal(const Error& error) const {
  // The engine's words, whatever the code of the expression that failed.
  return error.message().find("while pushing to view") != std::string::npos
             ? RejectReason::kRefusedByView
             : RejectReason::kRefusedByTable;
}

}  // namespace freshet::pipeline
