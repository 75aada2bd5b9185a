// Which offsets of a range stand in a table: two bits an offset, so that a hundred million offsets
// are compared in 25 MB.
#pragma once

#include <cstdint>
#include <vector>

#include "model/offset.h"

namespace freshet::sink {

/// Value type; filled by one writer.
class OffsetPresence {
 public:
  /// Most offsets that one presence may span: 64 Mi (16 MiB of memory). Longer ranges are taken in
  /// pieces.
  static constexpr int64_t kSpanMax = int64_t{64} << 20;

  explicit OffsetPresence(OffsetRange range);

  [[nodiscard]] OffsetRange range() const { return range_; }
  /// Offsets outside the range are ignored.
  void add(Offset offset, uint64_t times = 1);
  [[nodiscard]] bool contains(Offset offset) const;
  /// Physically there more than once.
  [[nodiscard]] bool is_doubled(Offset offset) const;
  /// Distinct offsets there.
  [[nodiscard]] size_t count() const { return count_; }
  /// Distinct offsets that are there more than once.
  [[nodiscard]] size_t doubled_count() const { return doubled_count_; }
  /// All of them in order; for small ranges and messages.
  [[nodiscard]] std::vector<Offset> offsets() const;
  [[nodiscard]] std::vector<Offset> doubled() const;

 private:
  OffsetRange range_;
  std::vector<uint64_t> seen_;
  std::vector<uint64_t> twice_;
  size_t count_ = 0;
  size_t doubled_count_ = 0;
};

}  // namespace freshet::sink
