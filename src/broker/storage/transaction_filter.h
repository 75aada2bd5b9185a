// Tells compaction which transactional batches were rolled back, and which markers end nothing.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "broker/storage/open_transactions.h"
#include "kafka/record_batch.h"

namespace freshet::broker {

/// Follows batches in offset order, below the last stable offset. `aborted` are the transactions
/// rolled back that have offsets among them.
class TransactionFilter {
 public:
  explicit TransactionFilter(std::vector<AbortedTransaction> aborted);

  /// A batch that is no marker: whether its transaction was rolled back.
  [[nodiscard]] bool is_aborted(kafka::RecordBatchView batch);
  /// A control batch: whether it is a marker, and no batch of its transaction came before it.
  [[nodiscard]] bool ends_nothing(kafka::RecordBatchView batch);

 private:
  void come_to(Offset offset);

  std::vector<AbortedTransaction> aborted_;  // by first offset
  size_t next_ = 0;
  std::map<int64_t, bool> rolled_back_;  // producer whose transaction was -> a batch was met
  std::set<int64_t> committed_;          // producers with batches of one that was not
};

}  // namespace freshet::broker
