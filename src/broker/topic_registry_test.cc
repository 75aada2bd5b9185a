// What changes a topic that exists, and what of that is left after a kill.
#include "broker/topic_registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <future>

#include "broker/storage/killed_child.h"
#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

/// The registry on a log directory, until the process or the object ends.
class Life {
 public:
  explicit Life(const std::filesystem::path& directory) {
    store_ = open_store(small_options(directory / "log"));
    auto meta_log = TopicRegistry::ensure_internal(*store_, kMetaTopic);
    EXPECT_TRUE(meta_log);
    auto meta = KeyedLog::open(std::move(*meta_log));
    EXPECT_TRUE(meta);
    meta_ = std::move(*meta);
    auto registry = TopicRegistry::open(*store_, *meta_, {.partitions_max = 20});
    EXPECT_TRUE(registry) << registry.error().message();
    registry_ = std::move(*registry);
  }
  TopicRegistry& topics() { return *registry_; }
  TopicPtr find() { return registry_->find("t"); }
  void create(int32_t partitions, TopicConfigMap configs = {}) {
    TopicSpec spec;
    spec.name = "t";
    spec.partitions = partitions;
    spec.configs = std::move(configs);
    std::promise<void> done;
    registry_->create(std::move(spec), [&](const Result<TopicPtr>& made) {
      EXPECT_TRUE(made);
      done.set_value();
    });
    done.get_future().wait();
  }
  Result<void> grow(int32_t count, bool validate_only = false) {
    return wait(
        [&](auto done) { registry_->add_partitions("t", count, validate_only, std::move(done)); });
  }
  Result<void> alter(TopicConfigMap configs, bool validate_only = false) {
    return wait([&](auto done) {
      registry_->alter_configs(
          "t", [configs](const TopicConfigMap&) -> Result<TopicConfigMap> { return configs; },
          validate_only, std::move(done));
    });
  }
  Result<void> alter_broker(bool for_node, TopicConfigMap configs) {
    return wait([&](auto done) {
      registry_->alter_broker_configs(
          for_node, [configs](const TopicConfigMap&) -> Result<TopicConfigMap> { return configs; },
          false, std::move(done));
    });
  }
  Result<void> remove() {
    return wait([&](auto done) { registry_->remove("t", std::move(done)); });
  }

 private:
  template <class Start>
  static Result<void> wait(Start start) {
    std::promise<Result<void>> promise;
    auto future = promise.get_future();
    start([&promise](Result<void> r) { promise.set_value(std::move(r)); });
    return future.get();
  }

  std::unique_ptr<LogStore> store_;
  std::unique_ptr<KeyedLog> meta_;
  std::unique_ptr<TopicRegistry> registry_;
};

TEST(TopicRegistry, changed_configs_reach_the_partitions_and_survive) {
  const TemporaryDirectory directory;
  {
    Life life(directory.path());
    life.create(2, {{"retention.ms", "77"}});
    ASSERT_TRUE(life.alter({{"segment.bytes", "10000"}}, /*validate_only=*/true));
    EXPECT_EQ(life.find()->configs, (TopicConfigMap{{"retention.ms", "77"}}));
    EXPECT_FALSE(life.alter({{"no.such", "1"}}));
    ASSERT_TRUE(life.alter({{"segment.bytes", "10000"}, {"cleanup.policy", "compact"}}));
    EXPECT_EQ(life.find()->partition(1)->config().segment_bytes, 10'000U);
  }
  Life life(directory.path());
  EXPECT_EQ(life.find()->configs,
            (TopicConfigMap{{"cleanup.policy", "compact"}, {"segment.bytes", "10000"}}));
  EXPECT_TRUE(life.find()->partition(0)->config().compact);
}

TEST(TopicRegistry, broker_configs_hold_where_a_topic_says_nothing) {
  const TemporaryDirectory directory;
  for (int start = 0; start < 2; ++start) {
    Life life(directory.path());
    if (start == 0) {
      life.create(1);
      ASSERT_TRUE(life.alter_broker(false, {{"log.retention.ms", "5"}}));
      EXPECT_EQ(life.find()->partition(0)->config().retention_ms, 5);
      ASSERT_TRUE(life.alter_broker(true, {{"log.retention.ms", "6"}}));
    }
    EXPECT_EQ(life.find()->partition(0)->config().retention_ms, 6);
    if (start == 1) {
      ASSERT_TRUE(life.alter({{"retention.ms", "1"}}));
      EXPECT_EQ(life.find()->partition(0)->config().retention_ms, 1);
    }
  }
}

TEST(TopicRegistry, changes_of_one_topic_take_turns) {
  const TemporaryDirectory directory;
  Life life(directory.path());
  life.create(1);
  std::atomic<int> left = 21;
  std::promise<void> all;
  const auto done = [&](const Result<void>&) {
    if (--left == 0) all.set_value();
  };
  // Each adds its own word; none may undo what another has added.
  for (int i = 0; i < 20; ++i) {
    life.topics().alter_configs(
        "t",
        [i](const TopicConfigMap& current) -> Result<TopicConfigMap> {
          auto changed = current;
          const auto name = i % 2 == 0 ? "leader.replication.throttled.replicas"
                                       : "follower.replication.throttled.replicas";
          changed[name] += fmt::format("{},", i);
          return changed;
        },
        false, done);
  }
  life.topics().add_partitions("t", 3, false, done);
  all.get_future().wait();
  const TopicPtr topic = life.find();
  EXPECT_EQ(topic->partitions.size(), 3U);
  EXPECT_EQ(topic->configs.at("leader.replication.throttled.replicas"),
            "0,2,4,6,8,10,12,14,16,18,");
  EXPECT_EQ(topic->configs.at("follower.replication.throttled.replicas"),
            "1,3,5,7,9,11,13,15,17,19,");
}

TEST(TopicRegistry, more_partitions_keep_id_and_records) {
  const TemporaryDirectory directory;
  TopicId id;
  {
    Life life(directory.path());
    life.create(2);
    id = life.find()->id;
    append(*life.find()->partition(0), make_batch({"kept"}));
    EXPECT_FALSE(life.grow(2));
    EXPECT_FALSE(life.grow(21)) << "over the limit";
    ASSERT_TRUE(life.grow(5, /*validate_only=*/true));
    EXPECT_EQ(life.find()->partitions.size(), 2U);
    ASSERT_TRUE(life.grow(5));
    append(*life.find()->partition(4), make_batch({"new"}));
  }
  {
    Life life(directory.path());
    EXPECT_EQ(life.find()->id, id);
    ASSERT_EQ(life.find()->partitions.size(), 5U);
    EXPECT_EQ(life.find()->partition(0)->high_watermark(), Offset(1));
    EXPECT_EQ(life.find()->partition(4)->high_watermark(), Offset(1));
    ASSERT_TRUE(life.remove());
    EXPECT_EQ(life.grow(7).error().code(), Errc::kNotFound);
    EXPECT_EQ(life.alter({}).error().code(), Errc::kNotFound);
  }
  Life life(directory.path());
  EXPECT_FALSE(life.find());
}

TEST(CrashChild, DISABLED_grows) {
  Life life(std::getenv(kDirectoryVariable));
  if (!life.find()) life.create(2);
  ASSERT_TRUE(life.grow(5));
}

TEST(TopicRegistry, a_kill_while_it_grows_leaves_all_of_the_new_partitions) {
  // After the plan is durable the next start completes it.
  for (const char* crash_at : {"mid_growth:1", "mid_growth:2"}) {
    const TemporaryDirectory directory;
    EXPECT_TRUE(run_child(directory.path(), "grows", crash_at));
    for (int start = 0; start < 2; ++start) {
      Life life(directory.path());
      ASSERT_TRUE(life.find());
      EXPECT_EQ(life.find()->partitions.size(), 5U) << crash_at;
      for (const auto& partition : life.find()->partitions) {
        EXPECT_EQ(partition->topic_id(), life.find()->id);
      }
    }
    Life life(directory.path());
    EXPECT_TRUE(life.grow(7));
    EXPECT_EQ(life.find()->partitions.size(), 7U);
  }
}

}  // namespace
}  // namespace freshet::broker
