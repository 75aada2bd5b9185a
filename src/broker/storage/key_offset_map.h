// The newest offset of each key, in bounded memory: what compaction decides by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/offset.h"

namespace freshet::broker {

/// Open addressing over 128 bits of SipHash-2-4 under a random secret: keys themselves are not
/// kept, and two of them are taken for one only by a chance of n^2 / 2^129, which no client can
/// better. 24 bytes per slot; grows by doubling up to its limit. One thread at a time.
class KeyOffsetMap {
 public:
  /// `bytes_max`: of the table once it has grown; half as much again while it grows.
  explicit KeyOffsetMap(size_t bytes_max);

  /// True if `count` more keys would still be within the limit.
  [[nodiscard]] bool has_room_for(size_t count) const;
  /// Takes the key in any case, has_room_for() or not. Later offsets replace earlier ones.
  void put(std::string_view key, Offset offset);
  /// kNoOffset: the key was not put.
  [[nodiscard]] Offset find(std::string_view key) const;
  [[nodiscard]] size_t size() const { return size_; }

 private:
  struct Slot {
    std::array<uint64_t, 2> hash{};
    int64_t offset = -1;
  };
  [[nodiscard]] std::array<uint64_t, 2> hash_of(std::string_view key) const;
  [[nodiscard]] size_t slot_of(const std::array<uint64_t, 2>& hash) const;
  void grow();

  const size_t slots_max_;
  std::array<uint64_t, 2> secret_{};
  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace freshet::broker
