#include "kafka/committed_records.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "kafka/transaction_marker.h"

namespace freshet::kafka {

namespace {

/// False: no reader takes it; it must not stand for other offsets either.
bool has_offsets(RecordBatchView batch) {
  return batch.base_offset() >= Offset(0) && batch.last_offset_delta() >= 0 &&
         batch.base_offset().value() <= INT64_MAX - 1 - batch.last_offset_delta();
}

/// Takes batches in order and puts what is left together again.
class Committed {
 public:
  explicit Committed(std::vector<AbortedTransaction> aborted) : aborted_(std::move(aborted)) {
    std::ranges::sort(aborted_, {}, &AbortedTransaction::first_offset);
  }

  void take(const LogSlice& slice) {
    std::string_view rest = slice.bytes;
    size_t kept = 0;  // bytes at the front of `rest_of_run` that stay
    std::string_view run = slice.bytes;
    while (true) {
      const auto batch = next_batch(rest);
      if (!batch || !*batch) break;
      if (!belongs_to_aborted(**batch)) {
        close_gap();
        kept += (*batch)->size();
        continue;
      }
      keep(slice, run.substr(0, kept));
      run = rest;
      kept = 0;
      extend_gap(**batch);
    }
    keep(slice, run.substr(0, kept));
  }

  std::vector<LogSlice> finish() {
    close_gap();
    return std::move(left_);
  }

 private:
  bool belongs_to_aborted(RecordBatchView batch) {
    if (!has_offsets(batch)) return false;
    for (; next_ < aborted_.size() && aborted_[next_].first_offset <= batch.last_offset();
         ++next_) {
      open_.insert(aborted_[next_].producer_id);
    }
    if (!batch.is_transactional() || !open_.contains(batch.producer_id())) return false;
    if (!batch.is_control()) return true;
    open_.erase(batch.producer_id());
    return false;
  }

  void keep(const LogSlice& slice, std::string_view bytes) {
    if (!bytes.empty()) left_.push_back({.owner = slice.owner, .bytes = bytes});
  }

  void extend_gap(RecordBatchView batch) {
    const bool fits = batch.base_offset() >= gap_first_ &&
                      batch.last_offset().value() - INT32_MAX <= gap_first_.value();
    if (!fits) close_gap();
    if (!gap_open_) gap_first_ = batch.base_offset();
    gap_open_ = true;
    gap_last_ = batch.last_offset();
    leader_epoch_ = batch.leader_epoch();
  }

  void close_gap() {
    if (!gap_open_) return;
    gap_open_ = false;
    const auto bytes =
        std::make_shared<std::string>(encode_gap(gap_first_, gap_last_, leader_epoch_));
    left_.push_back({.owner = bytes, .bytes = *bytes});
  }

  std::vector<AbortedTransaction> aborted_;  // by first offset
  size_t next_ = 0;                          // of them that has not begun
  std::set<int64_t> open_;                   // producers inside one of them
  std::vector<LogSlice> left_;
  bool gap_open_ = false;
  Offset gap_first_;
  Offset gap_last_;
  int32_t leader_epoch_ = -1;
};

}  // namespace

std::vector<LogSlice> leave_out_aborted(std::vector<LogSlice> slices,
                                        std::vector<AbortedTransaction> aborted) {
  if (aborted.empty()) return slices;
  Committed committed(std::move(aborted));
  for (const auto& slice : slices) committed.take(slice);
  return committed.finish();
}

}  // namespace freshet::kafka
