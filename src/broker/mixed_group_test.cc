// Members over TCP (librdkafka) and members in this process in one group.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "broker/broker.h"
#include "kafka/client/testing/librdkafka_in_tests.h"

namespace freshet::broker {
namespace {

using kafka::Assigned;
using std::chrono::milliseconds;

struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using List = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;

/// A consumer of the reference C client; its default assignors are range and roundrobin.
class TcpMember {
 public:
  using Settings = std::map<std::string, std::string>;

  TcpMember(uint16_t port, const std::string& topic, const Settings& settings = {}) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::string address = "127.0.0.1:" + std::to_string(port);
    for (const auto& [name, value] : {std::pair{"bootstrap.servers", address.c_str()},
                                      {"group.id", "g"},
                                      {"auto.offset.reset", "earliest"},
                                      {"session.timeout.ms", "6000"},
                                      {"heartbeat.interval.ms", "200"}}) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name, value, nullptr, 0), RD_KAFKA_CONF_OK);
    }
    for (const auto& [name, value] : settings) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), nullptr, 0), RD_KAFKA_CONF_OK);
    }
    client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(client_);
    const List topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(client_, topics.get());
  }
  ~TcpMember() {
    rd_kafka_consumer_close(client_);
    rd_kafka_destroy(client_);
  }
  TcpMember(const TcpMember&) = delete;
  TcpMember& operator=(const TcpMember&) = delete;

  /// Serves rebalances; returns how many partitions it has.
  size_t poll() {
    if (auto* message = rd_kafka_consumer_poll(client_, 5)) rd_kafka_message_destroy(message);
    rd_kafka_topic_partition_list_t* raw = nullptr;
    if (rd_kafka_assignment(client_, &raw) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
    return static_cast<size_t>(List(raw)->cnt);
  }

 private:
  rd_kafka_t* client_;
};

class MixedGroup : public testing::Test {
 protected:
  void SetUp() override {
    if (!kafka::kNoLibrdkafka.empty()) GTEST_SKIP() << kafka::kNoLibrdkafka;
    std::string pattern =
        (std::filesystem::temp_directory_path() / "freshet-mixed-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    BrokerOptions options;
    options.data_dir = directory_ / "log";
    options.port = 0;
    auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
    ASSERT_TRUE(broker) << broker.error().message();
    broker_ = std::move(*broker);
    TopicSpec spec;
    spec.name = "t";
    spec.partitions = 4;
    EXPECT_TRUE(broker_->create_topic(spec));
  }
  void TearDown() override {
    broker_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<kafka::GroupConsumer> local() {
    ConsumerOptions options;
    options.group = "g";
    options.topics = {"t"};
    return broker_->make_consumer(std::move(options));
  }
  void poll_local(kafka::GroupConsumer& consumer) {
    const auto event = consumer.poll(milliseconds(5));
    ASSERT_TRUE(event) << event.error().message();
    if (const auto* assigned = std::get_if<Assigned>(&*event)) {
      local_owns_ = assigned->partitions.size();
    } else if (!std::holds_alternative<std::monostate>(*event)) {
      local_owns_ = 0;
    }
  }
  template <class Done>
  bool until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    while (std::chrono::steady_clock::now() < deadline) {
      if (done()) return true;
    }
    return false;
  }

  TcpMember::Settings static_as(const std::string& name) { return {{"group.instance.id", name}}; }

  std::filesystem::path directory_;
  MetricRegistry metrics_;
  std::unique_ptr<Broker> broker_;
  size_t local_owns_ = 0;
};

TEST_F(MixedGroup, a_tcp_member_joins_a_group_led_in_process_and_leaves_it) {
  const auto consumer = local();
  ASSERT_TRUE(until([&] {
    poll_local(*consumer);
    return local_owns_ == 4;
  }));
  {
    TcpMember other(broker_->port(), "t");
    EXPECT_TRUE(until([&] {
      poll_local(*consumer);
      return other.poll() == 2 && local_owns_ == 2;
    }));
    const auto group = broker_->group("g");
    ASSERT_TRUE(group);
    EXPECT_EQ(group->members.size(), 2U);
    EXPECT_EQ(group->protocol, "range");
    // Closing leaves the group: it does not need the local member's consent.
  }
  EXPECT_TRUE(until([&] {
    poll_local(*consumer);
    return local_owns_ == 4;
  }));
}

TEST_F(MixedGroup, a_local_member_joins_a_group_led_over_tcp) {
  TcpMember leader(broker_->port(), "t");
  ASSERT_TRUE(until([&] { return leader.poll() == 4; }));
  auto consumer = local();
  EXPECT_TRUE(until([&] {
    poll_local(*consumer);
    return leader.poll() == 2 && local_owns_ == 2;
  }));
  consumer.reset();
  EXPECT_TRUE(until([&] { return leader.poll() == 4; }));
}

TEST_F(MixedGroup, a_static_member_that_restarts_in_time_keeps_its_partitions) {
  TcpMember first(broker_->port(), "t", static_as("a"));
  auto second = std::make_unique<TcpMember>(broker_->port(), "t", static_as("b"));
  ASSERT_TRUE(until([&] { return first.poll() == 2 && second->poll() == 2; }));
  const int32_t generation = broker_->group("g")->generation;
  second.reset();  // a static member does not leave
  EXPECT_EQ(broker_->group("g")->members.size(), 2U);
  second = std::make_unique<TcpMember>(broker_->port(), "t", static_as("b"));
  EXPECT_TRUE(until([&] {
    EXPECT_EQ(first.poll(), 2U);
    return second->poll() == 2;
  }));
  EXPECT_EQ(broker_->group("g")->generation, generation);
}

TEST_F(MixedGroup, cooperative_members_keep_what_stays_theirs_through_a_rebalance) {
  const TcpMember::Settings cooperative = {{"partition.assignment.strategy", "cooperative-sticky"}};
  TcpMember first(broker_->port(), "t", cooperative);
  ASSERT_TRUE(until([&] { return first.poll() == 4; }));
  EXPECT_EQ(broker_->group("g")->protocol, "cooperative-sticky");
  size_t fewest = 4;
  TcpMember second(broker_->port(), "t", cooperative);
  EXPECT_TRUE(until([&] {
    fewest = std::min(fewest, first.poll());
    return second.poll() == 2 && first.poll() == 2;
  }));
  EXPECT_EQ(fewest, 2U) << "partitions that stay were taken away for a while";
}

}  // namespace
}  // namespace freshet::broker
