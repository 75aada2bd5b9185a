// What a cluster says in a consumer's bad moments, and what the consumer makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/remote/remote_consumer.h"
#include "kafka/remote/testing/scripted_broker.h"

namespace freshet::kafka {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const TopicPartition kT0{"t", 0};

class RemoteRefusals : public ::testing::Test {
 protected:
  RemoteRefusals() {
    broker_.always(metadata(TopicId{{1}}));
    FindCoordinatorResponse coordinator;
    coordinator.host = "127.0.0.1";
    coordinator.port = broker_.port();
    broker_.always(coordinator);
    broker_.always(joined(ErrorCode::kNone));
    broker_.always(synced(ErrorCode::kNone));
    OffsetFetchResponse offsets;
    offsets.topics = {
        {.name = "t",
         .partitions = {
             {.partition_index = 0, .committed_offset = 5, .metadata = std::string("note")}}}};
    broker_.always(offsets);
    broker_.always(HeartbeatResponse());
    broker_.always(LeaveGroupResponse());
    broker_.always(committed(ErrorCode::kNone));
    broker_.always(fetched(ErrorCode::kNone));
    ListOffsetsResponse ends;
    ends.topics = {{.name = "t", .partitions = {{.partition_index = 0, .offset = 9}}}};
    broker_.always(ends);
    auto cluster = Cluster::open({.bootstrap = "127.0.0.1:" + std::to_string(broker_.port()),
                                  .request_timeout = milliseconds(5'000)});
    EXPECT_TRUE(cluster) << cluster.error().message();
    cluster_ = *cluster;
    make_consumer({"range", "roundrobin"});
  }

  void make_consumer(const std::vector<std::string>& assignors) {
    protocol_ = assignors.front();
    broker_.always(joined(ErrorCode::kNone));
    consumer_ = std::make_unique<RemoteConsumer>(
        cluster_, RemoteConsumerOptions{.group = "g",
                                        .topics = {"t"},
                                        .assignors = assignors,
                                        .static_member_name = "one",
                                        .heartbeat_every = milliseconds(10)});
  }
  void make_cooperative() { make_consumer({"cooperative-sticky"}); }

  [[nodiscard]] MetadataResponse metadata(TopicId id) const {
    MetadataResponse response;
    response.brokers = {{.node_id = 1, .host = "127.0.0.1", .port = broker_.port()}};
    response.controller_id = 1;
    auto& topic = response.topics.emplace_back();
    topic.name = "t";
    topic.topic_id = id;
    topic.partitions = {{.partition_index = 0, .leader_id = 1}};
    return response;
  }
  [[nodiscard]] JoinGroupResponse joined(ErrorCode code, int32_t generation = 3) const {
    JoinGroupResponse response;
    response.error_code = code;
    response.member_id = "m";
    if (code != ErrorCode::kNone) return response;
    response.generation_id = generation;
    response.protocol_type = std::string(kConsumerProtocolType);
    response.protocol_name = protocol_;
    response.leader = "m";
    Subscription subscription;
    subscription.topics = {"t"};
    response.members = {{.member_id = "m", .metadata = encode_subscription(subscription)}};
    return response;
  }
  static SyncGroupResponse synced(ErrorCode code, bool with_partition = true) {
    SyncGroupResponse response;
    response.error_code = code;
    Assignment assignment;
    if (with_partition) assignment.assigned_partitions = {{"t", {0}}};
    response.assignment = encode_assignment(assignment);
    return response;
  }
  static HeartbeatResponse beaten(ErrorCode code) {
    HeartbeatResponse response;
    response.error_code = code;
    return response;
  }
  static OffsetCommitResponse committed(ErrorCode code) {
    OffsetCommitResponse response;
    response.topics = {{.name = "t", .partitions = {{.partition_index = 0, .error_code = code}}}};
    return response;
  }
  static FetchResponse fetched(ErrorCode code) {
    FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic = "t";
    topic.topic_id = TopicId{{1}};
    auto& partition = topic.partitions.emplace_back();
    partition.error_code = code;
    partition.high_watermark = partition.last_stable_offset = 9;
    return response;
  }

  /// Polls until there is an event or an error.
  Result<GroupEvent> next() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      auto event = consumer_->poll(milliseconds(50));
      if (!event || !std::holds_alternative<std::monostate>(*event)) return event;
    }
    return fail(Errc::kTimeout, "nothing happens");
  }
  template <class Event>
  void expect(size_t partitions = 1) {
    const auto event = next();
    ASSERT_TRUE(event) << event.error().message();
    ASSERT_TRUE(std::holds_alternative<Event>(*event)) << event->index();
    EXPECT_THAT(std::get<Event>(*event).partitions, SizeIs(partitions));
  }
  Result<void> commit() {
    const OffsetCommit one{kT0, Offset(6), ""};
    return consumer_->commit({&one, 1});
  }
  auto fetch(int64_t from = 9) {
    return consumer_->fetch(kT0, Offset(from), 1024, milliseconds(0));
  }

  testing::ScriptedBroker broker_;
  std::string protocol_ = "range";
  std::shared_ptr<Cluster> cluster_;
  std::unique_ptr<RemoteConsumer> consumer_;
};

TEST_F(RemoteRefusals, a_calm_group_assigns_and_commits) {
  const auto event = next();
  ASSERT_TRUE(event) << event.error().message();
  const auto& assigned = std::get<Assigned>(*event);
  ASSERT_THAT(assigned.partitions, SizeIs(1));
  EXPECT_EQ(assigned.partitions[0].committed, Offset(5));
  EXPECT_EQ(assigned.partitions[0].metadata, "note");
  EXPECT_TRUE(commit());
  EXPECT_TRUE(fetch());
}

TEST_F(RemoteRefusals, a_coordinator_that_moves_is_looked_for_again) {
  for (const ErrorCode code : {ErrorCode::kNotCoordinator, ErrorCode::kCoordinatorNotAvailable,
                               ErrorCode::kCoordinatorLoadInProgress}) {
    broker_.once(joined(code));
    const int asked = broker_.asked(ApiKey::kFindCoordinator);
    const auto refused = next();
    ASSERT_FALSE(refused) << fmt::format("{}", code);
    EXPECT_TRUE(is_retriable(refused.error().code())) << refused.error().message();
    expect<Assigned>();
    EXPECT_GT(broker_.asked(ApiKey::kFindCoordinator), asked);
    broker_.once(committed(code));
    const auto commit_refused = commit();
    ASSERT_FALSE(commit_refused) << fmt::format("{}", code);
    EXPECT_EQ(commit_refused.error().code(), Errc::kUnavailable);
    EXPECT_TRUE(commit());
    ASSERT_TRUE(consumer_->leave());
  }
}

TEST_F(RemoteRefusals, a_rebalance_before_the_assignment_is_joined_at_once) {
  broker_.once(synced(ErrorCode::kRebalanceInProgress));
  expect<Assigned>();
  EXPECT_EQ(broker_.asked(ApiKey::kJoinGroup), 2);
}

TEST_F(RemoteRefusals, a_heartbeat_tells_of_a_rebalance_and_of_a_loss) {
  expect<Assigned>();
  broker_.once(beaten(ErrorCode::kRebalanceInProgress));
  expect<Revoked>();
  EXPECT_TRUE(commit()) << "what was being written may still be confirmed";
  expect<Assigned>();
  for (const ErrorCode code : {ErrorCode::kUnknownMemberId, ErrorCode::kIllegalGeneration}) {
    broker_.once(beaten(code));
    expect<Lost>();
    EXPECT_EQ(commit().error().code(), Errc::kFenced);
    expect<Assigned>();
  }
}

TEST_F(RemoteRefusals, a_commit_of_an_old_generation_is_fenced) {
  expect<Assigned>();
  for (const ErrorCode code : {ErrorCode::kIllegalGeneration, ErrorCode::kUnknownMemberId,
                               ErrorCode::kFencedInstanceId, ErrorCode::kRebalanceInProgress}) {
    broker_.once(committed(code));
    EXPECT_EQ(commit().error().code(), Errc::kFenced) << fmt::format("{}", code);
  }
}

TEST_F(RemoteRefusals, a_cooperative_member_keeps_what_it_owns_in_a_rebalance) {
  make_cooperative();
  expect<Assigned>();
  broker_.always(joined(ErrorCode::kNone, 4));
  broker_.once(beaten(ErrorCode::kRebalanceInProgress));
  expect<Assigned>(0);
  EXPECT_EQ(consumer_->generation(), 4);
  EXPECT_TRUE(commit());
  EXPECT_EQ(broker_.asked(ApiKey::kJoinGroup), 2);
}

TEST_F(RemoteRefusals, a_cooperative_member_hands_over_what_moves_and_joins_again) {
  make_cooperative();
  expect<Assigned>();
  broker_.always(joined(ErrorCode::kNone, 4));
  broker_.once(synced(ErrorCode::kNone, /*with_partition=*/false));
  broker_.once(beaten(ErrorCode::kRebalanceInProgress));
  expect<Revoked>();
  EXPECT_TRUE(commit()) << "what was being written may still be confirmed";
  expect<Assigned>(0);
  EXPECT_EQ(commit().error().code(), Errc::kFenced);
  broker_.always(joined(ErrorCode::kNone, 5));
  expect<Assigned>();
  EXPECT_EQ(consumer_->generation(), 5);
  EXPECT_EQ(broker_.asked(ApiKey::kJoinGroup), 3);
}

TEST_F(RemoteRefusals, a_member_that_missed_a_generation_has_lost_everything) {
  make_cooperative();
  expect<Assigned>();
  broker_.always(joined(ErrorCode::kNone, 5));
  broker_.once(beaten(ErrorCode::kRebalanceInProgress));
  expect<Lost>();
  EXPECT_EQ(commit().error().code(), Errc::kFenced);
  expect<Assigned>();
  EXPECT_TRUE(commit());
}

TEST_F(RemoteRefusals, a_commit_that_meets_a_rebalance_is_tried_again_by_who_may_still_own) {
  make_cooperative();
  expect<Assigned>();
  broker_.once(committed(ErrorCode::kRebalanceInProgress));
  EXPECT_EQ(commit().error().code(), Errc::kUnavailable);
  for (const ErrorCode code :
       {ErrorCode::kIllegalGeneration, ErrorCode::kUnknownMemberId, ErrorCode::kFencedInstanceId}) {
    broker_.once(committed(code));
    EXPECT_EQ(commit().error().code(), Errc::kFenced) << fmt::format("{}", code);
  }
}

TEST_F(RemoteRefusals, a_commit_that_is_not_confirmed_is_none) {
  expect<Assigned>();
  broker_.once(OffsetCommitResponse());
  EXPECT_EQ(commit().error().code(), Errc::kInternal);
}

TEST_F(RemoteRefusals, an_assigned_topic_that_a_broker_does_not_know_yet_is_waited_for) {
  auto unknown = metadata(TopicId{{1}});
  unknown.topics[0].error_code = ErrorCode::kUnknownTopicOrPartition;
  broker_.always(unknown);
  const auto refused = next();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable) << refused.error().message();
  broker_.always(metadata(TopicId{{1}}));
  expect<Assigned>();
}

TEST_F(RemoteRefusals, a_session_timeout_that_is_not_allowed_is_said_with_the_remedy) {
  broker_.once(joined(ErrorCode::kInvalidSessionTimeout));
  const auto refused = next();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("group.min.session.timeout.ms"));
}

TEST_F(RemoteRefusals, a_quota_is_waited_for_and_is_not_the_end_of_the_log) {
  expect<Assigned>();
  FetchResponse throttled;
  throttled.throttle_time_ms = 1;
  broker_.once(throttled);
  const auto fetched_after = fetch(5);
  ASSERT_FALSE(fetched_after);
  EXPECT_EQ(broker_.asked(ApiKey::kFetch), 3) << "again, and once more for the records";
  EXPECT_EQ(fetched_after.error().code(), Errc::kUnavailable);
  EXPECT_THAT(fetched_after.error().message(), HasSubstr("gives no records from offset 5"));
}

TEST_F(RemoteRefusals, a_name_that_another_process_took_stops_with_the_remedy) {
  expect<Assigned>();
  broker_.once(beaten(ErrorCode::kFencedInstanceId));
  const auto fenced = next();
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().code(), Errc::kRefused);
  EXPECT_THAT(fenced.error().message(), HasSubstr("services.kafka.instance"));
}

TEST_F(RemoteRefusals, a_leader_that_moves_is_asked_for_again) {
  expect<Assigned>();
  for (const ErrorCode code : {ErrorCode::kNotLeaderOrFollower, ErrorCode::kLeaderNotAvailable,
                               ErrorCode::kFencedLeaderEpoch, ErrorCode::kKafkaStorageError}) {
    broker_.once(fetched(code));
    const int asked = broker_.asked(ApiKey::kMetadata);
    const auto refused = fetch();
    ASSERT_FALSE(refused) << fmt::format("{}", code);
    EXPECT_TRUE(is_retriable(refused.error().code())) << refused.error().message();
    EXPECT_TRUE(fetch());
    EXPECT_GT(broker_.asked(ApiKey::kMetadata), asked);
  }
}

TEST_F(RemoteRefusals, a_topic_of_another_id_is_refused_and_one_not_known_yet_waited_for) {
  expect<Assigned>();
  broker_.once(fetched(ErrorCode::kUnknownTopicId));
  EXPECT_EQ(fetch().error().code(), Errc::kUnavailable);
  broker_.once(fetched(ErrorCode::kUnknownTopicId));
  broker_.always(metadata(TopicId{{2}}));
  const auto refused = fetch();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kRefused);
  EXPECT_THAT(refused.error().message(), HasSubstr("created again"));
}

TEST_F(RemoteRefusals, an_offset_that_is_gone_is_said_and_never_jumped_over) {
  expect<Assigned>();
  broker_.once(fetched(ErrorCode::kOffsetOutOfRange));
  EXPECT_EQ(fetch().error().code(), Errc::kOutOfRange);
}

TEST_F(RemoteRefusals, bytes_that_are_no_answer_cost_the_connection_only) {
  expect<Assigned>();
  const std::string endless("\x7F\xFF\xFF\xFF", 4);
  const std::string of_another_request("\0\0\0\x05\x01\x02\x03\x04\0", 9);
  for (const std::string& bytes : {endless, of_another_request}) {
    broker_.once(ApiKey::kOffsetCommit, bytes);
    const auto refused = commit();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("Kafka broker 127.0.0.1"));
    EXPECT_TRUE(commit());
  }
}

}  // namespace
}  // namespace freshet::kafka
