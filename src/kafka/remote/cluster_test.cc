// Several brokers of which one hangs.
#include "kafka/remote/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "kafka/messages/fetch.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/remote/remote_log.h"
#include "kafka/remote/testing/scripted_broker.h"

namespace freshet::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

const TopicPartition kGood{"t", 0};
const TopicPartition kBad{"t", 1};

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// `good` leads partition 0, `bad` partition 1.
class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() {
    MetadataResponse metadata;
    // The one that will hang is asked first.
    metadata.brokers = {{.node_id = 1, .host = "127.0.0.1", .port = bad_.port()},
                        {.node_id = 2, .host = "127.0.0.1", .port = good_.port()}};
    metadata.controller_id = 2;
    auto& topic = metadata.topics.emplace_back();
    topic.name = "t";
    topic.topic_id = TopicId{{1}};
    topic.partitions = {{.partition_index = 0, .leader_id = 2},
                        {.partition_index = 1, .leader_id = 1}};
    for (auto* broker : {&good_, &bad_}) broker->always(metadata);
    good_.always(ends(0));
    bad_.always(ends(1));
    FetchResponse fetched;
    auto& records = fetched.responses.emplace_back();
    records.topic_id = TopicId{{1}};
    records.partitions = {{.partition_index = 0, .high_watermark = 9, .last_stable_offset = 9}};
    good_.always(fetched);
  }

  static ListOffsetsResponse ends(int32_t partition) {
    ListOffsetsResponse response;
    response.topics = {{.name = "t", .partitions = {{.partition_index = partition, .offset = 9}}}};
    return response;
  }
  void open(milliseconds timeout) {
    auto cluster = Cluster::open({.bootstrap = "127.0.0.1:" + std::to_string(good_.port()),
                                  .request_timeout = timeout,
                                  .connect_timeout = timeout});
    ASSERT_TRUE(cluster) << cluster.error().message();
    cluster_ = std::move(*cluster);
    log_ =
        std::make_unique<RemoteLog>(cluster_, RemoteLogOptions{.bounds_age_max = milliseconds(0)});
  }
  void hang() {
    for (const ApiKey api : {ApiKey::kApiVersions, ApiKey::kMetadata, ApiKey::kListOffsets}) {
      bad_.never(api);
    }
  }

  testing::ScriptedBroker good_;
  testing::ScriptedBroker bad_;
  std::shared_ptr<Cluster> cluster_;
  std::unique_ptr<RemoteLog> log_;
};

TEST_F(ClusterTest, partitions_of_other_brokers_are_read_while_one_hangs) {
  open(milliseconds(2'000));
  ASSERT_TRUE(log_->bounds(kBad));
  hang();
  const int asked = bad_.asked(ApiKey::kListOffsets);
  auto stuck = std::async(std::launch::async, [&] { return log_->bounds(kBad); });
  ASSERT_TRUE(eventually([&] { return bad_.asked(ApiKey::kListOffsets) > asked; }));
  EXPECT_TRUE(log_->bounds(kGood));
  EXPECT_TRUE(log_->fetch(kGood, Offset(9), 1024, milliseconds(0)));
  EXPECT_EQ(stuck.wait_for(milliseconds(0)), std::future_status::timeout);
  EXPECT_EQ(stuck.get().error().code(), Errc::kTimeout);
}

TEST_F(ClusterTest, one_that_hangs_is_not_waited_for_again_until_it_answers) {
  open(milliseconds(300));
  ASSERT_TRUE(log_->bounds(kBad));
  hang();
  EXPECT_EQ(log_->bounds(kBad).error().code(), Errc::kTimeout);
  const int asked = bad_.asked(ApiKey::kListOffsets);
  const auto refused = log_->bounds(kBad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().message(), HasSubstr("does not answer"));
  EXPECT_EQ(bad_.asked(ApiKey::kListOffsets), asked);
  // What any broker knows is asked elsewhere.
  EXPECT_TRUE(cluster_->refresh_topic("t", cluster_->deadline()));

  bad_.always(ends(1));
  bad_.always(testing::ScriptedBroker::versions());
  EXPECT_TRUE(eventually([&] { return log_->bounds(kBad).has_value(); }));
}

TEST_F(ClusterTest, a_question_for_any_broker_is_answered_although_the_first_hangs) {
  open(milliseconds(900));
  hang();
  const auto topic = cluster_->refresh_topic("t", cluster_->deadline());
  EXPECT_TRUE(topic) << topic.error().message();
}

TEST_F(ClusterTest, says_what_a_broker_lacks) {
  auto old = testing::ScriptedBroker::versions();
  std::erase_if(old.api_keys, [](const auto& api) {
    return api.api_key == static_cast<int16_t>(ApiKey::kListOffsets);
  });
  bad_.always(old);
  open(milliseconds(2'000));
  const auto refused = log_->bounds(kBad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnsupported);
  EXPECT_THAT(refused.error().message(), HasSubstr("does not have ListOffsets"));
}

}  // namespace
}  // namespace freshet::kafka
