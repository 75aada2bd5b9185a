#include "broker/storage/transaction_filter.h"

#include <algorithm>

#include "kafka/transaction_marker.h"

namespace freshet::broker {

TransactionFilter::TransactionFilter(std::vector<AbortedTransaction> aborted)
    : aborted_(std::move(aborted)) {
  std::ranges::sort(aborted_, {}, &AbortedTransaction::first_offset);
}

void TransactionFilter::come_to(Offset offset) {
  for (; next_ < aborted_.size() && aborted_[next_].first_offset <= offset; ++next_) {
    rolled_back_.emplace(aborted_[next_].producer_id, false);
  }
}

bool TransactionFilter::is_aborted(kafka::RecordBatchView batch) {
  if (!batch.is_transactional()) return false;
  come_to(batch.last_offset());
  const auto found = rolled_back_.find(batch.producer_id());
  if (found == rolled_back_.end()) {
    committed_.insert(batch.producer_id());
    return false;
  }
  found->second = true;
  return true;
}

bool TransactionFilter::ends_nothing(kafka::RecordBatchView batch) {
  const auto marker = kafka::decode_marker(batch);
  if (!marker) return false;
  come_to(batch.last_offset());
  if (marker->commit) return committed_.erase(marker->producer_id) == 0;
  const auto ended = rolled_back_.extract(marker->producer_id);
  return ended.empty() || !ended.mapped();
}

}  // namespace freshet::broker
