// What the broker reads of its own from disk, and what clients produce: any bytes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "broker/groups/offsets_schema.h"
#include "broker/produced_batch.h"
#include "broker/transactions/transaction_schema.h"
#include "kafka/transaction_marker.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::broker;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(decode_state_key(bytes));
  static_cast<void>(decode_offset_value(bytes));
  static_cast<void>(decode_group_value(bytes));
  static_cast<void>(decode_transaction_log_key(bytes));
  static_cast<void>(decode_transaction(bytes));
  std::string_view rest = bytes;
  if (const auto batch = freshet::kafka::next_batch(rest); batch && *batch) {
    static_cast<void>(freshet::kafka::decode_marker(**batch));
  }

  TopicSettings settings;
  settings.compacted = size % 2 == 0;
  settings.log_append_time = size % 3 == 0;
  std::string batch(bytes);
  std::vector<RefusedRecord> refused;
  const auto accepted =
      accept_produced_batch({batch.data(), batch.size()}, settings, 1'700'000'000'000, refused);
  FRESHET_CHECK(!accepted || refused.empty(), "an accepted batch has no refused records");
  if (!accepted) static_cast<void>(produced_batch_error_code(accepted.error()));
  return 0;
}
