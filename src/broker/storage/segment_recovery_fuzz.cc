// Bytes that a crash, a bad disk or a stranger may leave in the log directory: segment, write-ahead
// log, recovery point, producer snapshot. None may crash the reader or make it read outside.
//
// Input: one byte chooses the parser, the rest is the file. For 'd' the rest is "<u16 size of the
// segment><segment><write-ahead log>" and a whole store is opened over both; for 'x' the same, and
// the segment is one that a compaction was about to swap in. For 'b' it is a batch to compact, its
// CRC put right.
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

void open_directory(std::string_view bytes, std::string_view segment_name) {
  if (bytes.size() < 2) return;
  const size_t split = std::min<size_t>(load_le<uint16_t>(bytes.data()), bytes.size() - 2);
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

}  // namespace
}  // namespace freshet::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::broker;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 's':
      scan(rest, OffsetGaps::kNone);
      break;
    case 'g':
      scan(rest, OffsetGaps::kAllowed);
      break;
    case 'b':
      compact(std::string(rest));
      break;
    case 'c':
      if (const auto offsets = Compactor::decode(rest)) {
        FRESHET_CHECK(*Compactor::decode(Compactor::encode(*offsets)) == *offsets);
      }
      break;
    case 'w':
      read_wal(rest);
      break;
    case 'r':
      static_cast<void>(RecoveryPoint::decode(rest));
      break;
    case 'p':
      static_cast<void>(ProducerTable::from_snapshot(rest));
      break;
    case 'd':
      open_directory(rest, "00000000000000000000.log");
      break;
    case 'x':
      open_directory(rest, "00000000000000000000.log.swap");
      break;
    default:
      break;
  }
  return 0;
}
