// kafka/remote against the broker of this process, over TCP: what a pipeline needs of a Kafka that
// runs elsewhere. With FRESHET_TEST_KAFKA=host:port against that Kafka (tests/judges).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "broker/broker.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "kafka/remote/remote_consumer.h"
#include "kafka/remote/remote_producer.h"

namespace freshet::broker {
namespace {

using kafka::Assigned;
using kafka::RemoteConsumer;
using kafka::Revoked;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const std::vector<std::string> kCooperative = {"cooperative-sticky"};
const std::vector<std::string> kEager = {"range", "roundrobin"};

class RemoteClient : public testing::Test {
 protected:
  RemoteClient() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "freshet-remote-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~RemoteClient() override {
    cluster_.reset();
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start(ListenerSecurity security = {}) {
    BrokerOptions options;
    options.data_dir = directory_ / "log";
    options.port = 0;
    options.security = std::move(security);
    auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
    ASSERT_TRUE(broker) << broker.error().message();
    broker_ = std::move(*broker);
  }
  [[nodiscard]] kafka::RemoteSettings settings() const {
    if (broker_ == nullptr) return {.bootstrap = std::getenv("FRESHET_TEST_KAFKA")};
    return {.bootstrap = "127.0.0.1:" + std::to_string(broker_->port())};
  }
  void connect() {
    if (std::getenv("FRESHET_TEST_KAFKA") == nullptr) start();
    auto cluster = kafka::Cluster::open(settings());
    ASSERT_TRUE(cluster) << cluster.error().message();
    cluster_ = std::move(*cluster);
  }
  void create(const std::string& name, int32_t partitions) {
    const auto made = cluster_->ensure_topic({.name = name, .partitions = partitions});
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_THAT(made->leaders, SizeIs(partitions));
  }
  std::unique_ptr<RemoteConsumer> join(const std::string& name = "",
                                       const std::vector<std::string>& assignors = kCooperative) {
    return std::make_unique<RemoteConsumer>(
        cluster_, kafka::RemoteConsumerOptions{.group = t_,
                                               .topics = {t_},
                                               .assignors = assignors,
                                               .static_member_name = name,
                                               .heartbeat_every = milliseconds(50),
                                               .log = {.bounds_age_max = milliseconds(0)}});
  }
  static std::string batch_of(const std::vector<std::string>& values) {
    kafka::RecordBatchBuilder builder;
    for (const auto& value : values) builder.append(1'700'000'000'000, std::nullopt, value);
    return builder.build();
  }
  Offset produce(const TopicPartition& tp, const std::vector<std::string>& values) {
    std::vector<kafka::PartitionBatch> batches;
    batches.push_back({tp, batch_of(values)});
    kafka::RemoteProducer producer(cluster_);
    auto landed = producer.produce(std::move(batches)).get();
    EXPECT_TRUE(landed) << landed.error().message();
    return landed ? landed->front() : kNoOffset;
  }
  static std::vector<std::string> values_of(const std::vector<kafka::LogSlice>& slices) {
    std::vector<std::string> values;
    std::string scratch;
    for (const auto& slice : slices) {
      std::string_view rest = slice.bytes;
      for (auto batch = kafka::next_batch(rest); batch && *batch; batch = kafka::next_batch(rest)) {
        if ((*batch)->is_control()) continue;
        auto records = kafka::RecordIterator::open(**batch, scratch);
        RecordView record;
        while (records && records->next(record)) values.emplace_back(record.value.value());
      }
    }
    return values;
  }
  /// Polls all of them in turn until the first has an event of that kind.
  template <class Event>
  std::optional<Event> next(kafka::GroupConsumer& wanted, kafka::GroupConsumer* other = nullptr) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      auto event = wanted.poll(milliseconds(20));
      // A Kafka that has only just started makes its offsets topic now.
      if (!event && is_retriable(event.error().code())) continue;
      if (!event) {
        ADD_FAILURE() << event.error().message();
        return std::nullopt;
      }
      if (auto* found = std::get_if<Event>(&*event)) return std::move(*found);
      if (other != nullptr) EXPECT_TRUE(other->poll(milliseconds(5)));
    }
    ADD_FAILURE() << "no such event";
    return std::nullopt;
  }
  std::optional<Assigned> next_not_empty(kafka::GroupConsumer& wanted,
                                         kafka::GroupConsumer* other) {
    while (true) {
      auto assigned = next<Assigned>(wanted, other);
      if (!assigned || !assigned->partitions.empty()) return assigned;
    }
  }
  static Result<void> commit(kafka::GroupConsumer& consumer, const TopicPartition& tp,
                             int64_t offset, const std::string& metadata) {
    const kafka::OffsetCommit one{tp, Offset(offset), metadata};
    return consumer.commit({&one, 1});
  }

  /// Of this test alone: another Kafka remembers.
  const std::string t_ = fmt::format(
      "{}-{}", testing::UnitTest::GetInstance()->current_test_info()->name(), ::getpid());
  std::filesystem::path directory_;
  MetricRegistry metrics_;
  std::unique_ptr<Broker> broker_;
  std::shared_ptr<kafka::Cluster> cluster_;
};

TEST_F(RemoteClient, batches_land_in_order_and_are_read_back_from_the_end) {
  connect();
  create(t_, 2);
  kafka::RemoteProducer producer(cluster_);
  EXPECT_EQ(producer.partition_count(t_), 2);
  std::vector<kafka::PartitionBatch> batches;
  batches.push_back({{t_, 0}, batch_of({"a", "b"})});
  batches.push_back({{t_, 1}, batch_of({"x"})});
  batches.push_back({{t_, 0}, batch_of({"c"})});
  const auto landed = producer.produce(std::move(batches)).get();
  ASSERT_TRUE(landed) << landed.error().message();
  EXPECT_THAT(*landed, ElementsAre(Offset(0), Offset(0), Offset(2)));

  const auto all = producer.read_backwards({t_, 0}, kNoOffset, 1 << 20);
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_THAT(values_of(*all), ElementsAre("a", "b", "c"));
  const auto older = producer.read_backwards({t_, 0}, Offset(2), 1 << 20);
  ASSERT_TRUE(older) << older.error().message();
  EXPECT_THAT(values_of(*older), ElementsAre("a", "b"));
  const auto newest = producer.read_backwards({t_, 0}, kNoOffset, 1);
  ASSERT_TRUE(newest) << newest.error().message();
  EXPECT_EQ(values_of(*newest).back(), "c");
  EXPECT_THAT(producer.read_backwards({t_, 0}, Offset(0), 1 << 20).value(), SizeIs(0));
}

TEST_F(RemoteClient, what_cannot_land_is_told_and_does_not_stop_the_rest) {
  connect();
  create(t_, 1);
  kafka::RemoteProducer producer(cluster_);
  EXPECT_EQ(producer.partition_count("none").error().code(), Errc::kNotFound);
  std::vector<kafka::PartitionBatch> lost;
  lost.push_back({{"none", 0}, batch_of({"a"})});
  EXPECT_EQ(producer.produce(std::move(lost)).get().error().code(), Errc::kNotFound);
  std::vector<kafka::PartitionBatch> good;
  good.push_back({{t_, 0}, batch_of({"b"})});
  EXPECT_TRUE(producer.produce(std::move(good)).get());
}

TEST_F(RemoteClient, a_member_reads_commits_and_goes_on_from_there) {
  connect();
  create(t_, 2);
  produce({t_, 0}, {"a", "b"});
  produce({t_, 0}, {"c"});
  auto consumer = join();
  const auto assigned = next<Assigned>(*consumer);
  ASSERT_TRUE(assigned);
  ASSERT_THAT(assigned->partitions, SizeIs(2));
  EXPECT_EQ(assigned->partitions[0].committed, kNoOffset);
  EXPECT_EQ(assigned->partitions[0].topic_id, cluster_->topic(t_)->id);
  EXPECT_FALSE(assigned->partitions[0].topic_id.is_zero());
  EXPECT_GE(consumer->generation(), 1);

  const auto bounds = consumer->bounds({t_, 0});
  ASSERT_TRUE(bounds) << bounds.error().message();
  EXPECT_EQ(bounds->log_start, Offset(0));
  EXPECT_EQ(bounds->high_watermark, Offset(3));
  const auto fetched = consumer->fetch({t_, 0}, Offset(1), 1 << 20, milliseconds(0));
  ASSERT_TRUE(fetched) << fetched.error().message();
  EXPECT_THAT(values_of(fetched->slices), ElementsAre("a", "b", "c"));
  EXPECT_EQ(fetched->high_watermark, Offset(3));
  EXPECT_THAT(consumer->fetch({t_, 0}, Offset(3), 1 << 20, milliseconds(0)).value().slices,
              SizeIs(0));
  EXPECT_EQ(consumer->fetch({t_, 0}, Offset(9), 1 << 20, milliseconds(0)).error().code(),
            Errc::kOutOfRange);

  ASSERT_TRUE(commit(*consumer, {t_, 0}, 2, "pending 2-2"));
  EXPECT_EQ(commit(*consumer, {"other", 0}, 2, "").error().code(), Errc::kFenced);
  ASSERT_TRUE(consumer->leave());
  EXPECT_EQ(commit(*consumer, {t_, 0}, 3, "").error().code(), Errc::kFenced);
  const auto again = next<Assigned>(*consumer);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->partitions[0].committed, Offset(2));
  EXPECT_EQ(again->partitions[0].metadata, "pending 2-2");
}

TEST_F(RemoteClient, finds_where_a_time_begins) {
  connect();
  create(t_, 1);
  kafka::RemoteProducer producer(cluster_);
  for (const int64_t second : {10, 20, 30}) {
    kafka::RecordBatchBuilder builder;
    builder.append(1'700'000'000'000 + 1'000 * second, std::nullopt, "value");
    std::vector<kafka::PartitionBatch> batches;
    batches.push_back({{t_, 0}, builder.build()});
    ASSERT_TRUE(producer.produce(std::move(batches)).get());
  }
  auto reader = join();
  const auto at = [&](int64_t second) {
    return reader->offset_at({t_, 0}, milliseconds(1'700'000'000'000 + 1'000 * second));
  };
  EXPECT_EQ(at(0), Offset(0));
  EXPECT_EQ(at(10), Offset(0));
  EXPECT_EQ(at(11), Offset(1));
  EXPECT_EQ(at(30), Offset(2));
  EXPECT_EQ(at(31), Offset(3));
  if (broker_ == nullptr) return;
  auto local = broker_->make_consumer({.group = t_, .topics = {t_}});
  EXPECT_EQ(local->offset_at({t_, 0}, milliseconds(1'700'000'011'000)), Offset(1));
  EXPECT_EQ(local->offset_at({t_, 0}, milliseconds(1'700'000'031'000)), Offset(3));
}

TEST_F(RemoteClient, a_member_that_keeps_a_partition_commits_throughout_the_rebalance) {
  connect();
  create(t_, 2);
  auto first = join();
  ASSERT_TRUE(next<Assigned>(*first));
  std::atomic<bool> shared{false};
  std::atomic<bool> written{false};
  int64_t committed = 0;
  std::jthread writer([&] {
    while (!shared) {
      const auto done = commit(*first, {t_, 0}, ++committed, "");
      EXPECT_TRUE(done) << done.error().message();
    }
    written = true;
  });
  auto second = join();
  const auto revoked = next<Revoked>(*first, second.get());
  EXPECT_TRUE(revoked);
  const auto given = next_not_empty(*second, first.get());
  shared = true;
  // A commit that meets the end of the rebalance waits for it, and polls alone bring it about.
  while (!written) EXPECT_TRUE(first->poll(milliseconds(5)));
  writer.join();
  ASSERT_TRUE(revoked && given);
  EXPECT_EQ(revoked->partitions, (std::vector<TopicPartition>{{t_, 1}}));
  EXPECT_EQ(given->partitions[0].tp, (TopicPartition{t_, 1}));
  EXPECT_EQ(commit(*first, {t_, 1}, 8, "").error().code(), Errc::kFenced);
  EXPECT_EQ(first->committed(std::vector<TopicPartition>{{t_, 0}}).value()[0].committed,
            Offset(committed));
}

TEST_F(RemoteClient, eager_members_share_and_the_first_hands_over_before_the_second_owns) {
  connect();
  create(t_, 2);
  auto first = join("", kEager);
  ASSERT_TRUE(next<Assigned>(*first));
  auto second = join("", kEager);
  const auto revoked = next<Revoked>(*first, second.get());
  ASSERT_TRUE(revoked);
  EXPECT_THAT(revoked->partitions, SizeIs(2));
  // Until its next poll the first may finish what it was writing.
  EXPECT_TRUE(commit(*first, {t_, 1}, 7, "done"));
  const auto left = next<Assigned>(*first, second.get());
  ASSERT_TRUE(left);
  EXPECT_THAT(left->partitions, SizeIs(1));
  const TopicPartition others{t_, 1 - left->partitions[0].tp.partition};
  EXPECT_EQ(commit(*first, others, 8, "").error().code(), Errc::kFenced);
  EXPECT_EQ(first->committed(std::vector<TopicPartition>{{t_, 1}}).value()[0].committed, Offset(7));
}

TEST_F(RemoteClient, a_static_member_comes_back_at_once_and_its_double_is_fenced) {
  connect();
  create(t_, 2);
  auto killed = join("host-a");
  ASSERT_TRUE(next<Assigned>(*killed));
  const int32_t generation = killed->generation();
  auto restarted = join("host-a");
  const auto assigned = next<Assigned>(*restarted);
  ASSERT_TRUE(assigned);
  EXPECT_THAT(assigned->partitions, SizeIs(2));
  EXPECT_EQ(restarted->generation(), generation);
  EXPECT_EQ(commit(*killed, {t_, 0}, 1, "late").error().code(), Errc::kFenced);
  EXPECT_TRUE(commit(*restarted, {t_, 0}, 1, ""));
}

TEST_F(RemoteClient, what_was_rolled_back_is_not_read_and_what_is_open_not_reached) {
  connect();
  if (broker_ == nullptr) GTEST_SKIP() << "asks the broker of this process";
  create(t_, 1);
  auto transaction = broker_->make_transactional_producer("tx").value();
  const auto add = [&](const std::string& value) {
    std::vector<kafka::PartitionBatch> batches;
    batches.push_back({{t_, 0}, batch_of({value})});
    return transaction->send(std::move(batches)).get();
  };
  ASSERT_TRUE(transaction->begin());
  ASSERT_TRUE(add("rolled back"));
  ASSERT_TRUE(transaction->abort());
  produce({t_, 0}, {"plain"});
  ASSERT_TRUE(transaction->begin());
  ASSERT_TRUE(add("open"));
  auto reader = join();
  const auto bounds = reader->bounds({t_, 0}).value();
  EXPECT_EQ(bounds.high_watermark, Offset(3));  // the record, its marker, the plain one
  const auto fetched = reader->fetch({t_, 0}, Offset(0), 1 << 20, milliseconds(0)).value();
  EXPECT_THAT(values_of(fetched.slices), ElementsAre("plain"));
  EXPECT_EQ(fetched.high_watermark, Offset(3));
}

TEST_F(RemoteClient, a_topic_that_was_created_again_is_not_read_in_its_place) {
  connect();
  if (broker_ == nullptr) GTEST_SKIP() << "asks the broker of this process";
  create(t_, 1);
  produce({t_, 0}, {"old"});
  auto reader = join();
  ASSERT_TRUE(reader->fetch({t_, 0}, Offset(0), 1 << 20, milliseconds(0)));
  ASSERT_TRUE(broker_->delete_topic(t_));
  create(t_, 1);
  produce({t_, 0}, {"new"});
  const auto fetched = reader->fetch({t_, 0}, Offset(0), 1 << 20, milliseconds(0));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code(), Errc::kRefused) << fetched.error().message();
}

TEST_F(RemoteClient, logs_in_and_says_when_it_may_not) {
  ListenerSecurity security;
  security.mechanisms = {*sasl_mechanism_of("PLAIN"), *sasl_mechanism_of("SCRAM-SHA-256"),
                         *sasl_mechanism_of("SCRAM-SHA-512")};
  security.users = {{"app", config::Secret("s3cret")}};
  start(security);
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    auto who = settings();
    who.login = {.mechanism = mechanism, .user = "app", .password = "s3cret"};
    const auto accepted = kafka::Cluster::open(who);
    EXPECT_TRUE(accepted) << mechanism << ": " << accepted.error().message();
    who.login.password = "wrong";
    const auto refused = kafka::Cluster::open(who);
    ASSERT_FALSE(refused) << mechanism;
    EXPECT_EQ(refused.error().code(), Errc::kRefused);
    EXPECT_THAT(refused.error().message(), HasSubstr("check user and password"));
  }
}

TEST_F(RemoteClient, names_the_address_where_nobody_answers) {
  const auto nobody = kafka::Cluster::open({.bootstrap = "127.0.0.1:1"});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), Errc::kUnavailable);
  EXPECT_THAT(nobody.error().message(), HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(kafka::Cluster::open({.bootstrap = "here"}).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace freshet::broker
