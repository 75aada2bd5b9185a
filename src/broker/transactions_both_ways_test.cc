// The same transactions from inside this process and over TCP with the reference C client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "broker/broker.h"
#include "kafka/client/testing/librdkafka_in_tests.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

// In a build without optimisation librdkafka's macros check the types of their arguments with it.
#pragma clang diagnostic ignored "-Wgnu-statement-expression-from-macro-expansion"

namespace freshet::broker {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// What both kinds of producer can do.
class Client {
 public:
  virtual ~Client() = default;
  virtual void begin() = 0;
  virtual void send(int32_t partition, const std::string& value) = 0;
  virtual bool send_offset(kafka::GroupConsumer& consumer, Offset offset) = 0;
  virtual bool commit() = 0;
  virtual bool abort() = 0;
};

class LocalClient final : public Client {
 public:
  LocalClient(Broker& broker, const std::string& id, milliseconds timeout) {
    auto made = broker.make_transactional_producer(id, timeout);
    EXPECT_TRUE(made) << made.error().message();
    producer_ = std::move(*made);
  }
  void begin() override { EXPECT_TRUE(producer_->begin()); }
  void send(int32_t partition, const std::string& value) override {
    kafka::RecordBatchBuilder builder;
    builder.append(1'700'000'000'000, std::nullopt, value);
    std::vector<kafka::PartitionBatch> batches;
    batches.push_back({{"t", partition}, builder.build()});
    producer_->send(std::move(batches));
  }
  bool send_offset(kafka::GroupConsumer& consumer, Offset offset) override {
    const kafka::OffsetCommit commit{{"t", 0}, offset, "m"};
    return producer_
        ->send_offsets({consumer.group(), consumer.member_id(), consumer.generation()},
                       {&commit, 1})
        .has_value();
  }
  bool commit() override { return producer_->commit().has_value(); }
  bool abort() override { return producer_->abort().has_value(); }

 private:
  std::unique_ptr<kafka::TransactionalProducer> producer_;
};

class TcpClient final : public Client {
 public:
  TcpClient(uint16_t port, const std::string& id, milliseconds timeout) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::string address = "127.0.0.1:" + std::to_string(port);
    const std::string timeout_ms = std::to_string(timeout.count());
    for (const auto& [name, value] : {std::pair{"bootstrap.servers", address.c_str()},
                                      {"transactional.id", id.c_str()},
                                      {"transaction.timeout.ms", timeout_ms.c_str()},
                                      {"linger.ms", "0"}}) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name, value, nullptr, 0), RD_KAFKA_CONF_OK) << name;
    }
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    EXPECT_TRUE(ok(rd_kafka_init_transactions(client_, 20'000)));
  }
  ~TcpClient() override { rd_kafka_destroy(client_); }
  void begin() override { EXPECT_TRUE(ok(rd_kafka_begin_transaction(client_))); }
  void send(int32_t partition, const std::string& value) override {
    rd_kafka_producev(client_, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_PARTITION(partition),
                      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                      RD_KAFKA_V_END);
  }
  bool send_offset(kafka::GroupConsumer& consumer, Offset offset) override {
    // The group's member is in process, so the client names the group alone.
    auto* const list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "t", 0)->offset = offset.value();
    auto* const group = rd_kafka_consumer_group_metadata_new_with_genid(
        consumer.group().c_str(), consumer.generation(), consumer.member_id().c_str(), nullptr);
    const bool sent = ok(rd_kafka_send_offsets_to_transaction(client_, list, group, 10'000));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    return sent;
  }
  bool commit() override { return ok(rd_kafka_commit_transaction(client_, 20'000)); }
  bool abort() override { return ok(rd_kafka_abort_transaction(client_, 20'000)); }

 private:
  static bool ok(rd_kafka_error_t* error) {
    if (error == nullptr) return true;
    last_error() = rd_kafka_error_string(error);
    rd_kafka_error_destroy(error);
    return false;
  }
  static std::string& last_error() {
    static std::string text;
    return text;
  }
  rd_kafka_t* client_ = nullptr;
};

enum class Way { kLocal, kTcp };

class TransactionsBothWays : public testing::TestWithParam<Way> {
 protected:
  TransactionsBothWays() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-txn-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    start();
    TopicSpec spec;
    spec.name = "t";
    spec.partitions = 2;
    EXPECT_TRUE(broker_->create_topic(spec));
    consumer_ = join();
  }
  void SetUp() override {
    if (GetParam() == Way::kTcp && !kafka::kNoLibrdkafka.empty()) {
      GTEST_SKIP() << kafka::kNoLibrdkafka;
    }
  }
  ~TransactionsBothWays() override {
    consumer_.reset();
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  void start() {
    BrokerOptions options;
    options.data_dir = directory_ / "log";
    options.port = 0;
    auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
    ASSERT_TRUE(broker) << broker.error().message();
    broker_ = std::move(*broker);
  }
  std::unique_ptr<Client> client(const std::string& id = "id",
                                 milliseconds timeout = milliseconds(30'000)) {
    if (GetParam() == Way::kLocal) return std::make_unique<LocalClient>(*broker_, id, timeout);
    return std::make_unique<TcpClient>(broker_->port(), id, timeout);
  }
  std::unique_ptr<kafka::GroupConsumer> join() {
    ConsumerOptions options;
    options.group = "g";
    options.topics = {"t"};
    options.session_timeout = milliseconds(120'000);  // nobody polls while the producers work
    auto consumer = broker_->make_consumer(std::move(options));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      auto event = consumer->poll(milliseconds(50));
      if (event && std::holds_alternative<kafka::Assigned>(*event)) return consumer;
    }
    ADD_FAILURE() << "the group gave no partitions";
    return consumer;
  }
  /// All records that a reader of committed ones is given.
  std::vector<std::string> committed(int32_t partition) {
    const TopicPartition tp{"t", partition};
    std::vector<std::string> values;
    Offset next(0);
    std::string scratch;
    while (next < consumer_->bounds(tp)->high_watermark) {
      const auto fetched = consumer_->fetch(tp, next, 1 << 20, milliseconds(0));
      if (!fetched || fetched->slices.empty()) {
        ADD_FAILURE() << "nothing at offset " << next.value();
        return values;
      }
      for (const auto& slice : fetched->slices) {
        std::string_view rest = slice.bytes;
        while (!rest.empty()) {
          const auto batch = kafka::next_batch(rest);
          EXPECT_TRUE(batch && *batch);
          EXPECT_TRUE(kafka::check_batch(**batch));
          next = (*batch)->next_offset();
          if ((*batch)->is_control()) continue;
          auto records = kafka::RecordIterator::open(**batch, scratch);
          RecordView record;
          while (records && records->next(record)) values.emplace_back(*record.value);
        }
      }
    }
    return values;
  }
  Offset committed_offset() {
    const TopicPartition tp{"t", 0};
    const auto found = consumer_->committed({&tp, 1});
    EXPECT_TRUE(found) << found.error().message();
    return found ? found->at(0).committed : kNoOffset;
  }

  std::filesystem::path directory_;
  MetricRegistry metrics_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<kafka::GroupConsumer> consumer_;
};

TEST_P(TransactionsBothWays, committed_records_are_read_and_aborted_ones_are_not) {
  const auto producer = client();
  producer->begin();
  producer->send(0, "a");
  producer->send(1, "b");
  ASSERT_TRUE(producer->commit());
  producer->begin();
  producer->send(0, "lost");
  producer->send(0, "lost too");
  ASSERT_TRUE(producer->abort());
  producer->begin();
  producer->send(0, "c");
  ASSERT_TRUE(producer->commit());
  EXPECT_THAT(committed(0), ElementsAre("a", "c"));
  EXPECT_THAT(committed(1), ElementsAre("b"));
}

TEST_P(TransactionsBothWays, nothing_is_read_before_the_end) {
  const auto producer = client();
  producer->begin();
  producer->send(0, "a");
  ASSERT_TRUE(producer->send_offset(*consumer_, Offset(0)));
  EXPECT_THAT(committed(0), IsEmpty());
  EXPECT_EQ(broker_->group("g")->offsets.size(), 0U);
  ASSERT_TRUE(producer->commit());
  EXPECT_THAT(committed(0), ElementsAre("a"));
}

TEST_P(TransactionsBothWays, consumed_offsets_share_the_fate_of_the_records) {
  const auto producer = client();
  producer->begin();
  producer->send(0, "a");
  ASSERT_TRUE(producer->send_offset(*consumer_, Offset(1)));
  ASSERT_TRUE(producer->commit());
  EXPECT_EQ(committed_offset(), Offset(1));
  producer->begin();
  producer->send(0, "b");
  ASSERT_TRUE(producer->send_offset(*consumer_, Offset(2)));
  ASSERT_TRUE(producer->abort());
  EXPECT_EQ(committed_offset(), Offset(1));
  EXPECT_THAT(committed(0), ElementsAre("a"));
}

TEST_P(TransactionsBothWays, offsets_of_a_former_member_are_refused) {
  const auto producer = client();
  class Former final : public kafka::GroupConsumer {
   public:
    explicit Former(int32_t generation) : generation_(generation) {}
    Result<kafka::GroupEvent> poll(milliseconds) override { return kafka::GroupEvent(); }
    Result<kafka::FetchedBatches> fetch(const TopicPartition&, Offset, size_t,
                                        milliseconds) override {
      return fail(Errc::kUnsupported, "not asked for");
    }
    Result<kafka::PartitionBounds> bounds(const TopicPartition&) override {
      return fail(Errc::kUnsupported, "not asked for");
    }
    Result<Offset> offset_at(const TopicPartition&, milliseconds) override {
      return fail(Errc::kUnsupported, "not asked for");
    }
    Result<void> commit(std::span<const kafka::OffsetCommit>) override { return {}; }
    Result<std::vector<kafka::AssignedPartition>> committed(
        std::span<const TopicPartition>) override {
      return fail(Errc::kUnsupported, "not asked for");
    }
    Result<void> leave() override { return {}; }
    [[nodiscard]] std::string group() const override { return "g"; }
    [[nodiscard]] std::string member_id() const override { return "gone"; }
    [[nodiscard]] int32_t generation() const override { return generation_; }

   private:
    int32_t generation_;
  } gone(1);
  producer->begin();
  producer->send(0, "a");
  EXPECT_FALSE(producer->send_offset(gone, Offset(1)));
  EXPECT_TRUE(producer->abort());
  EXPECT_EQ(committed_offset(), kNoOffset);
}

TEST_P(TransactionsBothWays, a_newer_producer_of_the_same_id_fences_the_older) {
  const auto older = client();
  older->begin();
  older->send(0, "old");
  const auto newer = client();
  EXPECT_FALSE(older->commit());
  newer->begin();
  newer->send(0, "new");
  ASSERT_TRUE(newer->commit());
  EXPECT_THAT(committed(0), ElementsAre("new"));
}

TEST_P(TransactionsBothWays, a_transaction_that_times_out_is_rolled_back) {
  const auto producer = client("id", milliseconds(1'000));
  producer->begin();
  producer->send(0, "a");
  ASSERT_TRUE(producer->send_offset(*consumer_, Offset(7)));
  const TopicPartition tp{"t", 0};
  // Until the marker is there: nothing, and then only a position behind it.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (consumer_->bounds(tp)->high_watermark < Offset(2) &&
         std::chrono::steady_clock::now() < deadline) {
    static_cast<void>(consumer_->fetch(tp, Offset(0), 1 << 20, milliseconds(100)));
  }
  EXPECT_THAT(committed(0), IsEmpty());
  EXPECT_EQ(committed_offset(), kNoOffset);
  EXPECT_FALSE(producer->commit());
}

TEST_P(TransactionsBothWays, many_in_a_row_are_exact) {
  const auto producer = client();
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    const auto value = std::to_string(i);
    producer->begin();
    producer->send(0, value);
    ASSERT_TRUE(producer->send_offset(*consumer_, Offset(i)));
    if (i % 3 == 0) {
      ASSERT_TRUE(producer->abort());
    } else {
      ASSERT_TRUE(producer->commit());
      expected.push_back(value);
    }
  }
  EXPECT_EQ(committed(0), expected);
  EXPECT_EQ(committed_offset(), Offset(59));
}

INSTANTIATE_TEST_SUITE_P(Way, TransactionsBothWays, testing::Values(Way::kLocal, Way::kTcp),
                         [](const auto& way) {
                           return way.param == Way::kLocal ? "local" : "tcp";
                         });

}  // namespace
}  // namespace freshet::broker
