#include "kafka/client/consumer.h"

#include "kafka/client/librdkafka.h"
#include "kafka/client/topic_partition_list.h"
#include "observe/log.h"

namespace freshet::kafka {
namespace {

const Logger logger("kafka.client");

std::string reset_word(OffsetReset reset) {
  switch (reset) {
    case OffsetReset::kEarliest:
      return "earliest";
    case OffsetReset::kLatest:
      return "latest";
    case OffsetReset::kError:
      break;
  }
  return "error";
}

TopicPartition topic_partition_of(const rd_kafka_message_t& message) {
  return {message.rkt != nullptr ? rd_kafka_topic_name(message.rkt) : "", message.partition};
}

std::optional<std::string_view> bytes_or_null(const void* bytes, size_t size) {
  if (bytes == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(bytes), size);
}

}  // namespace

std::string_view ConsumedRecord::topic() const { return rd_kafka_topic_name(message_->rkt); }
int32_t ConsumedRecord::partition() const { return message_->partition; }
Offset ConsumedRecord::offset() const { return Offset(message_->offset); }
int64_t ConsumedRecord::timestamp_ms() const {
  return rd_kafka_message_timestamp(message_.get(), nullptr);
}
std::optional<std::string_view> ConsumedRecord::key() const {
  return bytes_or_null(message_->key, message_->key_len);
}
std::optional<std::string_view> ConsumedRecord::value() const {
  return bytes_or_null(message_->payload, message_->len);
}

std::vector<HeaderView> ConsumedRecord::headers() const {
  std::vector<HeaderView> headers;
  rd_kafka_headers_t* list = nullptr;
  if (rd_kafka_message_headers(message_.get(), &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return headers;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (rd_kafka_header_get_all(list, headers.size(), &name, &value, &size) ==
         RD_KAFKA_RESP_ERR_NO_ERROR) {
    headers.push_back({name, bytes_or_null(value, size)});
  }
  return headers;
}

Result<Consumer> Consumer::create(const ClientSettings& client, const ConsumerSettings& settings) {
  // librdkafka assigns nothing without a group id; this one is never joined and never committed to.
  const std::string group = settings.group.value_or(client.client_id + "-ungrouped");
  FRESHET_ASSIGN(auto configuration,
                 make_configuration(
                     client, {{"group.id", group},
                              {"enable.auto.commit", "false"},
                              {"enable.partition.eof", "true"},
                              {"auto.offset.reset", reset_word(settings.reset)},
                              {"isolation.level",
                               settings.read_committed ? "read_committed" : "read_uncommitted"}}));
  FRESHET_ASSIGN(auto handle, make_client(RD_KAFKA_CONSUMER, std::move(configuration)));
  rd_kafka_poll_set_consumer(handle.get());
  return Consumer(std::move(handle), settings.group.has_value());
}

Result<void> Consumer::assign(std::span<const StartPosition> positions) {
  auto list = make_list(positions.size());
  for (const auto& position : positions) add(list, position.tp).offset = position.offset.value();
  const auto code = rd_kafka_assign(client_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(code, "cannot assign partitions"));
  }
  return {};
}

Result<void> Consumer::subscribe(std::span<const std::string> topics) {
  FRESHET_TRY(require_group("subscribe"));
  auto list = make_list(topics.size());
  for (const auto& topic : topics) add(list, {topic, RD_KAFKA_PARTITION_UA});
  const auto code = rd_kafka_subscribe(client_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(code, "cannot subscribe"));
  }
  return {};
}

Result<ConsumerEvent> Consumer::poll(std::chrono::milliseconds wait) {
  MessageHandle message(rd_kafka_consumer_poll(client_.get(), to_millis(wait)));
  if (!message) return std::monostate();
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return ConsumedRecord(std::move(message));
  const auto tp = topic_partition_of(*message);
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    return PartitionEnd{tp, Offset(message->offset)};
  }
  auto error = client_error(message->err, rd_kafka_message_errstr(message.get()),
                            tp.topic.empty() ? "consume" : fmt::format("consume {}", tp));
  if (!is_retriable(error.code())) return std::unexpected(std::move(error));
  logger.warn("consuming goes on after an error", kv("error", error.message()));
  return std::monostate();
}

Result<void> Consumer::require_group(std::string_view what) const {
  if (has_group_) return {};
  return fail(Errc::kInvalidArgument, "cannot {} without a consumer group: set one", what);
}

Result<void> Consumer::commit() {
  FRESHET_TRY(require_group("commit"));
  const auto code = rd_kafka_commit(client_.get(), nullptr, /*async=*/0);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NO_OFFSET) return {};
  return std::unexpected(client_error(code, "cannot commit offsets"));
}

Result<void> Consumer::close() {
  const auto code = rd_kafka_consumer_close(client_.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(client_error(code, "cannot leave the consumer group"));
  }
  return {};
}

}  // namespace freshet::kafka
