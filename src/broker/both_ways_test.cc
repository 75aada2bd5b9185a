// The same rules for clients in this process and for clients over TCP: one set of cases, two ways.
// Transactions have their own (transactions_both_ways_test.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <thread>

#include "broker/broker.h"
#include "broker/codec_client.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// What became of a request; codes of the protocol as the errors that they are in process.
struct Outcome {
  std::optional<Errc> refused;
  Offset offset = kNoOffset;
};
bool operator==(const Outcome& outcome, Errc code) { return outcome.refused == code; }
std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  if (outcome.refused) return out << errc_name(*outcome.refused);
  return out << "offset " << outcome.offset.value();
}

std::optional<Errc> errc_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNone:
      return std::nullopt;
    case ErrorCode::kMessageTooLarge:
    case ErrorCode::kOffsetMetadataTooLarge:
      return Errc::kTooLarge;
    case ErrorCode::kInvalidRecord:
    case ErrorCode::kOutOfOrderSequenceNumber:
      return Errc::kInvalidArgument;
    case ErrorCode::kCorruptMessage:
      return Errc::kCorrupt;
    case ErrorCode::kInvalidTimestamp:
    case ErrorCode::kOffsetOutOfRange:
      return Errc::kOutOfRange;
    case ErrorCode::kInvalidProducerEpoch:
    case ErrorCode::kFencedInstanceId:
    case ErrorCode::kUnknownMemberId:
    case ErrorCode::kIllegalGeneration:
      return Errc::kFenced;
    case ErrorCode::kUnknownTopicOrPartition:
      return Errc::kNotFound;
    case ErrorCode::kInvalidTopicException:
      return Errc::kRefused;
    default:
      return Errc::kInternal;
  }
}

/// A producer and a reader of committed records.
class Client {
 public:
  virtual ~Client() = default;
  virtual Outcome send(const TopicPartition& tp, const std::string& batch) = 0;
  /// One fetch; values of the records, without those that were rolled back.
  virtual Outcome fetch(const TopicPartition& tp, Offset from,
                        std::vector<std::string>& values) = 0;
  /// Joins group "g" as the static member "one" and commits offset 3 of t-0.
  virtual void join() = 0;
  virtual Outcome commit(const std::string& metadata) = 0;
};

void read_values(std::string_view bytes, std::vector<std::string>& values) {
  std::string scratch;
  while (!bytes.empty()) {
    const auto batch = kafka::next_batch(bytes);
    if (!batch || !*batch) return;
    if ((*batch)->is_control()) continue;
    auto records = kafka::RecordIterator::open(**batch, scratch);
    RecordView record;
    while (records && records->next(record)) values.emplace_back(record.value.value_or("(null)"));
  }
}

class LocalClient final : public Client {
 public:
  explicit LocalClient(Broker& broker) : producer_(broker.make_producer()) {
    ConsumerOptions options;
    options.group = "g";
    options.topics = {"t"};
    options.static_member_name = "one";
    consumer_ = broker.make_consumer(std::move(options));
  }
  Outcome send(const TopicPartition& tp, const std::string& batch) override {
    std::vector<kafka::PartitionBatch> batches;
    batches.push_back({tp, batch});
    const auto sent = producer_->produce(std::move(batches)).get();
    return sent ? Outcome{{}, sent->at(0)} : Outcome{sent.error().code(), {}};
  }
  Outcome fetch(const TopicPartition& tp, Offset from, std::vector<std::string>& values) override {
    const auto fetched = consumer_->fetch(tp, from, 1 << 20, milliseconds(0));
    if (!fetched) return {fetched.error().code(), {}};
    for (const auto& slice : fetched->slices) read_values(slice.bytes, values);
    return {{}, from};
  }
  void join() override {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      const auto event = consumer_->poll(milliseconds(50));
      if (event && std::holds_alternative<kafka::Assigned>(*event)) return;
    }
    ADD_FAILURE() << "the group gave no partitions";
  }
  Outcome commit(const std::string& metadata) override {
    const kafka::OffsetCommit commit{{"t", 0}, Offset(3), metadata};
    const auto done = consumer_->commit({&commit, 1});
    return done ? Outcome{{}, Offset(3)} : Outcome{done.error().code(), {}};
  }

 private:
  std::unique_ptr<kafka::RecordProducer> producer_;
  std::unique_ptr<kafka::GroupConsumer> consumer_;
};

class TcpClient final : public Client {
 public:
  explicit TcpClient(uint16_t port) : client_(port) {}
  Outcome send(const TopicPartition& tp, const std::string& batch) override {
    kafka::ProduceRequest request;
    request.acks = -1;
    request.topic_data.emplace_back().name = tp.topic;
    request.topic_data[0].partition_data.push_back({tp.partition, std::string_view(batch)});
    const auto answer = client_.ask<kafka::ProduceResponse>(request, 9);
    const auto& row = answer.responses.at(0).partition_responses.at(0);
    return {errc_of(row.error_code), Offset(row.base_offset)};
  }
  Outcome fetch(const TopicPartition& tp, Offset from, std::vector<std::string>& values) override {
    kafka::FetchRequest request;
    request.isolation_level = 1;
    auto& topic = request.topics.emplace_back();
    topic.topic = tp.topic;
    auto& partition = topic.partitions.emplace_back();
    partition.partition = tp.partition;
    partition.fetch_offset = from.value();
    partition.partition_max_bytes = 1 << 20;
    const auto answer = client_.ask<kafka::FetchResponse>(request, 12);
    const auto& row = answer.responses.at(0).partitions.at(0);
    for (const auto& slice : row.records) read_values(slice.bytes, values);
    return {errc_of(row.error_code), from};
  }
  void join() override {
    kafka::JoinGroupRequest join;
    join.group_id = "g";
    join.session_timeout_ms = 60'000;
    join.rebalance_timeout_ms = 60'000;
    join.group_instance_id = "one";
    join.protocol_type = "consumer";
    join.protocols.push_back({"range", ""});
    const auto joined = client_.ask<kafka::JoinGroupResponse>(join, 5);
    EXPECT_EQ(joined.error_code, ErrorCode::kNone);
    member_ = joined.member_id;
    generation_ = joined.generation_id;
    kafka::SyncGroupRequest sync;
    sync.group_id = "g";
    sync.member_id = member_;
    sync.generation_id = generation_;
    sync.group_instance_id = "one";
    sync.assignments.push_back({member_, ""});
    EXPECT_EQ(client_.ask<kafka::SyncGroupResponse>(sync, 3).error_code, ErrorCode::kNone);
  }
  Outcome commit(const std::string& metadata) override {
    kafka::OffsetCommitRequest request;
    request.group_id = "g";
    request.member_id = member_;
    request.generation_id_or_member_epoch = generation_;
    request.group_instance_id = "one";
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    auto& row = topic.partitions.emplace_back();
    row.committed_offset = 3;
    row.committed_metadata = metadata;
    const auto answer = client_.ask<kafka::OffsetCommitResponse>(request, 7);
    return {errc_of(answer.topics.at(0).partitions.at(0).error_code), Offset(3)};
  }

 private:
  CodecClient client_;
  std::string member_;
  int32_t generation_ = -1;
};

enum class Way { kLocal, kTcp };

class BothWays : public testing::TestWithParam<Way> {
 protected:
  BothWays() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-ways-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    BrokerOptions options;
    options.data_dir = directory_ / "log";
    options.port = 0;
    auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
    EXPECT_TRUE(broker) << broker.error().message();
    broker_ = std::move(*broker);
    admin_ = std::make_unique<CodecClient>(broker_->port(), "admin");
  }
  ~BothWays() override {
    client_.reset();
    admin_.reset();
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  Client& client() {
    if (!client_ && GetParam() == Way::kLocal) client_ = std::make_unique<LocalClient>(*broker_);
    if (!client_) client_ = std::make_unique<TcpClient>(broker_->port());
    return *client_;
  }
  void create(const std::map<std::string, std::string>& configs = {}) {
    TopicSpec spec;
    spec.name = "t";
    spec.configs = configs;
    ASSERT_TRUE(broker_->create_topic(spec));
  }
  static int64_t now_ms() { return SystemClock::instance().wall().time_since_epoch().count(); }
  static std::string batch(const std::string& value, kafka::BatchOptions options = {},
                           std::optional<std::string_view> key = "k", int64_t time = now_ms()) {
    kafka::RecordBatchBuilder builder(options);
    builder.append(time, key, value);
    return builder.build();
  }
  Outcome send(const std::string& bytes) { return client().send({"t", 0}, bytes); }
  std::vector<std::string> read(Offset from = Offset(0)) {
    std::vector<std::string> values;
    EXPECT_FALSE(client().fetch({"t", 0}, from, values).refused);
    return values;
  }
  void limit(const std::string& name, double bytes) {
    kafka::AlterClientQuotasRequest request;
    request.entries.push_back({{{"client-id", "freshet"}}, {{name, bytes, false}}});
    EXPECT_EQ(admin_->ask<kafka::AlterClientQuotasResponse>(request, 1).entries.at(0).error_code,
              ErrorCode::kNone);
  }
  template <class Work>
  static milliseconds time_of(Work work) {
    const auto began = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  }

  std::filesystem::path directory_;
  MetricRegistry metrics_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<CodecClient> admin_;
  std::unique_ptr<Client> client_;
};

TEST_P(BothWays, a_batch_that_is_sent_again_is_stored_once) {
  create();
  const auto numbered = [](int32_t sequence, int16_t epoch = 3) {
    return batch("v" + std::to_string(sequence),
                 {.producer_id = 77, .producer_epoch = epoch, .base_sequence = sequence});
  };
  EXPECT_EQ(send(numbered(0)).offset, Offset(0));
  EXPECT_EQ(send(numbered(1)).offset, Offset(1));
  EXPECT_EQ(send(numbered(0)).offset, Offset(0)) << "the offset that it got";
  EXPECT_EQ(send(numbered(3)), Errc::kInvalidArgument) << "a gap";
  EXPECT_EQ(send(numbered(2, 2)), Errc::kFenced) << "an older epoch";
  EXPECT_EQ(send(numbered(0, 4)).offset, Offset(2)) << "a newer one begins anew";
  EXPECT_THAT(read(), ElementsAre("v0", "v1", "v0"));
}

TEST_P(BothWays, a_batch_over_the_limit_of_its_topic_is_refused) {
  create({{"max.message.bytes", "500"}});
  EXPECT_EQ(send(batch(std::string(500, 'x'))), Errc::kTooLarge);
  EXPECT_EQ(send(batch("small")).offset, Offset(0));
}

TEST_P(BothWays, a_compacted_topic_takes_no_record_without_a_key) {
  create({{"cleanup.policy", "compact"}});
  EXPECT_EQ(send(batch("v", {}, std::nullopt)), Errc::kInvalidArgument);
  EXPECT_EQ(send(batch("v")).offset, Offset(0));
}

TEST_P(BothWays, times_too_far_from_the_clock_are_refused) {
  create(
      {{"message.timestamp.before.max.ms", "60000"}, {"message.timestamp.after.max.ms", "60000"}});
  EXPECT_EQ(send(batch("v", {}, "k", now_ms() - 120'000)), Errc::kOutOfRange);
  EXPECT_EQ(send(batch("v", {}, "k", now_ms() + 120'000)), Errc::kOutOfRange);
  EXPECT_EQ(send(batch("v")).offset, Offset(0));
}

TEST_P(BothWays, the_topic_says_which_time_and_which_codec_a_batch_has) {
  create({{"message.timestamp.type", "LogAppendTime"}, {"compression.type", "lz4"}});
  EXPECT_EQ(send(batch(std::string(300, 'x'), {.codec = kafka::Codec::kGzip}, "k", 1)).offset,
            Offset(0));
  EXPECT_THAT(read(), ElementsAre(std::string(300, 'x')));
  auto producer = broker_->make_producer();
  const auto slices = producer->read_backwards({"t", 0}, kNoOffset, 1 << 20);
  ASSERT_TRUE(slices);
  const kafka::RecordBatchView stored(slices->at(0).bytes);
  EXPECT_EQ(stored.codec(), kafka::Codec::kLz4);
  EXPECT_GT(stored.max_timestamp_ms(), now_ms() - 60'000);
}

TEST_P(BothWays, what_is_no_batch_of_a_producer_is_refused) {
  create();
  std::string damaged = batch("v");
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  EXPECT_EQ(send(damaged), Errc::kCorrupt);
  EXPECT_EQ(send(batch("a") + batch("b")), Errc::kInvalidArgument);
  EXPECT_EQ(send(kafka::encode_marker({.producer_id = 1, .producer_epoch = 0, .commit = true}, 1)),
            Errc::kInvalidArgument);
  EXPECT_EQ(send(""), Errc::kInvalidArgument);
  EXPECT_EQ(client().send({"__consumer_offsets", 0}, batch("v")), Errc::kRefused);
  EXPECT_EQ(client().send({"missing", 0}, batch("v")), Errc::kNotFound);
  EXPECT_EQ(client().send({"t", 9}, batch("v")), Errc::kNotFound);
  EXPECT_THAT(read(), IsEmpty());
}

TEST_P(BothWays, nobody_reads_before_the_start_or_behind_the_end) {
  create();
  for (int i = 0; i < 3; ++i) send(batch(std::to_string(i)));
  kafka::DeleteRecordsRequest request;
  request.topics.emplace_back().name = "t";
  request.topics[0].partitions.push_back({0, 2});
  admin_->ask<kafka::DeleteRecordsResponse>(request, 2);
  std::vector<std::string> values;
  EXPECT_EQ(client().fetch({"t", 0}, Offset(1), values), Errc::kOutOfRange);
  EXPECT_EQ(client().fetch({"t", 0}, Offset(4), values), Errc::kOutOfRange);
  EXPECT_THAT(values, IsEmpty());
  EXPECT_THAT(read(Offset(2)), ElementsAre("2"));
}

TEST_P(BothWays, committed_reading_ends_before_an_open_transaction) {
  create();
  auto open = broker_->make_transactional_producer("id");
  ASSERT_TRUE(open);
  send(batch("before"));
  ASSERT_TRUE((*open)->begin());
  std::vector<kafka::PartitionBatch> batches;
  batches.push_back({{"t", 0}, batch("inside")});
  ASSERT_TRUE((*open)->send(std::move(batches)).get());
  send(batch("behind"));
  EXPECT_THAT(read(), ElementsAre("before"));
  ASSERT_TRUE((*open)->commit());
  EXPECT_THAT(read(), ElementsAre("before", "inside", "behind"));
}

TEST_P(BothWays, a_member_that_another_one_replaced_commits_nothing) {
  create();
  client().join();
  EXPECT_FALSE(client().commit("mine").refused);
  EXPECT_EQ(client().commit(std::string(4'097, 'm')), Errc::kTooLarge);
  TcpClient second(broker_->port());
  std::thread joining([&] { second.join(); });
  joining.join();
  EXPECT_EQ(client().commit("late"), Errc::kFenced);
  EXPECT_FALSE(second.commit("its successor's").refused);
}

TEST_P(BothWays, a_producer_over_its_quota_is_slowed_down) {
  create();
  const std::string bytes = batch(std::string(20'000, 'x'));
  send(bytes);
  limit("producer_byte_rate", 40'000);
  const auto took = time_of([&] {
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(send(bytes).refused);
  });
  // 80,000 bytes must have been paid for before the fifth: two seconds, one of them in advance.
  EXPECT_GT(took, milliseconds(800));
  EXPECT_LT(took, milliseconds(10'000));
}

TEST_P(BothWays, a_consumer_over_its_quota_is_slowed_down) {
  create();
  for (int i = 0; i < 2; ++i) send(batch(std::string(20'000, 'x')));
  limit("consumer_byte_rate", 40'000);
  const auto took = time_of([&] {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(read().size(), 2U);
  });
  EXPECT_GT(took, milliseconds(800));
}

TEST_P(BothWays, a_client_over_its_share_of_time_is_slowed_down) {
  create();
  const std::string bytes = batch("v");
  send(bytes);
  // A thousandth of a percent: ten microseconds of work in each second.
  limit("request_percentage", 0.001);
  const auto took = time_of([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (int i = 0; i < 2'000 && std::chrono::steady_clock::now() < deadline; ++i) {
      const auto call = time_of([&] { EXPECT_FALSE(send(bytes).refused); });
      if (call > milliseconds(500)) return;
    }
    ADD_FAILURE() << "nobody was made to wait";
  });
  EXPECT_GT(took, milliseconds(500));
}

INSTANTIATE_TEST_SUITE_P(Way, BothWays, testing::Values(Way::kLocal, Way::kTcp),
                         [](const auto& way) {
                           return way.param == Way::kLocal ? "local" : "tcp";
                         });

}  // namespace
}  // namespace freshet::broker
