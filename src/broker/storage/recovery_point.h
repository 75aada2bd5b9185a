// The file `recovery-point`: up to where everything is known to be on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/storage/leader_epochs.h"
#include "broker/storage/open_transactions.h"
#include "broker/storage/producer_table.h"
#include "broker/storage/time_index.h"
#include "broker/storage/transaction_index.h"
#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::broker {

/// A partition's durable state. Everything before `position` of segment `segment_base`, all older
/// segments, that many entries of the segment's indexes, and all entries of the transaction indexes
/// were synced before this was written.
struct PartitionPoint {
  TopicPartition tp;
  TopicId topic_id;
  Offset log_start{0};
  Offset segment_base{0};
  uint64_t position = 0;
  Offset offset{0};  // one past the last record before `position`
  uint64_t offset_index_entries = 0;
  uint64_t time_index_entries = 0;
  TimeIndexEntry newest;  // largest timestamp of the segment
  LeaderEpochs epochs;
  ProducerTable producers;
  OpenTransactions transactions;

  struct OfSegment {
    Offset base;
    TransactionIndexSum sum;
  };
  std::vector<OfSegment> transaction_indexes;  // of every segment that has entries, in order
  /// None for a segment that is not among them.
  [[nodiscard]] TransactionIndexSum transaction_index_of(Offset segment) const;
};

/// Byte layout: docs/formats/wal.md. Replaced as a whole by rename, so it is never half old.
struct RecoveryPoint {
  bool clean_shutdown = false;  // nothing lies behind the points; no replay is needed
  int32_t leader_epoch = 0;
  uint64_t wal_sequence = 0;  // replay begins with this write-ahead log file
  std::vector<PartitionPoint> partitions;

  static constexpr std::string_view kFileName = "recovery-point";
  [[nodiscard]] std::string encode() const;
  static Result<RecoveryPoint> decode(std::string_view bytes);
};

}  // namespace freshet::broker
