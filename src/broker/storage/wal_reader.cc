#include "broker/storage/wal_reader.h"

#include <cstring>

#include "base/endian.h"
#include "kafka/record_batch.h"

namespace freshet::broker {

Result<WalReader> WalReader::open(std::string_view bytes) {
  FRESHET_ASSIGN(const auto header, WalFileHeader::decode(bytes));
  return WalReader(bytes, header);
}

WalReader::WalReader(std::string_view bytes, const WalFileHeader& header)
    : bytes_(bytes), header_(header), checksum_(header.checksum()) {}

std::optional<WalEntry> WalReader::next() {
  const uint64_t room = bytes_.size() - position_;
  if (room < kWalEntryHeaderBytes) return std::nullopt;
  const char* const header = bytes_.data() + position_;
  const auto size = load_le<uint32_t>(header + 4);
  if (size > room - kWalEntryHeaderBytes) return std::nullopt;
  WalEntry entry;
  entry.type = static_cast<WalEntryType>(header[8]);
  entry.payload = bytes_.substr(position_ + kWalEntryHeaderBytes, size);
  const uint32_t checksum = wal_entry_checksum(header, entry.type, entry.payload, checksum_);
  if (checksum != load_le<uint32_t>(header) || !is_sound(entry)) return std::nullopt;
  entry.partition = load_le<int32_t>(header + 12);
  std::memcpy(entry.topic_id.bytes.data(), header + 16, entry.topic_id.bytes.size());
  position_ += kWalEntryHeaderBytes + size;
  checksum_ = checksum;
  return entry;
}

bool WalReader::is_sound(const WalEntry& entry) {
  switch (entry.type) {
    case WalEntryType::kBatch: {
      std::string_view rest = entry.payload;
      const auto batch = kafka::next_batch(rest);
      return batch && *batch && rest.empty();
    }
    case WalEntryType::kCreate:
      return !entry.payload.empty();
    case WalEntryType::kDelete:
      return entry.payload.empty();
    case WalEntryType::kLogStart:
      return entry.payload.size() == sizeof(int64_t);
    case WalEntryType::kLink:
      return entry.payload.size() == WalLink::kBytes;
  }
  return false;
}

std::optional<WalLink> WalReader::link() const {
  WalReader first(bytes_, header_);
  const auto entry = first.next();
  if (!entry || entry->type != WalEntryType::kLink) return std::nullopt;
  return WalLink::decode(entry->payload);
}

}  // namespace freshet::broker
