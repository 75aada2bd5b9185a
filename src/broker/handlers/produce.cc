// Produce: checks each batch on the connection's thread, appends it from the frame it came in, and
// answers when all of them are durable.
#include "kafka/messages/produce.h"

#include <atomic>

#include "broker/handlers/handlers.h"
#include "broker/produced_batch.h"
#include "broker/recompressed_batch.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Request = kafka::ProduceRequest;
using Response = kafka::ProduceResponse;

const Logger logger("broker.produce");

/// From version 3 on a request carries batches of format 2; what came before is not kept.
constexpr int16_t kFirstBatchVersion = 3;
/// Before version 4 clients do not know KAFKA_STORAGE_ERROR.
constexpr int16_t kFirstStorageErrorVersion = 4;

struct Refusal {
  ErrorCode code = ErrorCode::kNone;
  std::string message;
};

/// The answer while appends are on their way. Each append writes only its own partition.
struct Pending {
  CallPtr call;
  int16_t acks = 0;
  Response response;
  std::atomic<size_t> outstanding = 1;
  std::atomic<bool> failed = false;

  void refuse(Response::Partition& out, Refusal refusal) {
    out.error_code = refusal.code;
    out.base_offset = -1;
    out.error_message = std::move(refusal.message);
    failed = true;
  }
  void done() {
    if (outstanding.fetch_sub(1) != 1) return;
    if (acks != 0) return call->answer(response);
    // Without an answer, closing the connection is the only way to say that something was lost.
    if (failed) return call->close("a produce request with acks=0 failed");
    call->answer_nothing();
  }
};

Refusal refusal_of(const AppendResult& result, int16_t version) {
  switch (result.status) {
    case AppendStatus::kAppended:
    case AppendStatus::kDuplicate:
      return {};
    case AppendStatus::kOutOfOrderSequence:
      return {ErrorCode::kOutOfOrderSequenceNumber, result.message};
    case AppendStatus::kInvalidProducerEpoch:
      return {ErrorCode::kInvalidProducerEpoch, result.message};
    case AppendStatus::kInvalidTxnState:
      return {ErrorCode::kInvalidTxnState, result.message};
    case AppendStatus::kInvalidBatch:
      return {ErrorCode::kCorruptMessage, result.message};
    case AppendStatus::kTooLarge:
      return {ErrorCode::kMessageTooLarge, result.message};
    case AppendStatus::kDeleted:
      return {ErrorCode::kUnknownTopicOrPartition, result.message};
    case AppendStatus::kOverloaded:
      return {ErrorCode::kNotEnoughReplicas, result.message};  // retriable: come again
    case AppendStatus::kNoSpace:
    case AppendStatus::kFailed:
      return {version >= kFirstStorageErrorVersion ? ErrorCode::kKafkaStorageError
                                                   : ErrorCode::kNotLeaderOrFollower,
              result.message};
  }
  return {ErrorCode::kUnknownServerError, result.message};
}

void append(const std::shared_ptr<Pending>& pending, PartitionLog& log, AppendBatches batches,
            Response::Partition& out) {
  ++pending->outstanding;
  log.append(std::move(batches), [pending, &out](AppendResult result) {
    out.log_start_offset = result.log_start.value();
    if (result.ok()) {
      out.base_offset = result.base_offset.value();
    } else {
      pending->refuse(out, refusal_of(result, pending->call->version()));
    }
    pending->done();
  });
}

void produce_to(const std::shared_ptr<Pending>& pending, const TopicPtr& topic,
                const Request::Partition& data, const std::optional<std::string>& transactional_id,
                Response::Partition& out) {
  const PartitionLogPtr log = topic ? topic->partition(data.index) : nullptr;
  if (!log) {
    return pending->refuse(
        out, {ErrorCode::kUnknownTopicOrPartition, "there is no such topic or partition"});
  }
  if (topic->internal) {
    return pending->refuse(out,
                           {ErrorCode::kInvalidTopicException, "the topic belongs to the broker"});
  }
  const std::string_view records = data.records.value_or(std::string_view());
  // The view points into the frame of this call, which nobody else looks at.
  const std::span<char> bytes(const_cast<char*>(records.data()), records.size());
  const int64_t now_ms = pending->call->services().clock.wall().time_since_epoch().count();
  std::vector<RefusedRecord> refused;
  if (auto accepted = accept_produced_batch(bytes, topic->settings, now_ms, refused); !accepted) {
    for (auto& [index, reason] : refused) out.record_errors.push_back({index, std::move(reason)});
    if (!refused.empty()) out.log_start_offset = log->log_start().value();  // as Apache Kafka
    return pending->refuse(
        out, {produced_batch_error_code(accepted.error()), accepted.error().message()});
  }
  if (topic->settings.log_append_time) out.log_append_time_ms = now_ms;
  const kafka::RecordBatchView batch({bytes.data(), bytes.size()});
  if (batch.is_transactional() && !transactional_id) {
    return pending->refuse(out, {ErrorCode::kTransactionalIdAuthorizationFailed,
                                 "a transactional batch came without a transactional id"});
  }
  const auto codec = topic->settings.codec.value_or(batch.codec());
  if (codec == batch.codec()) return append(pending, *log, {pending->call->frame(), bytes}, out);
  auto again = recompress_batch(batch, codec, topic->settings.batch_bytes_max);
  if (!again) {
    return pending->refuse(
        out, {kafka::producer_batch_error_code(again.error()), again.error().message()});
  }
  append(pending, *log, AppendBatches::from_string(std::move(*again)), out);
}

}  // namespace

void handle_produce(CallPtr call, kafka::ProduceRequest request) {
  Services& services = call->services();
  auto pending = std::make_shared<Pending>();
  pending->acks = request.acks;
  pending->response.responses.reserve(request.topic_data.size());
  const bool acks_valid = request.acks >= -1 && request.acks <= 1;
  const int16_t version = call->version();
  const auto wait = call->charge(QuotaKind::kProduce, static_cast<double>(call->body().size()));
  pending->response.throttle_time_ms = static_cast<int32_t>(wait.count());
  pending->call = std::move(call);

  // All rows first: appends keep references to theirs.
  for (const auto& topic : request.topic_data) {
    auto& topic_out = pending->response.responses.emplace_back();
    topic_out.name = topic.name;
    for (const auto& data : topic.partition_data) {
      topic_out.partition_responses.emplace_back().index = data.index;
    }
  }
  for (size_t t = 0; t < request.topic_data.size(); ++t) {
    const auto& topic = request.topic_data[t];
    const TopicPtr found = services.topics.find(topic.name);
    for (size_t p = 0; p < topic.partition_data.size(); ++p) {
      auto& out = pending->response.responses[t].partition_responses[p];
      if (!acks_valid) {
        pending->refuse(out, {ErrorCode::kInvalidRequiredAcks, "acks must be -1, 0 or 1"});
      } else if (version < kFirstBatchVersion) {
        pending->refuse(out, {ErrorCode::kUnsupportedForMessageFormat, ""});
      } else {
        produce_to(pending, found, topic.partition_data[p], request.transactional_id, out);
      }
    }
  }
  if (pending->failed) {
    logger.debug("part of a produce request was refused", kv("client", pending->call->client_id()));
  }
  pending->done();
}

}  // namespace freshet::broker
