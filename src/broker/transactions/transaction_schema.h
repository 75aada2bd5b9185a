// Keys and values of the __transaction_state log: docs/formats/transactions.md. Kafka's own schema
// (TransactionLogKey v0, TransactionLogValue v1), so that its tools read the topic, and one key of
// ours for offsets that wait for the end of a transaction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "broker/transactions/transaction.h"
#include "model/offset.h"

namespace freshet::broker {

struct TransactionKey {
  std::string transactional_id;
};
/// An offset that a transaction of `producer_id` commits for `group`; the value is an offset commit
/// (groups/offsets_schema.h).
struct PendingOffsetKey {
  int64_t producer_id = -1;
  std::string group;
  TopicPartition tp;
};
/// monostate: a key of a later version, to be left alone.
using TransactionLogKey = std::variant<std::monostate, TransactionKey, PendingOffsetKey>;

[[nodiscard]] std::string encode_transaction_key(std::string_view transactional_id);
[[nodiscard]] std::string encode_pending_offset_key(const PendingOffsetKey& key);
[[nodiscard]] std::string encode_transaction(const Transaction& transaction);

/// kCorrupt when the bytes end early or make no sense.
Result<TransactionLogKey> decode_transaction_log_key(std::string_view bytes);
Result<Transaction> decode_transaction(std::string_view bytes);

}  // namespace freshet::broker
