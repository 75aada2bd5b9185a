#include "pipeline/log_reader.h"

#include <iterator>

namespace freshet::pipeline {

Result<bool> LogReader::fetch_more() {
  std::ranges::move(slices_, std::back_inserter(held_));
  slices_.clear();
  slice_ = 0;
  rest_ = {};
  FRESHET_ASSIGN_CONTEXT(
      auto fetched, consumer_.fetch(tp_, position_, fetch_bytes_, std::chrono::milliseconds(0)),
      "{} from offset {}", tp_, position_);
  high_watermark_ = fetched.high_watermark;
  slices_ = std::move(fetched.slices);
  if (slices_.empty()) return false;
  rest_ = slices_[0].bytes;
  return true;
}

Result<std::optional<kafka::RecordBatchView>> LogReader::next() {
  while (true) {
    if (rest_.empty()) {
      if (slice_ + 1 < slices_.size()) {
        rest_ = slices_[++slice_].bytes;
      } else {
        FRESHET_ASSIGN(const bool more, fetch_more());
        if (!more) return std::nullopt;
      }
      continue;
    }
    FRESHET_ASSIGN_CONTEXT(const auto batch, kafka::next_batch(rest_), "{} at offset {}", tp_,
                           position_);
    if (!batch) {
      return fail(Errc::kCorrupt, "{} at offset {}: a fetch ended inside a record batch", tp_,
                  position_);
    }
    if (batch->next_offset() <= position_) continue;
    FRESHET_TRY_CONTEXT(kafka::check_batch(*batch), "{} batch at offset {}", tp_,
                        batch->base_offset());
    position_ = batch->next_offset();
    return batch;
  }
}

void LogReader::release_read() { held_.clear(); }

}  // namespace freshet::pipeline
