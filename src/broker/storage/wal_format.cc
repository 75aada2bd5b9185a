#include "broker/storage/wal_format.h"

#include <cstring>

#include "base/crc32c.h"
#include "base/endian.h"
#include "kafka/record_batch.h"

namespace freshet::broker {
namespace {

constexpr std::string_view kMagic = "FRSHWAL1";
constexpr size_t kHeaderBytes = 64;
constexpr size_t kCheckedFrom = 12;

std::string_view checked_payload(WalEntryType type, std::string_view payload) {
  return type == WalEntryType::kBatch ? payload.substr(0, kafka::batch_layout::kRecords) : payload;
}

}  // namespace

uint32_t wal_entry_checksum(const char* header, WalEntryType type, std::string_view payload,
                            uint32_t previous_checksum) {
  const uint32_t head = crc32c({header + 4, kWalEntryHeaderBytes - 4}, previous_checksum);
  return crc32c(checked_payload(type, payload), head);
}

std::array<char, WalLink::kBytes> WalLink::encode() const {
  std::array<char, kBytes> bytes{};
  store_le(bytes.data(), sequence);
  store_le(bytes.data() + 8, end);
  store_le(bytes.data() + 16, checksum);
  return bytes;
}

WalLink WalLink::decode(std::string_view payload) {
  return {.sequence = load_le<uint64_t>(payload.data()),
          .end = load_le<uint64_t>(payload.data() + 8),
          .checksum = load_le<uint32_t>(payload.data() + 16)};
}

std::string WalFileHeader::encode() const {
  std::string bytes(kWalEntriesStart, '\0');
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  store_le(bytes.data() + 16, sequence);
  store_le(bytes.data() + 24, salt);
  store_le(bytes.data() + kMagic.size(),
           crc32c({bytes.data() + kCheckedFrom, kHeaderBytes - kCheckedFrom}));
  return bytes;
}

uint32_t WalFileHeader::checksum() const {
  return load_le<uint32_t>(encode().data() + kMagic.size());
}

Result<WalFileHeader> WalFileHeader::decode(std::string_view bytes) {
  if (bytes.size() < kWalEntriesStart || !bytes.starts_with(kMagic)) {
    return fail(Errc::kCorrupt, "it does not begin as a write-ahead log file");
  }
  const auto checksum = load_le<uint32_t>(bytes.data() + kMagic.size());
  if (checksum != crc32c(bytes.substr(kCheckedFrom, kHeaderBytes - kCheckedFrom))) {
    return fail(Errc::kCorrupt, "its header does not match its checksum");
  }
  return WalFileHeader{.sequence = load_le<uint64_t>(bytes.data() + 16),
                       .salt = load_le<uint64_t>(bytes.data() + 24)};
}

uint32_t encode_wal_entry(const WalEntry& entry, uint32_t previous_checksum, char* into) {
  std::memset(into, 0, kWalEntryHeaderBytes);
  store_le(into + 4, static_cast<uint32_t>(entry.payload.size()));
  into[8] = static_cast<char>(entry.type);
  store_le(into + 12, entry.partition);
  std::memcpy(into + 16, entry.topic_id.bytes.data(), entry.topic_id.bytes.size());
  const uint32_t checksum = wal_entry_checksum(into, entry.type, entry.payload, previous_checksum);
  store_le(into, checksum);
  return checksum;
}

}  // namespace freshet::broker
