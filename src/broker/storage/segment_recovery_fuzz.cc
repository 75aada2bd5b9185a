// Bytes that a crash, a bad disk or a stranger may leave in the log directory: segment, write-ahead
// log, recovery point, producer snapshot. None may crash the reader or make it read outside.
//
// Input: one byte chooses the parser, the rest is the file. For 'd' the rest is "<u16 size of the
// segment><segment><write-ahead log>" and a whole store is opened over both; for 'x' the same, and
// the segment is one that a compaction was about to swap in. For 'b' it is a batch to compact, its
// CRC put right. A capital S, G, W, D or X does what the small letter does after every CRC and
// every checksum of the chain was put right, so that the fuzzer comes past them.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/endian.h"
#include "broker/storage/compacted_batch.h"
#include "broker/storage/compactor.h"
#include "broker/storage/log_store.h"
#include "broker/storage/recovery_point.h"
#include "broker/storage/segment_scan.h"
#include "broker/storage/wal_reader.h"

namespace freshet::broker {
namespace {

// Of docs/formats/wal.md: where the fields of the file header and of an entry's header lie.
constexpr size_t kWalSequence = 16;
constexpr size_t kWalSalt = 24;
constexpr size_t kWalPayloadSize = 4;
constexpr size_t kWalType = 8;

void scan(std::string_view bytes, OffsetGaps gaps) {
  uint64_t covered = 0;
  const auto result =
      scan_segment(bytes, 0, Offset(0), gaps,
                   [&](kafka::RecordBatchView batch, uint64_t) { covered += batch.size(); });
  FRESHET_CHECK_EQ(result.end, covered);
  FRESHET_CHECK_LE(result.end, bytes.size());
  FRESHET_CHECK(result.fault.empty() == (result.end == bytes.size()));
}

void read_wal(std::string_view bytes) {
  auto reader = WalReader::open(bytes);
  if (!reader) return;
  static_cast<void>(reader->link());
  while (const auto entry = reader->next()) {
    FRESHET_CHECK(entry->payload.data() >= bytes.data());
    FRESHET_CHECK_LE(reader->position(), bytes.size());
  }
}

/// Puts the CRC of every whole batch right.
void mend_batches(char* bytes, size_t size) {
  std::string_view rest(bytes, size);
  for (;;) {
    const auto batch = kafka::next_batch(rest);
    if (!batch || !*batch) return;
    char* at = bytes + ((**batch).bytes().data() - bytes);
    store_be<uint32_t>(at + kafka::batch_layout::kCrc, (**batch).computed_crc());
  }
}

/// Puts the header of a write-ahead log file and the chain of its entries' checksums right.
void mend_wal(char* bytes, size_t size) {
  if (size < kWalEntriesStart) return;
  const WalFileHeader header{.sequence = load_le<uint64_t>(bytes + kWalSequence),
                             .salt = load_le<uint64_t>(bytes + kWalSalt)};
  header.encode().copy(bytes, kWalEntriesStart);
  uint32_t checksum = header.checksum();
  size_t at = kWalEntriesStart;
  while (size - at >= kWalEntryHeaderBytes) {
    char* entry = bytes + at;
    const size_t payload_size = load_le<uint32_t>(entry + kWalPayloadSize);
    if (payload_size > size - at - kWalEntryHeaderBytes) return;
    char* payload = entry + kWalEntryHeaderBytes;
    const auto type = static_cast<WalEntryType>(entry[kWalType]);
    // The checksum of a batch reads the whole of its header, whatever the payload is.
    if (type == WalEntryType::kBatch && payload_size < kafka::batch_layout::kRecords) return;
    mend_batches(payload, payload_size);
    checksum = wal_entry_checksum(entry, type, {payload, payload_size}, checksum);
    store_le<uint32_t>(entry, checksum);
    at += kWalEntryHeaderBytes + payload_size;
  }
}

void compact(std::string bytes) {
  std::string_view rest = bytes;
  const auto batch = kafka::next_batch(rest);
  if (!batch || !*batch) return;
  store_be<uint32_t>(bytes.data() + kafka::batch_layout::kCrc, (*batch)->computed_crc());
  if (!kafka::check_batch(**batch)) return;
  std::string scratch;
  std::string out;
  int turn = 0;
  const auto result = compact_batch(
      **batch,
      {.keeps = [&](const RecordView&) { return turn++ % 2 == 0; }, .delete_horizon_ms = 1'000},
      scratch, out);
  if (result && *result == CompactedBatch::kFewer) {
    const kafka::RecordBatchView after(out);
    FRESHET_CHECK(kafka::check_batch(after).has_value());
    FRESHET_CHECK_EQ(after.last_offset(), (*batch)->last_offset());
  }
  FRESHET_CHECK(kafka::check_batch(kafka::RecordBatchView(empty_batch(**batch))).has_value());
  FRESHET_CHECK(kafka::check_batch(kafka::RecordBatchView(filler_batch(**batch))).has_value());
}

/// How many of the bytes behind the size field belong to the segment.
size_t split_of(std::string_view bytes) {
  return std::min<size_t>(load_le<uint16_t>(bytes.data()), bytes.size() - 2);
}

void open_directory(std::string_view bytes, std::string_view segment_name) {
  if (bytes.size() < 2) return;
  const size_t split = split_of(bytes);
  std::string pattern = (std::filesystem::temp_directory_path() / "freshet-fuzz-XXXXXX").native();
  const std::filesystem::path root(::mkdtemp(pattern.data()));
  std::filesystem::create_directories(root / "wal");
  std::filesystem::create_directories(root / "t-0");
  std::ofstream(root / "t-0" / "partition.metadata")
      << "version: 0\ntopic_id: AQEBAQEBAQEBAQEBAQEBAQ\n";
  std::ofstream(root / "t-0" / segment_name) << bytes.substr(2, split);
  std::ofstream(root / "wal" / "0000.wal") << bytes.substr(2 + split);
  {
    LogStoreOptions options;
    options.directory = root;
    options.wal_file_bytes = kWalFileBytesMin;
    const auto store = LogStore::open(options);
    if (store) {
      for (const auto& log : (*store)->partitions()) {
        Offset at = log->log_start();
        while (at < log->high_watermark()) {
          const auto read = log->read(at, 1000);
          if (!read || read->slices.empty()) break;
          std::string_view rest = read->slices.back().bytes;
          while (!rest.empty()) at = (**kafka::next_batch(rest)).next_offset();
        }
        static_cast<void>(log->find_by_time(0));
        static_cast<void>(log->read_backwards(kNoOffset, 1000));
      }
    }
  }
  std::filesystem::remove_all(root);
}

void mend(char kind, std::string& bytes) {
  switch (kind) {
    case 'S':
    case 'G':
      return mend_batches(bytes.data(), bytes.size());
    case 'W':
      return mend_wal(bytes.data(), bytes.size());
    case 'D':
    case 'X':
      if (bytes.size() < 2) return;
      mend_batches(bytes.data() + 2, split_of(bytes));
      return mend_wal(bytes.data() + 2 + split_of(bytes), bytes.size() - 2 - split_of(bytes));
    default:
      return;
  }
}

void read_as(char kind, std::string_view bytes) {
  switch (kind) {
    case 's':
      return scan(bytes, OffsetGaps::kNone);
    case 'g':
      return scan(bytes, OffsetGaps::kAllowed);
    case 'b':
      return compact(std::string(bytes));
    case 'c':
      if (const auto offsets = Compactor::decode(bytes)) {
        FRESHET_CHECK(*Compactor::decode(Compactor::encode(*offsets)) == *offsets);
      }
      return;
    case 'w':
      return read_wal(bytes);
    case 'r':
      return static_cast<void>(RecoveryPoint::decode(bytes));
    case 'p':
      return static_cast<void>(ProducerTable::from_snapshot(bytes));
    case 'd':
      return open_directory(bytes, "00000000000000000000.log");
    case 'x':
      return open_directory(bytes, "00000000000000000000.log.swap");
    default:
      return;
  }
}

}  // namespace
}  // namespace freshet::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::broker;
  if (size == 0) return 0;
  const auto kind = static_cast<char>(data[0]);
  std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (kind < 'A' || kind > 'Z') {
    read_as(kind, rest);
    return 0;
  }
  mend(kind, rest);
  constexpr char kToSmall = 'a' - 'A';
  read_as(static_cast<char>(kind + kToSmall), rest);
  return 0;
}
