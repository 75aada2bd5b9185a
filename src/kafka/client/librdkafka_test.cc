// Our codec and our clients against librdkafka's own broker (its mock cluster, in this process):
// what librdkafka produces we read off the wire, and what we put on the wire librdkafka consumes.
#include "kafka/client/librdkafka.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "kafka/client/admin.h"
#include "kafka/client/consumer.h"
#include "kafka/client/producer.h"
#include "kafka/client/testing/librdkafka_in_tests.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/record_batch_builder.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr std::chrono::milliseconds kPatience{20'000};
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

class MockCluster {
 public:
  MockCluster() {
    const ClientSettings settings{.librdkafka_properties = {{"test.mock.num.brokers", "1"}}};
    client_ = make_client(RD_KAFKA_PRODUCER, make_configuration(settings, {}).value()).value();
    cluster_ = rd_kafka_handle_mock_cluster(client_.get());
  }
  [[nodiscard]] ClientSettings settings() const {
    return {.bootstrap = rd_kafka_mock_cluster_bootstraps(cluster_),
            .client_id = "test",
            .request_timeout = kPatience,
            .librdkafka_properties = {}};
  }
  void create_topic(const std::string& name, int partitions) {
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster_, name.c_str(), partitions, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }

 private:
  ClientHandle client_;
  rd_kafka_mock_cluster_t* cluster_;  // owned by client_
};

/// A blocking connection that speaks through our codec only.
class Wire {
 public:
  explicit Wire(const std::string& bootstrap) {
    const size_t colon = bootstrap.find(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(bootstrap.substr(colon + 1))));
    EXPECT_EQ(inet_pton(AF_INET, bootstrap.substr(0, colon).c_str(), &address.sin_addr), 1);
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Wire() { close(socket_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// The response borrows from this object until the next call.
  template <Message Response, Message Request>
  Result<Response> call(int16_t version, const Request& request) {
    const RequestHeader header{
        .api_version = version, .correlation_id = ++correlation_id_, .client_id = "wire"};
    const std::string frame = encode_request(header, request).flatten();
    EXPECT_EQ(write(socket_, frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
    const auto size = load_be<int32_t>(receive(4).data());
    response_ = receive(static_cast<size_t>(size));
    std::string_view body = response_;
    FRESHET_ASSIGN(const int32_t id, decode_response_header(body, Request::kApi, version));
    EXPECT_EQ(id, correlation_id_);
    return decode_message<Response>(body, version);
  }

 private:
  std::string receive(size_t size) {
    std::string bytes(size, '\0');
    for (size_t done = 0; done < size;) {
      const ssize_t got = read(socket_, bytes.data() + done, size - done);
      if (got <= 0) throw std::runtime_error("connection closed");
      done += static_cast<size_t>(got);
    }
    return bytes;
  }

  int socket_ = -1;
  int32_t correlation_id_ = 0;
  std::string response_;
};

std::string value_of(int i) { return fmt::format("value {} {}", i, std::string(50, 'a')); }

TEST(Librdkafka, batches_it_produces_are_read_with_every_codec) {
  if (!kNoLibrdkafka.empty()) GTEST_SKIP() << kNoLibrdkafka;
  MockCluster cluster;
  for (const auto codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const std::string topic = fmt::format("topic-{}", codec_name(codec));
    cluster.create_topic(topic, 1);
    auto producer = Producer::create(cluster.settings(), {.codec = codec}).value();
    const HeaderView headers[] = {{"h", "1"}, {"empty", ""}, {"null", std::nullopt}};
    for (int i = 0; i < 100; ++i) {
      const std::string value = value_of(i);
      ASSERT_TRUE(producer.send(topic, {.key = i % 2 == 0 ? std::optional("key") : std::nullopt,
                                        .value = i == 7 ? std::nullopt : std::optional(value),
                                        .headers = std::span(headers).first(i == 3 ? 3 : 0),
                                        .timestamp_ms = 1'700'000'000'000 + i}));
    }
    ASSERT_TRUE(producer.flush(kPatience));
    EXPECT_EQ(producer.delivered_count(), 100);

    Wire wire(cluster.settings().bootstrap);
    FetchRequest request{.max_wait_ms = 100, .min_bytes = 1};
    request.topics.push_back({.topic = topic, .topic_id = {}, .partitions = {}});
    int seen = 0;
    std::string scratch;
    while (seen < 100) {
      request.topics[0].partitions = {{.fetch_offset = seen, .partition_max_bytes = 1 << 20}};
      const auto response = wire.call<FetchResponse>(11, request);
      ASSERT_TRUE(response) << response.error().message();
      const auto& slices = response->responses.at(0).partitions.at(0).records;
      if (slices.empty()) continue;  // the broker answered before the records were there
      std::string_view bytes = slices[0].bytes;
      for (;;) {
        const auto batch = next_batch(bytes);
        ASSERT_TRUE(batch) << batch.error().message();
        if (!*batch) break;
        ASSERT_TRUE(check_batch(**batch).has_value());
        EXPECT_GE((*batch)->producer_id(), 0);
        auto records = RecordIterator::open(**batch, scratch).value();
        for (RecordView record; records.next(record); ++seen) {
          EXPECT_EQ(record.offset, Offset(seen));
          EXPECT_EQ(record.timestamp_ms, 1'700'000'000'000 + seen);
          EXPECT_EQ(record.key.has_value(), seen % 2 == 0);
          if (seen == 7) {
            EXPECT_FALSE(record.value);
          } else {
            EXPECT_EQ(record.value, value_of(seen));
          }
          if (seen == 3) {
            EXPECT_EQ(record.headers, encode_headers(headers));
          }
        }
        ASSERT_TRUE(records.finish().has_value());
      }
    }
    EXPECT_EQ(seen, 100);
  }
}

TEST(Librdkafka, consumes_our_batches_with_every_codec) {
  if (!kNoLibrdkafka.empty()) GTEST_SKIP() << kNoLibrdkafka;
  MockCluster cluster;
  for (const auto codec : kCodecs) {
    SCOPED_TRACE(codec_name(codec));
    const std::string topic = fmt::format("topic-{}", codec_name(codec));
    cluster.create_topic(topic, 1);
    RecordBatchBuilder builder({.codec = codec});
    const HeaderView headers[] = {{"h", "1"}, {"null", std::nullopt}};
    for (int i = 0; i < 100; ++i) {
      builder.append(1'700'000'000'000 + i, i % 2 == 0 ? std::optional("key") : std::nullopt,
                     value_of(i), encode_headers(headers));
    }
    const std::string batch = builder.build();
    ProduceRequest request{.acks = -1, .timeout_ms = 1000};
    request.topic_data.push_back({.name = topic, .partition_data = {{.records = batch}}});
    Wire wire(cluster.settings().bootstrap);
    const auto response = wire.call<ProduceResponse>(7, request);
    ASSERT_TRUE(response) << response.error().message();
    ASSERT_EQ(response->responses.at(0).partition_responses.at(0).error_code, ErrorCode::kNone);

    auto consumer = Consumer::create(cluster.settings(), {}).value();
    const StartPosition start[] = {{{topic, 0}, Offset(0)}};
    ASSERT_TRUE(consumer.assign(start));
    int seen = 0;
    for (;;) {
      auto event = consumer.poll(kPatience);
      ASSERT_TRUE(event) << event.error().message();
      if (const auto* end = std::get_if<PartitionEnd>(&*event)) {
        EXPECT_EQ(end->tp, (TopicPartition{topic, 0}));
        EXPECT_EQ(end->next_offset, Offset(100));
        break;
      }
      const auto& record = std::get<ConsumedRecord>(*event);
      EXPECT_EQ(record.offset(), Offset(seen));
      EXPECT_EQ(record.timestamp_ms(), 1'700'000'000'000 + seen);
      EXPECT_EQ(record.key().has_value(), seen % 2 == 0);
      EXPECT_EQ(record.value(), value_of(seen));
      EXPECT_THAT(record.headers(), ElementsAre(headers[0], headers[1]));
      ++seen;
    }
    EXPECT_EQ(seen, 100);
  }
}

TEST(Admin, answers_about_topics_partitions_and_offsets) {
  if (!kNoLibrdkafka.empty()) GTEST_SKIP() << kNoLibrdkafka;
  MockCluster cluster;
  cluster.create_topic("events", 3);
  auto producer = Producer::create(cluster.settings(), {}).value();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(producer.send("events", {.partition = 1, .value = "v"}));
  }
  ASSERT_TRUE(producer.flush(kPatience));

  auto admin = Admin::create(cluster.settings()).value();
  const auto topic = admin.topic("events");
  ASSERT_TRUE(topic) << topic.error().message();
  ASSERT_THAT(topic->partitions, SizeIs(3));
  EXPECT_EQ(topic->partitions[1].id, 1);
  EXPECT_THAT(topic->partitions[1].replicas, ElementsAre(1));
  const auto info = admin.cluster();
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_THAT(info->brokers, SizeIs(1));
  EXPECT_EQ(info->topics.at(0).name, "events");

  const TopicPartition partitions[] = {{"events", 1}, {"events", 0}};
  const auto bounds = admin.bounds(partitions);
  ASSERT_TRUE(bounds) << bounds.error().message();
  EXPECT_EQ((*bounds)[0].log_start, Offset(0));
  EXPECT_EQ((*bounds)[0].high_watermark, Offset(10));
  EXPECT_EQ((*bounds)[1].high_watermark, Offset(0));
}

TEST(Consumer, of_a_group_commits_what_it_read) {
  if (!kNoLibrdkafka.empty()) GTEST_SKIP() << kNoLibrdkafka;
  MockCluster cluster;
  cluster.create_topic("events", 1);
  auto producer = Producer::create(cluster.settings(), {}).value();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(producer.send("events", {.value = "v"}));
  ASSERT_TRUE(producer.flush(kPatience));

  auto consumer =
      Consumer::create(cluster.settings(), {.group = "g", .reset = OffsetReset::kEarliest}).value();
  const std::string topics[] = {"events"};
  ASSERT_TRUE(consumer.subscribe(topics));
  for (bool at_end = false; !at_end;) {
    const auto event = consumer.poll(kPatience);
    ASSERT_TRUE(event) << event.error().message();
    ASSERT_FALSE(std::holds_alternative<std::monostate>(*event)) << "nothing came";
    at_end = std::holds_alternative<PartitionEnd>(*event);
  }
  ASSERT_TRUE(consumer.commit());
  ASSERT_TRUE(consumer.close());

  // The mock cannot list a group's offsets, which Admin::committed() asks for; it tells single
  // ones.
  Wire wire(cluster.settings().bootstrap);
  const auto committed = wire.call<OffsetFetchResponse>(
      5, OffsetFetchRequest{.group_id = "g", .topics = {{{"events", {0}}}}});
  ASSERT_TRUE(committed) << committed.error().message();
  EXPECT_EQ(committed->topics.at(0).partitions.at(0).committed_offset, 5);
}

TEST(Consumer, without_a_group_cannot_commit) {
  if (!kNoLibrdkafka.empty()) GTEST_SKIP() << kNoLibrdkafka;
  auto consumer = Consumer::create({.bootstrap = "127.0.0.1:1"}, {}).value();
  const auto committed = consumer.commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code(), Errc::kInvalidArgument);
}

TEST(ClientErrors, say_what_is_wrong) {
  if (!kNoLibrdkafka.empty()) GTEST_SKIP() << kNoLibrdkafka;
  const auto refused = Producer::create({.librdkafka_properties = {{"linger.mss", "5"}}}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("linger.mss"));

  // Port 1 on the loopback: nobody listens there.
  auto admin =
      Admin::create({.bootstrap = "127.0.0.1:1", .request_timeout = std::chrono::milliseconds(300)})
          .value();
  const auto cluster = admin.cluster();
  ASSERT_FALSE(cluster);
  EXPECT_TRUE(is_retriable(cluster.error().code())) << cluster.error().message();
  EXPECT_EQ(client_error(RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "x").code(), Errc::kAlreadyExists);
  EXPECT_EQ(client_error(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "x").code(), Errc::kNotFound);
}

}  // namespace
}  // namespace freshet::kafka
