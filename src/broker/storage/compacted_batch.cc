#include "broker/storage/compacted_batch.h"

#include <algorithm>
#include <vector>

#include "base/endian.h"
#include "kafka/varint.h"

namespace freshet::broker {
namespace {

namespace layout = kafka::batch_layout;

void append_field(std::string& out, std::optional<std::string_view> field) {
  char length[kafka::kVarintBytesMax];
  const int32_t size = field ? static_cast<int32_t>(field->size()) : -1;
  out.append(length, static_cast<size_t>(kafka::write_varint(length, size) - length));
  if (field) out.append(*field);
}

size_t field_size(std::optional<std::string_view> field) {
  return field ? kafka::varint_size(static_cast<int32_t>(field->size())) + field->size()
               : kafka::varint_size(-1);
}

void append_record(std::string& out, const RecordView& record, Offset base_offset,
                   int64_t base_timestamp_ms) {
  // Wraps as readers do, for times that lie further apart than an i64.
  const auto time_delta = static_cast<int64_t>(static_cast<uint64_t>(record.timestamp_ms) -
                                               static_cast<uint64_t>(base_timestamp_ms));
  const auto offset_delta = static_cast<int32_t>(record.offset - base_offset);
  const size_t size = 1 + kafka::varlong_size(time_delta) + kafka::varint_size(offset_delta) +
                      field_size(record.key) + field_size(record.value) + record.headers.size();
  char numbers[2 * kafka::kVarintBytesMax + kafka::kVarlongBytesMax + 1];
  char* at = kafka::write_varint(numbers, static_cast<int32_t>(size));
  *at++ = 0;  // attributes: unused by the protocol so far
  at = kafka::write_varlong(at, time_delta);
  at = kafka::write_varint(at, offset_delta);
  out.append(numbers, static_cast<size_t>(at - numbers));
  append_field(out, record.key);
  append_field(out, record.value);
  out.append(record.headers);
}

void put_crc(std::string& batch) {
  store_be<int32_t>(batch.data() + layout::kLength,
                    static_cast<int32_t>(batch.size() - layout::kLengthOverhead));
  store_be<uint32_t>(batch.data() + layout::kCrc, kafka::RecordBatchView(batch).computed_crc());
}

void set_attributes(std::string& batch, int clear, int set) {
  const int attributes = load_be<int16_t>(batch.data() + layout::kAttributes);
  store_be<int16_t>(batch.data() + layout::kAttributes,
                    static_cast<int16_t>((attributes & ~clear) | set));
}

std::string header_alone(kafka::RecordBatchView batch, int clear) {
  std::string header(batch.bytes().substr(0, layout::kRecords));
  // Nothing is compressed, and no time is the newest of no record.
  set_attributes(header, clear | layout::kCodecMask | layout::kDeleteHorizonBit, 0);
  store_be<int64_t>(header.data() + layout::kBaseTimestamp, -1);
  store_be<int64_t>(header.data() + layout::kMaxTimestamp, -1);
  store_be<int32_t>(header.data() + layout::kRecordCount, 0);
  return header;
}

}  // namespace

Result<CompactedBatch> compact_batch(kafka::RecordBatchView batch, const BatchCompaction& rules,
                                     std::string& scratch, std::string& out) {
  FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(batch, scratch));
  std::vector<RecordView> kept;
  bool goes_later = rules.marker_may_go;
  RecordView record;
  while (records.next(record)) {
    if (!rules.keeps(record)) continue;
    goes_later |= !record.value && !batch.is_control();
    kept.push_back(record);
  }
  FRESHET_TRY(records.finish());
  if (kept.empty()) return CompactedBatch::kNothing;
  const bool set_horizon = goes_later && !batch.has_delete_horizon();
  if (!set_horizon && kept.size() == static_cast<size_t>(batch.record_count())) {
    return CompactedBatch::kWhole;
  }
  const int64_t base_timestamp_ms =
      set_horizon ? rules.delete_horizon_ms : batch.base_timestamp_ms();
  std::string plain;
  int64_t newest = INT64_MIN;
  for (const auto& one : kept) {
    append_record(plain, one, batch.base_offset(), base_timestamp_ms);
    newest = std::max(newest, one.timestamp_ms);
  }
  out.assign(batch.bytes().substr(0, layout::kRecords));
  kafka::compress(batch.codec(), plain, out);
  if (set_horizon) set_attributes(out, 0, layout::kDeleteHorizonBit);
  store_be<int64_t>(out.data() + layout::kBaseTimestamp, base_timestamp_ms);
  if (!batch.is_log_append_time()) {
    store_be<int64_t>(out.data() + layout::kMaxTimestamp, newest);
  }
  store_be<int32_t>(out.data() + layout::kRecordCount, static_cast<int32_t>(kept.size()));
  put_crc(out);
  return CompactedBatch::kFewer;
}

std::string empty_batch(kafka::RecordBatchView batch) {
  std::string header = header_alone(batch, 0);
  put_crc(header);
  return header;
}

std::string filler_batch(kafka::RecordBatchView batch) {
  std::string header = header_alone(batch, layout::kTransactionalBit | layout::kControlBit);
  store_be<int64_t>(header.data() + layout::kProducerId, -1);
  store_be<int16_t>(header.data() + layout::kProducerEpoch, -1);
  store_be<int32_t>(header.data() + layout::kBaseSequence, -1);
  put_crc(header);
  return header;
}

}  // namespace freshet::broker
