// Bytes that claim to be record batches, from a producer, a broker or a disk: every reader of them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/endian.h"
#include "kafka/record_batch.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::kafka {
namespace {

constexpr size_t kUnpackedBytesMax = 1 << 20;

void read_records(RecordBatchView batch) {
  std::string scratch;
  auto records = RecordIterator::open(batch, scratch, kUnpackedBytesMax);
  if (!records) return;
  RecordBatchBuilder builder;
  for (RecordView record; records->next(record);) {
    HeaderIterator headers(record.headers);
    for (HeaderView header; headers.next(header);) continue;
    static_cast<void>(find_header(record.headers, "k"));
    const bool well_formed = !record.headers.empty() && headers.finish().has_value();
    builder.append(record.timestamp_ms, record.key, record.value,
                   well_formed ? record.headers : std::string_view());
  }
  [[maybe_unused]] const auto verdict = records->finish();
  if (builder.empty()) return;
  const std::string copy = builder.build();
  FRESHET_CHECK(check_producer_batch(copy, copy.size()).has_value());
}

/// The rules behind the CRC, which the fuzzer cannot guess: what a producer may send a log may
/// hold.
void check_with_right_crc(std::string bytes) {
  const RecordBatchView batch(bytes);
  store_be<uint32_t>(bytes.data() + batch_layout::kCrc, batch.computed_crc());
  if (!check_producer_batch(bytes, 1 << 20)) return;
  set_base_offset(bytes.data(), Offset(0));  // the broker does; a client may send anything
  FRESHET_CHECK(check_batch(batch).has_value());
  FRESHET_CHECK_EQ(batch.last_offset_delta() + 1, batch.record_count());
  set_log_append_time(bytes.data(), bytes.size(), 1);
  FRESHET_CHECK(check_producer_batch(bytes, 1 << 20).has_value());
}

}  // namespace
}  // namespace freshet::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::kafka;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  [[maybe_unused]] const auto produced = check_producer_batch(bytes, 1 << 20);
  std::string_view rest = bytes;
  for (;;) {
    const auto batch = next_batch(rest);
    if (!batch || !*batch) break;
    [[maybe_unused]] const auto stored = check_batch(**batch);
    check_with_right_crc(std::string((**batch).bytes()));
    read_records(**batch);  // whatever the CRC says: the fuzzer cannot guess one
  }
  return 0;
}
