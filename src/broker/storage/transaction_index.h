// The rolled back transactions whose marker lies in one segment: Kafka's <base>.txnindex.
#pragma once

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "broker/storage/index_file.h"
#include "broker/storage/open_transactions.h"

namespace freshet::broker {

/// Entries of 34 bytes, big-endian, in order of markers: version i16 = 0, producer id i64, first
/// offset i64, offset of the marker i64, last stable offset after it i64. The file is there only if
/// it has an entry. Unlike the other indexes it is not only a short cut: without it the records of
/// a transaction could not be told from committed ones, so it is rebuilt whenever batches are
/// scanned. Threads: as IndexFile.
class TransactionIndex {
 public:
  static constexpr size_t kEntryBytes = 34;

  TransactionIndex(Disk& disk, std::filesystem::path path);

  void append(const AbortedTransaction& aborted);
  /// Entry `i`; kCorrupt when its version or its order of offsets is impossible.
  Result<AbortedTransaction> entry(uint64_t i);
  /// Adds those with records in [from, to). True: no later segment can have any.
  Result<bool> collect(Offset from, Offset to, std::vector<AbortedTransaction>& into);

  [[nodiscard]] IndexFile& file() { return file_; }

 private:
  IndexFile file_;
};

}  // namespace freshet::broker
