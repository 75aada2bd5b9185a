// Reads one write-ahead log file.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "broker/storage/wal_format.h"

namespace freshet::broker {

/// Walks the entries of one file in order and stops before the first that is not valid: the end, or
/// a torn write. Entries point into the bytes, which must outlive them. The records of a batch are
/// not checked against its CRC: whoever applies the batch does that.
class WalReader {
 public:
  /// kCorrupt: the header is not that of a write-ahead log file.
  static Result<WalReader> open(std::string_view bytes);

  [[nodiscard]] uint64_t sequence() const { return header_.sequence; }
  std::optional<WalEntry> next();
  /// Behind the last entry that next() returned.
  [[nodiscard]] uint64_t position() const { return position_; }
  [[nodiscard]] uint32_t checksum() const { return checksum_; }
  /// The first entry's, if the file has any.
  [[nodiscard]] std::optional<WalLink> link() const;

 private:
  WalReader(std::string_view bytes, const WalFileHeader& header);
  static bool is_sound(const WalEntry& entry);

  std::string_view bytes_;
  WalFileHeader header_;
  uint64_t position_ = kWalEntriesStart;
  uint32_t checksum_;
};

}  // namespace freshet::broker
