#include "broker/storage/segment_scan.h"

namespace freshet::broker {

SegmentScan scan_segment(
    std::string_view bytes, uint64_t position, Offset expected, OffsetGaps gaps,
    const std::function<void(kafka::RecordBatchView batch, uint64_t position)>& visit) {
  SegmentScan scan{.end = position, .next = expected, .fault = {}};
  std::string_view rest = bytes.substr(position);
  while (!rest.empty()) {
    if (rest.size() > kafka::batch_layout::kMagic && rest[kafka::batch_layout::kMagic] != 2) {
      scan.fault = "no record batch begins here";
      return scan;
    }
    const auto batch = kafka::next_batch(rest);
    if (!batch) {
      scan.fault = batch.error().message();
      return scan;
    }
    if (!*batch) {
      scan.fault = "the file ends inside a batch";
      return scan;
    }
    if (auto sound = kafka::check_batch(**batch); !sound) {
      scan.fault = sound.error().message();
      return scan;
    }
    const bool follows = gaps == OffsetGaps::kAllowed ? (*batch)->base_offset() >= scan.next
                                                      : (*batch)->base_offset() == scan.next;
    if (!follows) {
      scan.fault = fmt::format("batch has base offset {} where {} is expected",
                               (*batch)->base_offset(), scan.next);
      return scan;
    }
    visit(**batch, scan.end);
    scan.end += (*batch)->size();
    scan.next = (*batch)->next_offset();
  }
  return scan;
}

}  // namespace freshet::broker
