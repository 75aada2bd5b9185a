// Appends groups of entries to the shared write-ahead log.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "broker/storage/wal_files.h"
#include "broker/storage/wal_format.h"

namespace freshet::broker {

/// Collects entries with add() and makes them durable together with commit(): one write, one sync.
/// One thread at a time.
class WalWriter {
 public:
  /// `on_switch` is called when a file is full and the next has been begun, with the sequence of
  /// the new one.
  WalWriter(WalFiles& files, uint64_t file_bytes, std::function<void(uint64_t)> on_switch);
  /// Begins with a ready file; the files have one. `previous` is where recovery found the end.
  Result<void> start(std::optional<WalLink> previous);

  /// The entry's payload must stay untouched until commit() has succeeded.
  void add(const WalEntry& entry);
  /// No group may be larger.
  [[nodiscard]] uint64_t group_bytes_max() const;
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// Waits for the next file if the group does not fit this one. After kNoSpace from the write the
  /// same group may be committed again; after any other failure what is on the disk is not known
  /// and nothing may be written any more. kCancelled: the files were stopped while waiting.
  Result<void> commit();
  /// How long the disk took to make the last group durable.
  [[nodiscard]] std::chrono::nanoseconds sync_time() const { return sync_time_; }
  /// Sequence of the file being written.
  [[nodiscard]] uint64_t sequence() const { return file_->header.sequence; }
  /// Bytes of it in use.
  [[nodiscard]] uint64_t position() const { return position_; }
  /// For the crash tests: half of the group's bytes, unsynced.
  static constexpr std::string_view kHalfWritten = "mid_append_torn";

 private:
  Result<void> next_file();

  WalFiles& files_;
  const uint64_t file_bytes_;
  const std::function<void(uint64_t)> on_switch_;
  std::shared_ptr<WalFile> file_;
  uint64_t position_ = 0;
  uint32_t checksum_ = 0;
  std::array<char, WalLink::kBytes> link_{};
  bool link_pending_ = false;
  std::vector<WalEntry> entries_;
  uint64_t group_bytes_ = 0;
  std::chrono::nanoseconds sync_time_{0};
  // Reused from group to group.
  std::vector<std::array<char, kWalEntryHeaderBytes>> headers_;
  std::vector<iovec> pieces_;
};

}  // namespace freshet::broker
