// The series of the log store.
#pragma once

#include <cstddef>

#include "observe/metrics.h"

namespace freshet::broker {

/// Any thread. Does nothing without a registry.
class StorageProbe {
 public:
  explicit StorageProbe(MetricRegistry* registry);

  void group_committed(size_t appends, size_t bytes, double seconds);
  /// One fdatasync of the write-ahead log.
  void synced(double seconds);
  void append_refused();
  void checkpoint_wanted();

 private:
  Counter* commits_ = nullptr;
  Counter* appends_ = nullptr;
  Counter* bytes_ = nullptr;
  Counter* refused_ = nullptr;
  Counter* checkpoints_ = nullptr;
  Histogram* commit_seconds_ = nullptr;
  Histogram* sync_seconds_ = nullptr;
};

}  // namespace freshet::broker
