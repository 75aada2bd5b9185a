// At which offset each leader epoch of a partition began.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/offset.h"

namespace freshet::broker {

/// Epochs only grow, and so do their start offsets. One thread at a time.
class LeaderEpochs {
 public:
  struct Entry {
    int32_t epoch = 0;
    Offset start;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  /// A batch with `epoch` begins at `start`; ignored unless the epoch is newer than all known.
  void note(int32_t epoch, Offset start);
  /// The log now ends at `end`.
  void cut(Offset end);
  /// OffsetForLeaderEpoch: the largest epoch <= `epoch` and where it ends; {-1, -1} when `epoch` is
  /// newer than all known, {epoch, start of the first} when older.
  [[nodiscard]] std::pair<int32_t, Offset> end_of(int32_t epoch, Offset log_end) const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  /// Kafka's leader-epoch-checkpoint: "0", the count, then "epoch start" per line.
  [[nodiscard]] std::string to_text() const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace freshet::broker
