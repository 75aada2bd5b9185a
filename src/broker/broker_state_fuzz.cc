// What the broker reads of its own from disk, and what clients produce: any bytes. A batch goes the
// way of the Produce handler twice, as it came and with its CRC put right.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/endian.h"
#include "broker/groups/offsets_schema.h"
#include "broker/produced_batch.h"
#include "broker/quotas/client_quotas.h"
#include "broker/recompressed_batch.h"
#include "broker/transactions/transaction_schema.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

/// What the handler of Produce does with the bytes of one partition before they are appended.
void produce(std::string bytes, const TopicSettings& settings) {
  std::vector<RefusedRecord> refused;
  const auto accepted =
      accept_produced_batch({bytes.data(), bytes.size()}, settings, kNowMs, refused);
  FRESHET_CHECK(!accepted || refused.empty(), "an accepted batch has no refused records");
  if (!accepted) {
    static_cast<void>(produced_batch_error_code(accepted.error()));
    return;
  }
  const kafka::RecordBatchView batch(bytes);
  kafka::set_base_offset(bytes.data(),
                         Offset(0));  // as the append does: a client may send anything
  FRESHET_CHECK(kafka::check_batch(batch).has_value());
  if (!settings.codec || *settings.codec == batch.codec()) return;
  const auto again = recompress_batch(batch, *settings.codec, settings.batch_bytes_max);
  if (!again) {
    static_cast<void>(kafka::producer_batch_error_code(again.error()));
    return;
  }
  FRESHET_CHECK(kafka::check_producer_batch(*again, settings.batch_bytes_max).has_value());
}

}  // namespace
}  // namespace freshet::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::broker;
  namespace kafka = freshet::kafka;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(decode_state_key(bytes));
  static_cast<void>(decode_offset_value(bytes));
  static_cast<void>(decode_group_value(bytes));
  static_cast<void>(decode_transaction_log_key(bytes));
  static_cast<void>(decode_transaction(bytes));
  static_cast<void>(decode_quota_key(bytes));

  TopicSettings settings;
  settings.compacted = size % 2 == 0;
  settings.log_append_time = size % 3 == 0;
  settings.codec = static_cast<kafka::Codec>(size % 5);
  produce(std::string(bytes), settings);

  std::string_view rest = bytes;
  const auto batch = kafka::next_batch(rest);
  if (!batch || !*batch) return 0;
  static_cast<void>(kafka::decode_marker(**batch));
  // The fuzzer cannot guess a CRC: behind it are the keys, the codecs and the records.
  std::string sound((**batch).bytes());
  freshet::store_be<uint32_t>(sound.data() + kafka::batch_layout::kCrc, (**batch).computed_crc());
  produce(std::move(sound), settings);
  return 0;
}
