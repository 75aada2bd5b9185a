#include "broker/transactions/transaction_schema.h"

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "broker/byte_fields.h"
#include "kafka/wire/codec.h"

namespace freshet::broker {

namespace {

namespace wire = kafka::wire;

constexpr int16_t kTransactionKeyVersion = 0;
constexpr int16_t kPendingOffsetKeyVersion = 100;
constexpr int16_t kValueVersion = 1;
constexpr int16_t kFirstFlexibleVersion = 1;

/// TransactionLogValue.json of Apache Kafka; tag 100 is ours.
struct TransactionLogValue {
  struct Partitions {
    std::string topic;
    std::vector<int32_t> partition_ids;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partitions::topic>("topic"),
          wire::field<&Partitions::partition_ids>("partition_ids"),
      };
    }
    bool operator==(const Partitions&) const = default;
  };

  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  int32_t transaction_timeout_ms = 0;
  int8_t transaction_status = 0;
  std::optional<std::vector<Partitions>> transaction_partitions;
  int64_t last_update_timestamp_ms = 0;
  int64_t start_timestamp_ms = -1;
  int64_t previous_producer_id = -1;
  int16_t previous_producer_epoch = -1;

  static constexpr auto schema() {
    using Value = TransactionLogValue;
    return std::array{
        wire::field<&Value::producer_id>("producer_id"),
        wire::field<&Value::producer_epoch>("producer_epoch"),
        wire::field<&Value::transaction_timeout_ms>("transaction_timeout_ms"),
        wire::field<&Value::transaction_status>("transaction_status"),
        wire::field<&Value::transaction_partitions>("transaction_partitions").nullable(),
        wire::field<&Value::last_update_timestamp_ms>("transaction_last_update_timestamp_ms"),
        wire::field<&Value::start_timestamp_ms>("transaction_start_timestamp_ms"),
        wire::field<&Value::previous_producer_id>("previous_producer_id", wire::since(1)).tagged(0),
        wire::field<&Value::previous_producer_epoch>("previous_producer_epoch", wire::since(1))
            .tagged(100),
    };
  }
};

}  // namespace

std::string encode_transaction_key(std::string_view transactional_id) {
  return FieldWriter().put(kTransactionKeyVersion).put_string(transactional_id).take();
}

std::string encode_pending_offset_key(const PendingOffsetKey& key) {
  return FieldWriter()
      .put(kPendingOffsetKeyVersion)
      .put(key.producer_id)
      .put_string(key.group)
      .put_string(key.tp.topic)
      .put(key.tp.partition)
      .take();
}

std::string encode_transaction(const Transaction& transaction) {
  TransactionLogValue value;
  value.producer_id = transaction.producer.id;
  value.producer_epoch = transaction.producer.epoch;
  value.transaction_timeout_ms = transaction.timeout_ms;
  value.transaction_status = static_cast<int8_t>(transaction.state);
  value.last_update_timestamp_ms = transaction.updated_ms;
  value.start_timestamp_ms = transaction.started_ms;
  value.previous_producer_id = transaction.last_producer.id;
  value.previous_producer_epoch = transaction.last_producer.epoch;
  if (transaction.state != TransactionState::kEmpty) {
    std::map<std::string, std::vector<int32_t>> by_topic;
    for (const auto& tp : transaction.partitions) by_topic[tp.topic].push_back(tp.partition);
    auto& partitions = value.transaction_partitions.emplace();
    for (auto& [topic, ids] : by_topic) partitions.push_back({topic, std::move(ids)});
  }
  wire::Writer writer;
  writer.fixed(kValueVersion);
  wire::encode_struct(wire::kMessageType<TransactionLogValue>, &value, kValueVersion,
                      /*flexible=*/true, writer);
  return std::move(writer).finish().flatten();
}

Result<TransactionLogKey> decode_transaction_log_key(std::string_view bytes) {
  FieldReader in(bytes);
  TransactionLogKey key;
  switch (in.get<int16_t>()) {
    case kTransactionKeyVersion:
      key = TransactionKey{in.get_string()};
      break;
    case kPendingOffsetKeyVersion: {
      PendingOffsetKey offset;
      offset.producer_id = in.get<int64_t>();
      offset.group = in.get_string();
      offset.tp.topic = in.get_string();
      offset.tp.partition = in.get<int32_t>();
      key = std::move(offset);
      break;
    }
    default:
      return TransactionLogKey();
  }
  if (!in.ok()) return fail(Errc::kCorrupt, "key of {} bytes ends early", bytes.size());
  return key;
}

Result<Transaction> decode_transaction(std::string_view bytes) {
  wire::Reader reader(bytes);
  const auto version = reader.fixed<int16_t>();
  if (version < 0 || version > kValueVersion) {
    return fail(Errc::kCorrupt, "transaction has value version {}, at most {} is expected", version,
                kValueVersion);
  }
  TransactionLogValue value;
  FRESHET_TRY(wire::decode_struct(wire::kMessageType<TransactionLogValue>, reader, version,
                                  version >= kFirstFlexibleVersion, &value));
  if (value.transaction_status < 0 ||
      value.transaction_status > static_cast<int8_t>(TransactionState::kCompleteAbort)) {
    return fail(Errc::kCorrupt, "transaction has status {}, which is none",
                value.transaction_status);
  }
  Transaction transaction;
  transaction.producer = {value.producer_id, value.producer_epoch};
  transaction.last_producer = {value.previous_producer_id, value.previous_producer_epoch};
  transaction.timeout_ms = value.transaction_timeout_ms;
  transaction.state = static_cast<TransactionState>(value.transaction_status);
  transaction.updated_ms = value.last_update_timestamp_ms;
  transaction.started_ms = value.start_timestamp_ms;
  for (const auto& topic :
       value.transaction_partitions.value_or(std::vector<TransactionLogValue::Partitions>())) {
    for (const int32_t id : topic.partition_ids) transaction.partitions.insert({topic.topic, id});
  }
  return transaction;
}

}  // namespace freshet::broker
