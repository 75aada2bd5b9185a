// Producer ids for idempotent producers: from a durable counter, never given out twice.
//
// Ids are reserved in blocks: the end of a block is durable in the meta log before its first id is
// given out, so a crash skips ids but never repeats one.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "broker/storage/keyed_log.h"

namespace freshet::broker {

/// Any thread. Callbacks run on the calling thread or on the commit thread of the log.
class ProducerIds {
 public:
  using Done = std::move_only_function<void(Result<int64_t>)>;

  /// `meta` outlives this object.
  static Result<std::unique_ptr<ProducerIds>> open(KeyedLog& meta);

  void next(Done done);

 private:
  ProducerIds(KeyedLog& meta, int64_t reserved) : meta_(meta), next_(reserved), end_(reserved) {}
  void reserve(int64_t end);

  KeyedLog& meta_;
  std::mutex mutex_;
  // Guarded by mutex_.
  int64_t next_;
  int64_t end_;                // ids below are reserved durably
  std::vector<Done> waiting_;  // not empty: a reservation is on its way
};

}  // namespace freshet::broker
