#include "broker/storage/open_transactions.h"

#include "kafka/transaction_marker.h"

namespace freshet::broker {

std::optional<AbortedTransaction> OpenTransactions::note(kafka::RecordBatchView batch) {
  if (!batch.is_transactional() || !batch.has_producer_id()) return std::nullopt;
  if (!batch.is_control()) {
    restore(batch.producer_id(), batch.base_offset());
    return std::nullopt;
  }
  // One without a record was emptied by compaction, because nothing is left of its transaction.
  const bool emptied = batch.record_count() == 0;
  const auto marker = kafka::decode_marker(batch);
  if (!marker && !emptied) return std::nullopt;
  const auto found = open_.find(batch.producer_id());
  // A marker in a partition that was added to the transaction and never written to.
  if (found == open_.end()) return std::nullopt;
  AbortedTransaction ended{.producer_id = found->first,
                           .first_offset = found->second,
                           .last_offset = batch.last_offset(),
                           .last_stable_offset = batch.next_offset()};
  first_offsets_.erase(found->second);
  open_.erase(found);
  if (emptied || marker->commit) return std::nullopt;
  if (const auto first = first_offset()) ended.last_stable_offset = *first;
  return ended;
}

void OpenTransactions::restore(int64_t producer_id, Offset first_offset) {
  if (open_.emplace(producer_id, first_offset).second) first_offsets_.insert(first_offset);
}

std::optional<Offset> OpenTransactions::first_offset() const {
  if (first_offsets_.empty()) return std::nullopt;
  return *first_offsets_.begin();
}

std::optional<Offset> OpenTransactions::first_offset_of(int64_t producer_id) const {
  const auto found = open_.find(producer_id);
  if (found == open_.end()) return std::nullopt;
  return found->second;
}

}  // namespace freshet::broker
