// Whether an append is taken, and what taking it means: sequences, transactions, offsets.
#include <algorithm>
#include <utility>

#include "broker/storage/log_store_core.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

AppendResult refused(AppendStatus status, std::string message) {
  AppendResult result;
  result.status = status;
  result.message = std::move(message);
  return result;
}

}  // namespace

AppendResult LogStoreCore::admit(Group& group, const Append& append, int64_t now_ms) {
  auto& state = append.log->state();
  if (state.deleted) {
    return refused(AppendStatus::kDeleted, fmt::format("partition {} is deleted", state.tp));
  }
  char* const bytes = append.batches.bytes.data();
  std::string_view rest(bytes, append.batches.bytes.size());
  std::vector<kafka::RecordBatchView> batches;
  uint64_t entry_bytes = 0;
  while (!rest.empty()) {
    const auto batch = kafka::next_batch(rest);
    if (!batch) return refused(AppendStatus::kInvalidBatch, batch.error().message());
    if (!*batch || (*batch)->last_offset_delta() < 0) {
      return refused(AppendStatus::kInvalidBatch, "the bytes do not end with a whole batch");
    }
    entry_bytes += kWalEntryHeaderBytes + (*batch)->size();
    batches.push_back(**batch);
  }
  if (batches.empty()) return refused(AppendStatus::kInvalidBatch, "there is no batch in it");
  if (entry_bytes > wal_.group_bytes_max()) {
    return refused(AppendStatus::kTooLarge,
                   fmt::format("an append of {} bytes does not fit a write-ahead log file of {}",
                               entry_bytes, options_.wal_file_bytes));
  }
  if (auto decided = check_sequence(state, batches)) return std::move(*decided);
  if (auto decided = check_transaction(state, batches)) return std::move(*decided);
  AppendResult result;
  result.base_offset = state.next_offset;
  enter(group, append, batches, now_ms);
  result.last_offset = state.next_offset - 1;
  return result;
}

void LogStoreCore::enter(Group& group, const Append& append,
                         std::span<const kafka::RecordBatchView> batches, int64_t now_ms) {
  auto& state = append.log->state();
  if (state.group_part == SIZE_MAX) {
    state.group_part = group.parts.size();
    group.parts.push_back(
        {.log = append.log, .batches = {}, .applied = 0, .arrived = append.queued});
  }
  for (const auto& batch : batches) {
    char* const at = const_cast<char*>(batch.bytes().data());
    kafka::set_base_offset(at, state.next_offset);
    kafka::set_leader_epoch(at, leader_epoch_);
    state.next_offset = batch.next_offset();
    if (batch.has_producer_id()) {
      const std::lock_guard lock(state.mutex);
      state.producers.add(batch, now_ms);
      note_transaction(state, batch);
    }
    wal_.add({.type = WalEntryType::kBatch,
              .partition = state.tp.partition,
              .topic_id = state.topic_id,
              .payload = batch.bytes()});
    group.parts[state.group_part].batches.push_back(batch);
  }
}

// Under the partition's mutex.
void LogStoreCore::note_transaction(PartitionState& partition, kafka::RecordBatchView batch) {
  if (!batch.is_transactional()) return;
  if (!batch.is_control()) {
    partition.in_transaction.insert(batch.producer_id());
  } else if (kafka::decode_marker(batch)) {
    partition.in_transaction.erase(batch.producer_id());
    partition.may_begin.erase(batch.producer_id());
  }
}

std::optional<AppendResult> LogStoreCore::check_transaction(
    const PartitionState& partition, const std::vector<kafka::RecordBatchView>& batches) {
  for (const auto& batch : batches) {
    if (batch.is_control()) continue;
    if (!batch.has_producer_id()) {
      if (!batch.is_transactional()) continue;
      return refused(AppendStatus::kInvalidBatch, "a transactional batch has no producer id");
    }
    const bool open = partition.in_transaction.contains(batch.producer_id());
    if (batch.is_transactional() == open) continue;
    if (open) {
      return refused(AppendStatus::kInvalidTxnState,
                     fmt::format("partition {}: producer {} has a transaction open here and wrote "
                                 "outside of it",
                                 partition.tp, batch.producer_id()));
    }
    const std::lock_guard lock(partition.mutex);
    const auto allowed = partition.may_begin.find(batch.producer_id());
    if (allowed == partition.may_begin.end() || allowed->second != batch.producer_epoch()) {
      return refused(AppendStatus::kInvalidTxnState,
                     fmt::format("partition {} is in no transaction of producer {} epoch {}",
                                 partition.tp, batch.producer_id(), batch.producer_epoch()));
    }
  }
  return std::nullopt;
}

std::optional<AppendResult> LogStoreCore::check_sequence(
    const PartitionState& partition, const std::vector<kafka::RecordBatchView>& batches) {
  const bool idempotent = std::ranges::any_of(batches, [](kafka::RecordBatchView batch) {
    return batch.has_producer_id() && !batch.is_control();
  });
  if (!idempotent) return std::nullopt;
  if (batches.size() > 1) {
    return refused(AppendStatus::kInvalidBatch,
                   "an idempotent producer may append one batch at a time");
  }
  const auto& batch = batches.front();
  SequenceCheck check;
  {
    const std::lock_guard lock(partition.mutex);
    check = partition.producers.check(batch);
  }
  switch (check.verdict) {
    case SequenceVerdict::kNext:
      return std::nullopt;
    case SequenceVerdict::kDuplicate: {
      AppendResult result;
      result.status = AppendStatus::kDuplicate;
      result.base_offset = check.base_offset;
      result.last_offset = check.last_offset;
      return result;
    }
    case SequenceVerdict::kOutOfOrder:
      return refused(AppendStatus::kOutOfOrderSequence,
                     fmt::format("partition {}: producer {} epoch {} sent sequence {}, {} is "
                                 "expected",
                                 partition.tp, batch.producer_id(), batch.producer_epoch(),
                                 batch.base_sequence(), check.expected_sequence));
    case SequenceVerdict::kOldEpoch:
      return refused(AppendStatus::kInvalidProducerEpoch,
                     fmt::format("partition {}: producer {} has epoch {}, {} has written already",
                                 partition.tp, batch.producer_id(), batch.producer_epoch(),
                                 check.known_epoch));
  }
  return std::nullopt;
}

}  // namespace freshet::broker
