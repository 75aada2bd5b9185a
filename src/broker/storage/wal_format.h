// Bytes of the shared write-ahead log; docs/formats/wal.md says why they are so.
//
//   file   = header (64 bytes, padded to 4096), entries, then anything (zeros, or entries of the
//            file's former life)
//   header = "FRSHWAL1", u32 CRC-32C of bytes 12-63, u32 zero, u64 sequence, u64 salt, zeros
//   entry  = u32 checksum, u32 payload size, u8 type, 3 zeros, i32 partition, 16 bytes topic id,
//            payload
//
// Little-endian. An entry is valid if and only if its checksum is the CRC-32C, begun with the
// checksum of the entry before it (of the header for the first), of its bytes 4-31 and the payload;
// of a record batch only the 61 header bytes, whose own CRC covers the rest. The chain makes every
// entry of a recycled file's former life invalid.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::broker {

inline constexpr uint64_t kWalEntriesStart = 4096;
inline constexpr size_t kWalEntryHeaderBytes = 32;

enum class WalEntryType : uint8_t {
  kBatch = 1,     // one record batch, with its offset
  kCreate = 2,    // the partition exists from here on; payload: the topic's name
  kDelete = 3,    // the partition is gone; no payload
  kLogStart = 4,  // payload: i64, the log start from here on
  kLink = 5,      // first entry of a file; payload: WalLink of the file before
};

struct WalEntry {
  WalEntryType type = WalEntryType::kBatch;
  int32_t partition = 0;
  TopicId topic_id;
  std::string_view payload;
};

/// Where the file before ended, so that damage in it is told from its proper end.
struct WalLink {
  uint64_t sequence = 0;
  uint64_t end = 0;
  uint32_t checksum = 0;
  static constexpr size_t kBytes = 20;
  [[nodiscard]] std::array<char, kBytes> encode() const;
  static WalLink decode(std::string_view payload);  // of kBytes
  friend bool operator==(const WalLink&, const WalLink&) = default;
};

struct WalFileHeader {
  uint64_t sequence = 0;
  uint64_t salt = 0;
  /// The 4096 bytes before the first entry.
  [[nodiscard]] std::string encode() const;
  /// Begins the chain of checksums.
  [[nodiscard]] uint32_t checksum() const;
  static Result<WalFileHeader> decode(std::string_view bytes);
};

/// Writes the 32 bytes before the payload and returns the entry's checksum.
uint32_t encode_wal_entry(const WalEntry& entry, uint32_t previous_checksum, char* into);
/// What the first 4 bytes of the entry header at `header` must be.
[[nodiscard]] uint32_t wal_entry_checksum(const char* header, WalEntryType type,
                                          std::string_view payload, uint32_t previous_checksum);

}  // namespace freshet::broker
