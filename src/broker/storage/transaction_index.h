// The rolled back transactions whose marker lies in one segment: Kafka's <base>.txnindex.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "broker/storage/index_file.h"
#include "broker/storage/open_transactions.h"

namespace freshet::broker {

/// What a .txnindex holds, short enough to stand in the recovery point: a file that is missing,
/// shorter or different is told by it.
struct TransactionIndexSum {
  uint64_t entries = 0;
  uint32_t crc = 0;  // CRC-32C of the entries
  friend bool operator==(const TransactionIndexSum&, const TransactionIndexSum&) = default;
};

/// Entries of 34 bytes, big-endian, in order of markers: version i16 = 0, producer id i64, first
/// offset i64, offset of the marker i64, last stable offset after it i64. The file is there only if
/// it has an entry. Unlike the other indexes it is not only a short cut: without it the records of
/// a transaction could not be told from committed ones. So the recovery point names its sum; a
/// file that does not have it is rebuilt from the log at the start, and one that is short at its
/// first use is refused.
///
/// Threads: append(), sum(), trust() and lose() come from one thread at a time; the rest from any.
class TransactionIndex {
 public:
  static constexpr size_t kEntryBytes = 34;

  TransactionIndex(Disk& disk, std::filesystem::path path);

  void append(const AbortedTransaction& aborted);
  /// Of all entries, those in memory too.
  [[nodiscard]] TransactionIndexSum sum() const { return {.entries = entries_, .crc = crc_}; }
  /// Costs nothing.
  [[nodiscard]] bool empty() const { return entries_.load(std::memory_order_acquire) == 0; }
  /// Whether the file begins with exactly these entries, and has no more of them if `whole`.
  [[nodiscard]] Result<bool> file_holds(const TransactionIndexSum& sum, bool whole) const;
  /// Goes on behind those entries of the file, which is touched only when it is used.
  void trust(const TransactionIndexSum& sum);
  /// The file does not hold sum(), and the log does not tell what it should hold: collect() fails
  /// from now on.
  void lose() { lost_ = true; }
  [[nodiscard]] bool lost() const { return lost_; }

  /// kCorrupt unless all of sum() can be read; entries may be appended meanwhile.
  [[nodiscard]] Result<void> check_complete();
  /// Entry `i`; kCorrupt when its version or its order of offsets is impossible.
  Result<AbortedTransaction> entry(uint64_t i);
  /// Adds those with records in [from, to). True: no later segment can have any.
  Result<bool> collect(Offset from, Offset to, std::vector<AbortedTransaction>& into);

  [[nodiscard]] IndexFile& file() { return file_; }

 private:
  IndexFile file_;
  std::atomic<uint64_t> entries_{0};
  uint32_t crc_ = 0;
  std::atomic<bool> lost_{false};
};

}  // namespace freshet::broker
