// A set of offsets as bits, in pieces of 1 Mi that exist only where something is in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "model/offset.h"

namespace freshet::pipeline {

/// Value type; filled by one writer. Offsets are not negative.
class OffsetSet {
 public:
  void add(Offset offset) {
    auto& piece = pieces_[offset.value() >> kShift];
    if (piece.empty()) piece.resize(kBits / 64);
    piece[index(offset)] |= bit(offset);
  }
  void add(OffsetRange range) {
    for (Offset offset = range.first; offset <= range.last; offset = offset + 1) add(offset);
  }
  [[nodiscard]] bool contains(Offset offset) const {
    const auto it = pieces_.find(offset.value() >> kShift);
    return it != pieces_.end() && (it->second[index(offset)] & bit(offset)) != 0;
  }

 private:
  static constexpr int kShift = 20;
  static constexpr size_t kBits = size_t{1} << kShift;
  static size_t index(Offset offset) {
    return (static_cast<uint64_t>(offset.value()) % kBits) / 64;
  }
  static uint64_t bit(Offset offset) {
    return uint64_t{1} << (static_cast<uint64_t>(offset.value()) % 64);
  }
  std::map<int64_t, std::vector<uint64_t>> pieces_;
};

}  // namespace freshet::pipeline
