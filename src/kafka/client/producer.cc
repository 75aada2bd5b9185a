#include "kafka/client/producer.h"

#include "kafka/client/librdkafka.h"

namespace freshet::kafka {

// At a fixed address: librdkafka's callbacks keep a pointer to it.
struct Producer::State {
  std::chrono::milliseconds delivery_timeout{};
  int64_t delivered = 0;
  std::optional<Error> first_failure;
  ClientHandle client;  // destroyed first: its callbacks use the rest
};

namespace {

// Bounds what a producer may hold in memory; librdkafka's default is a gigabyte.
constexpr int kQueueKilobytesMax = 128 << 10;
constexpr int kQueueMessagesMax = 1'000'000;
constexpr std::chrono::milliseconds kQueueFullWait{50};

rd_kafka_vu_t argument(rd_kafka_vtype_t type) {
  rd_kafka_vu_t value{};
  value.vtype = type;
  return value;
}

rd_kafka_vu_t memory_argument(rd_kafka_vtype_t type, std::optional<std::string_view> bytes) {
  rd_kafka_vu_t value = argument(type);
  if (bytes) {
    // A null pointer means null; an empty value is not null.
    value.u.mem.ptr = const_cast<char*>(bytes->data() != nullptr ? bytes->data() : "");
    value.u.mem.size = bytes->size();
  }
  return value;
}

std::vector<rd_kafka_vu_t> produce_arguments(const std::string& topic,
                                             const OutgoingRecord& record) {
  std::vector<rd_kafka_vu_t> arguments;
  arguments.reserve(6 + record.headers.size());
  arguments.push_back(argument(RD_KAFKA_VTYPE_TOPIC));
  arguments.back().u.cstr = topic.c_str();
  arguments.push_back(argument(RD_KAFKA_VTYPE_MSGFLAGS));
  arguments.back().u.i = RD_KAFKA_MSG_F_COPY;
  arguments.push_back(memory_argument(RD_KAFKA_VTYPE_KEY, record.key));
  arguments.push_back(memory_argument(RD_KAFKA_VTYPE_VALUE, record.value));
  if (record.partition) {
    arguments.push_back(argument(RD_KAFKA_VTYPE_PARTITION));
    arguments.back().u.i32 = *record.partition;
  }
  if (record.timestamp_ms) {
    arguments.push_back(argument(RD_KAFKA_VTYPE_TIMESTAMP));
    arguments.back().u.i64 = *record.timestamp_ms;
  }
  return arguments;
}

Result<rd_kafka_headers_t*> make_headers(std::span<const HeaderView> headers) {
  rd_kafka_headers_t* list = rd_kafka_headers_new(headers.size());
  for (const auto& header : headers) {
    const auto code = rd_kafka_header_add(
        list, header.key.data(), static_cast<ssize_t>(header.key.size()),
        header.value ? (header.value->data() != nullptr ? header.value->data() : "") : nullptr,
        header.value ? static_cast<ssize_t>(header.value->size()) : 0);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_headers_destroy(list);
      return std::unexpected(client_error(code, fmt::format("record header {}", header.key)));
    }
  }
  return list;
}

}  // namespace

Producer::Producer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Producer::~Producer() = default;
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&&) noexcept = default;

Result<Producer> Producer::create(const ClientSettings& client, const ProducerSettings& settings) {
  FRESHET_ASSIGN(
      auto configuration,
      make_configuration(client,
                         {{"enable.idempotence", "true"},
                          {"compression.codec", std::string(codec_name(settings.codec))},
                          {"linger.ms", std::to_string(settings.linger.count())},
                          {"message.timeout.ms", std::to_string(settings.delivery_timeout.count())},
                          {"queue.buffering.max.kbytes", std::to_string(kQueueKilobytesMax)},
                          {"queue.buffering.max.messages", std::to_string(kQueueMessagesMax)},
                          {"partitioner", "murmur2_random"}}));
  auto state = std::make_unique<State>();
  state->delivery_timeout = settings.delivery_timeout;
  rd_kafka_conf_set_opaque(configuration.get(), state.get());
  rd_kafka_conf_set_dr_msg_cb(
      configuration.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
        auto& self = *static_cast<State*>(opaque);
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          ++self.delivered;
          return;
        }
        if (!self.first_failure) {
          self.first_failure = client_error(
              message->err, fmt::format("record for topic {} partition {} is not delivered",
                                        rd_kafka_topic_name(message->rkt), message->partition));
        }
      });
  FRESHET_ASSIGN(state->client, make_client(RD_KAFKA_PRODUCER, std::move(configuration)));
  return Producer(std::move(state));
}

Result<void> Producer::send(const std::string& topic, const OutgoingRecord& record) {
  auto arguments = produce_arguments(topic, record);
  const auto deadline = std::chrono::steady_clock::now() + state_->delivery_timeout;
  if (!record.headers.empty()) {
    FRESHET_ASSIGN(auto* headers, make_headers(record.headers));
    arguments.push_back(argument(RD_KAFKA_VTYPE_HEADERS));
    arguments.back().u.headers = headers;
  }
  rd_kafka_t* client = state_->client.get();
  for (;;) {
    rd_kafka_error_t* error = rd_kafka_produceva(client, arguments.data(), arguments.size());
    rd_kafka_poll(client, 0);
    if (error == nullptr) return {};
    const auto code = rd_kafka_error_code(error);
    auto failure =
        client_error(code, rd_kafka_error_string(error), fmt::format("produce to topic {}", topic));
    rd_kafka_error_destroy(error);
    const bool queue_full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (queue_full && std::chrono::steady_clock::now() < deadline) {
      rd_kafka_poll(client, to_millis(kQueueFullWait));
      continue;
    }
    // librdkafka takes the headers only when it takes the record.
    if (!record.headers.empty()) rd_kafka_headers_destroy(arguments.back().u.headers);
    return std::unexpected(std::move(failure));
  }
}

Result<void> Producer::flush(std::chrono::milliseconds wait) {
  rd_kafka_t* client = state_->client.get();
  const auto code = rd_kafka_flush(client, to_millis(wait));
  if (state_->first_failure) {
    Error failure = *std::move(state_->first_failure);
    state_->first_failure.reset();
    return std::unexpected(std::move(failure));
  }
  if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    return fail(Errc::kTimeout, "{} records are not acknowledged after {} ms",
                rd_kafka_outq_len(client), wait.count());
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(client_error(code, "flush"));
  return {};
}

int64_t Producer::delivered_count() const { return state_->delivered; }

}  // namespace freshet::kafka
