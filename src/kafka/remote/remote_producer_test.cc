// What a cluster says to a producer in bad moments, and what the producer makes of it.
#include "kafka/remote/remote_producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/metadata.h"
#include "kafka/record_batch_builder.h"
#include "kafka/remote/testing/scripted_broker.h"

namespace freshet::kafka {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RemoteProducerTest : public ::testing::Test {
 protected:
  RemoteProducerTest() {
    MetadataResponse metadata;
    metadata.brokers = {{.node_id = 1, .host = "127.0.0.1", .port = broker_.port()}};
    auto& topic = metadata.topics.emplace_back();
    topic.name = "t";
    topic.partitions = {{.partition_index = 0, .leader_id = 1}};
    broker_.always(metadata);
    InitProducerIdResponse id;
    id.producer_id = 7;
    broker_.always(id);
    broker_.always(answer(ErrorCode::kNone));
    auto cluster = Cluster::open({.bootstrap = "127.0.0.1:" + std::to_string(broker_.port()),
                                  .request_timeout = milliseconds(5'000)});
    EXPECT_TRUE(cluster) << cluster.error().message();
    producer_ = std::make_unique<RemoteProducer>(
        *cluster,
        RemoteProducerOptions{.retry_pause = milliseconds(1), .retry_pause_max = milliseconds(2)});
  }

  static ProduceResponse answer(ErrorCode code) {
    ProduceResponse response;
    response.responses = {
        {.name = "t",
         .partition_responses = {{.index = 0, .error_code = code, .base_offset = 40}}}};
    return response;
  }
  std::future<Result<std::vector<Offset>>> send() {
    RecordBatchBuilder builder;
    builder.append(1'700'000'000'000, std::nullopt, "value");
    std::vector<PartitionBatch> batches;
    batches.push_back({{"t", 0}, builder.build()});
    return producer_->produce(std::move(batches));
  }
  Errc refusal(ErrorCode code) {
    broker_.once(answer(code));
    const auto refused = send().get();
    EXPECT_FALSE(refused) << fmt::format("{}", code);
    return refused ? Errc::kInternal : refused.error().code();
  }

  testing::ScriptedBroker broker_;
  std::unique_ptr<RemoteProducer> producer_;
};

TEST_F(RemoteProducerTest, trouble_that_passes_is_waited_for) {
  for (const ErrorCode code :
       {ErrorCode::kNotLeaderOrFollower, ErrorCode::kNotEnoughReplicas,
        ErrorCode::kNotEnoughReplicasAfterAppend, ErrorCode::kUnknownTopicOrPartition}) {
    broker_.once(answer(code));
    const int asked = broker_.asked(ApiKey::kProduce);
    const auto landed = send().get();
    ASSERT_TRUE(landed) << landed.error().message();
    EXPECT_THAT(*landed, ElementsAre(Offset(40)));
    EXPECT_EQ(broker_.asked(ApiKey::kProduce), asked + 2);
  }
}

TEST_F(RemoteProducerTest, a_time_that_the_topic_does_not_allow_is_said_as_such) {
  EXPECT_EQ(refusal(ErrorCode::kInvalidTimestamp), Errc::kOutOfRange);
  EXPECT_TRUE(send().get());
}

TEST_F(RemoteProducerTest, what_is_for_people_is_not_tried_again) {
  EXPECT_EQ(refusal(ErrorCode::kMessageTooLarge), Errc::kTooLarge);
  EXPECT_EQ(refusal(ErrorCode::kTopicAuthorizationFailed), Errc::kInvalidArgument);
}

TEST_F(RemoteProducerTest, a_lost_sequence_sends_the_caller_to_look_what_has_landed) {
  for (const ErrorCode code : {ErrorCode::kOutOfOrderSequenceNumber, ErrorCode::kUnknownProducerId,
                               ErrorCode::kDuplicateSequenceNumber}) {
    const int asked = broker_.asked(ApiKey::kProduce);
    EXPECT_EQ(refusal(code), Errc::kUnavailable);
    EXPECT_EQ(broker_.asked(ApiKey::kProduce), asked + 1) << "the same again leads nowhere";
  }
  EXPECT_TRUE(send().get());
}

TEST_F(RemoteProducerTest, the_end_of_the_program_does_not_wait_for_the_delivery_timeout) {
  broker_.always(answer(ErrorCode::kNotEnoughReplicas));
  auto first = send();
  auto second = send();
  EXPECT_EQ(first.wait_for(milliseconds(20)), std::future_status::timeout);
  producer_->stop_waiting(milliseconds(0));
  const auto refused = first.get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kCancelled);
  EXPECT_THAT(refused.error().message(), HasSubstr("NOT_ENOUGH_REPLICAS"));
  EXPECT_EQ(second.get().error().code(), Errc::kCancelled);
}

}  // namespace
}  // namespace freshet::kafka
