#include "broker/local_consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "broker/broker.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"

namespace freshet::broker {
namespace {

using kafka::Assigned;
using kafka::Lost;
using kafka::Revoked;
using std::chrono::milliseconds;

class LocalConsumerTest : public testing::Test {
 protected:
  LocalConsumerTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "freshet-local-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    start();
  }
  ~LocalConsumerTest() override {
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }

  void start() {
    BrokerOptions options;
    options.data_dir = directory_ / "log";
    options.listen = false;
    auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
    ASSERT_TRUE(broker) << broker.error().message();
    broker_ = std::move(*broker);
  }
  void create(const std::string& name, int32_t partitions) {
    TopicSpec spec;
    spec.name = name;
    spec.partitions = partitions;
    const auto made = broker_->create_topic(spec);
    ASSERT_TRUE(made) << made.error().message();
  }
  std::unique_ptr<kafka::GroupConsumer> join(const std::string& name = "",
                                             std::vector<std::string> topics = {"t"}) {
    ConsumerOptions options;
    options.group = "g";
    options.topics = std::move(topics);
    options.static_member_name = name;
    return broker_->make_consumer(std::move(options));
  }
  Offset produce(const TopicPartition& tp, const std::string& value) {
    kafka::RecordBatchBuilder builder;
    builder.append(1'700'000'000'000, std::nullopt, value);
    std::vector<kafka::PartitionBatch> batches;
    batches.push_back({tp, builder.build()});
    auto outcome = broker_->make_producer()->produce(std::move(batches)).get();
    EXPECT_TRUE(outcome) << outcome.error().message();
    return outcome ? outcome->front() : kNoOffset;
  }
  /// Polls until an event of that kind comes.
  template <class Event>
  std::optional<Event> next(kafka::GroupConsumer& consumer) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      auto event = consumer.poll(milliseconds(50));
      if (!event) {
        ADD_FAILURE() << event.error().message();
        return std::nullopt;
      }
      if (auto* found = std::get_if<Event>(&*event)) return std::move(*found);
    }
    ADD_FAILURE() << "no such event";
    return std::nullopt;
  }
  /// Polls all of them, giving up what is revoked, until each owns `each` partitions.
  void settle(const std::vector<kafka::GroupConsumer*>& consumers, size_t each) {
    std::vector<size_t> owned(consumers.size(), SIZE_MAX);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto done = [&] {
      return std::ranges::all_of(owned, [&](size_t n) { return n == each; });
    };
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      for (size_t i = 0; i < consumers.size(); ++i) {
        const auto event = consumers[i]->poll(milliseconds(5));
        ASSERT_TRUE(event) << event.error().message();
        if (const auto* assigned = std::get_if<Assigned>(&*event)) {
          owned[i] = assigned->partitions.size();
        } else if (!std::holds_alternative<std::monostate>(*event)) {
          owned[i] = SIZE_MAX;
        }
      }
    }
    ASSERT_TRUE(done());
  }

  std::filesystem::path directory_;
  MetricRegistry metrics_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(LocalConsumerTest, gets_its_partitions_reads_and_commits) {
  create("t", 2);
  produce({"t", 1}, "hello");
  const auto consumer = join();
  const auto assigned = next<Assigned>(*consumer);
  ASSERT_EQ(assigned->partitions.size(), 2U);
  EXPECT_EQ(assigned->partitions[1].committed, kNoOffset);
  EXPECT_EQ(assigned->partitions[1].topic_id, broker_->topic("t")->id);

  const auto fetched = consumer->fetch({"t", 1}, Offset(0), 1 << 20, milliseconds(1000));
  ASSERT_TRUE(fetched);
  ASSERT_EQ(fetched->slices.size(), 1U);
  std::string_view bytes = fetched->slices[0].bytes;
  std::string scratch;
  auto records = kafka::RecordIterator::open(**kafka::next_batch(bytes), scratch);
  RecordView record;
  ASSERT_TRUE(records->next(record));
  EXPECT_EQ(record.value, "hello");

  const kafka::OffsetCommit commit{{"t", 1}, Offset(1), "note"};
  ASSERT_TRUE(consumer->commit({&commit, 1}));
  const TopicPartition tp{"t", 1};
  const auto committed = consumer->committed({&tp, 1});
  EXPECT_EQ(committed->front().committed, Offset(1));
  EXPECT_EQ(committed->front().metadata, "note");
  const auto group = broker_->group("g");
  ASSERT_TRUE(group);
  EXPECT_EQ(group->state, "Stable");
  EXPECT_EQ(group->members.at(0).partitions.size(), 2U);
}

TEST_F(LocalConsumerTest, fetch_waits_for_the_first_record_and_refuses_what_is_not_there) {
  create("t", 1);
  const auto consumer = join();
  next<Assigned>(*consumer);
  EXPECT_TRUE(consumer->fetch({"t", 0}, Offset(0), 1000, milliseconds(1))->slices.empty());
  std::jthread later([this] { produce({"t", 0}, "x"); });
  EXPECT_FALSE(consumer->fetch({"t", 0}, Offset(0), 1000, milliseconds(20'000))->slices.empty());
  EXPECT_EQ(consumer->fetch({"t", 0}, Offset(9), 1000, milliseconds(0)).error().code(),
            Errc::kOutOfRange);
  EXPECT_EQ(consumer->fetch({"no", 0}, Offset(0), 1000, milliseconds(0)).error().code(),
            Errc::kNotFound);
}

TEST_F(LocalConsumerTest, a_second_member_takes_half_after_the_first_gave_it_up) {
  create("t", 4);
  const auto first = join();
  next<Assigned>(*first);
  const auto second = join();
  ASSERT_TRUE(second->poll(milliseconds(0)));  // joins, waits for the first
  const auto revoked = next<Revoked>(*first);
  EXPECT_EQ(revoked->partitions.size(), 4U);
  const kafka::OffsetCommit last_word{{"t", 3}, Offset(7), "handed over"};
  ASSERT_TRUE(first->commit({&last_word, 1}));
  settle({first.get(), second.get()}, 2);
  const TopicPartition tp{"t", 3};
  EXPECT_EQ(second->committed({&tp, 1})->front().committed, Offset(7));
}

TEST_F(LocalConsumerTest, commits_for_what_is_no_longer_owned_are_fenced) {
  create("t", 2);
  const auto first = join();
  const kafka::OffsetCommit both[] = {{{"t", 0}, Offset(1), ""}, {{"t", 1}, Offset(1), ""}};
  EXPECT_EQ(first->commit(both).error().code(), Errc::kFenced) << "not a member yet";
  next<Assigned>(*first);
  EXPECT_TRUE(first->commit(both));
  const auto second = join();
  settle({first.get(), second.get()}, 1);
  EXPECT_EQ(first->commit(both).error().code(), Errc::kFenced) << "one of them is gone";
  const TopicPartition tps[] = {{"t", 0}, {"t", 1}};
  EXPECT_EQ(first->committed(tps)->at(1).committed, Offset(1));
}

TEST_F(LocalConsumerTest, leave_hands_over_at_once) {
  create("t", 2);
  auto first = join();
  const auto second = join();
  settle({first.get(), second.get()}, 1);
  ASSERT_TRUE(first->leave());
  settle({second.get()}, 2);
  first.reset();
  EXPECT_EQ(broker_->group("g")->members.size(), 1U);
}

TEST_F(LocalConsumerTest, nothing_of_a_member_survives_a_restart_but_generation_and_offsets) {
  create("t", 1);
  int32_t generation = 0;
  {
    const auto consumer = join();
    next<Assigned>(*consumer);
    generation = consumer->generation();
    const kafka::OffsetCommit commit{{"t", 0}, Offset(0), "intent 0-99"};
    ASSERT_TRUE(consumer->commit({&commit, 1}));
    ASSERT_TRUE(broker_->stop());
  }
  broker_.reset();
  start();
  const auto consumer = join();
  // One poll is enough: nobody has to time out.
  const auto event = consumer->poll(milliseconds(5000));
  ASSERT_TRUE(event);
  const auto* assigned = std::get_if<Assigned>(&*event);
  ASSERT_NE(assigned, nullptr);
  EXPECT_EQ(assigned->partitions.at(0).metadata, "intent 0-99");
  EXPECT_GT(consumer->generation(), generation);
}

TEST_F(LocalConsumerTest, the_leader_notices_new_topics) {
  create("t", 1);
  const auto consumer = join("", {"t", "later"});
  EXPECT_EQ(next<Assigned>(*consumer)->partitions.size(), 1U);
  create("later", 3);
  EXPECT_EQ(next<Revoked>(*consumer)->partitions.size(), 1U);
  EXPECT_EQ(next<Assigned>(*consumer)->partitions.size(), 4U);
}

TEST_F(LocalConsumerTest, a_static_member_replaces_its_former_self) {
  create("t", 2);
  auto old = join("worker-1");
  next<Assigned>(*old);
  const auto replacement = join("worker-1");
  EXPECT_EQ(next<Assigned>(*replacement)->partitions.size(), 2U);
  const kafka::OffsetCommit commit{{"t", 0}, Offset(1), ""};
  EXPECT_EQ(old->commit({&commit, 1}).error().code(), Errc::kFenced);
  EXPECT_TRUE(replacement->commit({&commit, 1}));
}

TEST_F(LocalConsumerTest, a_silent_member_loses_its_partitions) {
  BrokerOptions options;
  options.data_dir = directory_ / "short";
  options.listen = false;
  options.session_timeout_min = Millis(50);
  auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
  ASSERT_TRUE(broker);
  TopicSpec spec;
  spec.name = "t";
  ASSERT_TRUE((*broker)->create_topic(spec));
  ConsumerOptions consumer_options;
  consumer_options.group = "g";
  consumer_options.topics = {"t"};
  consumer_options.session_timeout = Millis(100);
  {
    const auto silent = (*broker)->make_consumer(consumer_options);
    next<Assigned>(*silent);
    // Only its own timer can end the session: nobody polls.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while ((*broker)->group("g")->state != "Empty" && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_EQ((*broker)->group("g")->state, "Empty");
    const kafka::OffsetCommit commit{{"t", 0}, Offset(1), ""};
    EXPECT_EQ(silent->commit({&commit, 1}).error().code(), Errc::kFenced);
    EXPECT_EQ(next<Lost>(*silent)->partitions.size(), 1U);
    EXPECT_EQ(next<Assigned>(*silent)->partitions.size(), 1U);
  }
}

TEST_F(LocalConsumerTest, a_full_append_queue_delays_commits_and_producers_and_fails_neither) {
  BrokerOptions options;
  options.data_dir = directory_ / "narrow";
  options.listen = false;
  options.append_queue_bytes_max = 1;  // whatever is queued fills it
  auto broker = Broker::start(std::move(options), SystemClock::instance(), metrics_);
  ASSERT_TRUE(broker) << broker.error().message();
  broker_ = std::move(*broker);
  create("t", 2);
  const auto consumer = join();
  next<Assigned>(*consumer);
  std::vector<std::jthread> producers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([this, p] {
      for (int i = 0; i < 50; ++i) produce({"t", p % 2}, "x");
    });
  }
  for (int64_t i = 0; i < 50; ++i) {
    const kafka::OffsetCommit commit{{"t", 0}, Offset(i), ""};
    const auto committed = consumer->commit({&commit, 1});
    ASSERT_TRUE(committed) << committed.error().message();
  }
  producers.clear();
  EXPECT_EQ(consumer->bounds({"t", 0})->high_watermark, Offset(100));
  EXPECT_EQ(consumer->bounds({"t", 1})->high_watermark, Offset(50));
  EXPECT_TRUE(consumer->arrived_since({"t", 1}, Offset(49)));
  EXPECT_FALSE(consumer->arrived_since({"t", 1}, Offset(50)));
  EXPECT_FALSE(consumer->arrived_since({"missing", 0}, Offset(0)));
}

TEST_F(LocalConsumerTest, everything_ends_when_the_broker_stops) {
  create("t", 1);
  const auto consumer = join();
  next<Assigned>(*consumer);
  ASSERT_TRUE(broker_->stop());
  EXPECT_EQ(consumer->poll(milliseconds(10'000)).error().code(), Errc::kCancelled);
  EXPECT_EQ(consumer->fetch({"t", 0}, Offset(0), 10, milliseconds(10'000)).error().code(),
            Errc::kCancelled);
}

TEST_F(LocalConsumerTest, producers_read_backwards_to_find_their_position) {
  create("t", 1);
  for (const char* value : {"a", "b", "c"}) produce({"t", 0}, value);
  const auto producer = broker_->make_producer();
  EXPECT_EQ(producer->partition_count("t"), 1);
  const auto slices = producer->read_backwards({"t", 0}, kNoOffset, 1);
  ASSERT_TRUE(slices);
  std::string_view newest = slices->at(0).bytes;
  EXPECT_EQ((*kafka::next_batch(newest))->base_offset(), Offset(2));
  EXPECT_EQ(producer->partition_count("missing").error().code(), Errc::kNotFound);
}

}  // namespace
}  // namespace freshet::broker
