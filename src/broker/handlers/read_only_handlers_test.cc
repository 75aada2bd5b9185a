// The small requests that ask and change nothing: the cluster, topics page by page, disk use,
// leader epochs, and what Apache Kafka answers without an authorizer or quotas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/handlers/authorized_operations.h"
#include "broker/node_harness.h"
#include "kafka/messages/create_acls.h"
#include "kafka/messages/delete_acls.h"
#include "kafka/messages/describe_acls.h"
#include "kafka/messages/describe_client_quotas.h"
#include "kafka/messages/describe_cluster.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/describe_log_dirs.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_quorum.h"
#include "kafka/messages/describe_topic_partitions.h"
#include "kafka/messages/describe_transactions.h"
#include "kafka/messages/elect_leaders.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_partition_reassignments.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/offset_for_leader_epoch.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::ElementsAre;
using testing::IsEmpty;

class ReadOnlyHandlers : public NodeHarness {
 protected:
  using Page = kafka::DescribeTopicPartitionsResponse;

  Page page(std::vector<std::string> topics, int32_t limit,
            std::optional<kafka::TopicPartitionsCursor> cursor = {}) {
    kafka::DescribeTopicPartitionsRequest request;
    for (auto& topic : topics) request.topics.push_back({std::move(topic)});
    request.response_partition_limit = limit;
    request.cursor = std::move(cursor);
    return ask<Page>(request, 0);
  }
  static std::vector<std::string> names(const Page& page) {
    std::vector<std::string> all;
    for (const auto& topic : page.topics) {
      all.push_back(fmt::format("{}:{}", *topic.name, topic.partitions.size()));
    }
    return all;
  }
  kafka::OffsetForLeaderEpochResponse::Partition end_of_epoch(int32_t epoch, int16_t version = 4,
                                                              int32_t current = -1,
                                                              std::string topic = "events") {
    kafka::OffsetForLeaderEpochRequest request;
    request.topics.emplace_back().topic = std::move(topic);
    request.topics.back().partitions.push_back({0, current, epoch});
    const auto response = ask<kafka::OffsetForLeaderEpochResponse>(request, version);
    return response.topics.at(0).partitions.at(0);
  }
};

TEST_F(ReadOnlyHandlers, describe_cluster_names_the_one_node_in_every_version) {
  for (int16_t version = 0; version <= 2; ++version) {
    kafka::DescribeClusterRequest request;
    auto response = ask<kafka::DescribeClusterResponse>(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    EXPECT_EQ(response.endpoint_type, 1);
    EXPECT_EQ(response.cluster_id.size(), 22U);
    EXPECT_EQ(response.controller_id, kNodeId);
    ASSERT_EQ(response.brokers.size(), 1U);
    EXPECT_EQ(response.brokers[0].broker_id, kNodeId);
    EXPECT_EQ(response.brokers[0].port, 9092);
    EXPECT_FALSE(response.brokers[0].is_fenced);
    EXPECT_EQ(response.cluster_authorized_operations, INT32_MIN);
    request.include_cluster_authorized_operations = true;
    response = ask<kafka::DescribeClusterResponse>(request, version);
    EXPECT_EQ(response.cluster_authorized_operations, kClusterOperations);
  }
}

TEST_F(ReadOnlyHandlers, describe_cluster_refuses_other_kinds_of_endpoint) {
  kafka::DescribeClusterRequest request;
  request.endpoint_type = 2;
  const auto controllers = ask<kafka::DescribeClusterResponse>(request, 1);
  EXPECT_EQ(controllers.error_code, ErrorCode::kMismatchedEndpointType);
  EXPECT_THAT(controllers.brokers, IsEmpty());
  request.endpoint_type = 7;
  EXPECT_EQ(ask<kafka::DescribeClusterResponse>(request, 2).error_code,
            ErrorCode::kUnsupportedEndpointType);
}

TEST_F(ReadOnlyHandlers, topics_are_described_whole_in_order_of_name) {
  create("b", 2);
  create("a", 1);
  const auto response = page({"b", "none", "a", "bad name"}, 2000);
  EXPECT_THAT(names(response), ElementsAre("a:1", "b:2", "bad name:0", "none:0"));
  EXPECT_FALSE(response.next_cursor);
  const auto& b = response.topics[1];
  EXPECT_EQ(b.topic_id, node_->services().topics.find("b")->id);
  EXPECT_EQ(b.topic_authorized_operations, kTopicOperations);
  EXPECT_EQ(b.partitions[1].partition_index, 1);
  EXPECT_EQ(b.partitions[1].leader_id, kNodeId);
  EXPECT_EQ(b.partitions[1].isr_nodes, std::vector{kNodeId});
  EXPECT_EQ(response.topics[2].error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(response.topics[3].error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(ReadOnlyHandlers, topics_come_page_by_page) {
  create("p1", 3);
  create("p2", 2);
  const std::vector<std::string> both = {"p1", "p2"};
  std::vector<std::string> seen;
  std::optional<kafka::TopicPartitionsCursor> cursor;
  do {
    const auto response = page(both, 2, cursor);
    for (const auto& topic : response.topics) {
      for (const auto& partition : topic.partitions) {
        seen.push_back(fmt::format("{}-{}", *topic.name, partition.partition_index));
      }
    }
    ASSERT_LE(seen.size(), 5U) << "a page came twice";
    cursor = response.next_cursor;
  } while (cursor);
  EXPECT_THAT(seen, ElementsAre("p1-0", "p1-1", "p1-2", "p2-0", "p2-1"));

  // A page that ends with a topic points to the beginning of the next.
  const auto whole = page(both, 3);
  ASSERT_TRUE(whole.next_cursor);
  EXPECT_EQ(whole.next_cursor->topic_name, "p2");
  EXPECT_EQ(whole.next_cursor->partition_index, 0);
  EXPECT_EQ(page({}, 3, kafka::TopicPartitionsCursor{"p2", 1}).topics[0].partitions.size(), 1U);
  // No page is empty, whatever limit is asked for.
  EXPECT_THAT(names(page(both, -5)), ElementsAre("p1:1"));
}

TEST_F(ReadOnlyHandlers, a_cursor_outside_the_request_is_refused) {
  create("p1", 1);
  EXPECT_EQ(page({"p1"}, 10, kafka::TopicPartitionsCursor{"p2", 0}).topics.at(0).error_code,
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(page({"p1"}, 10, kafka::TopicPartitionsCursor{"p1", -1}).topics.at(0).error_code,
            ErrorCode::kInvalidRequest);
  kafka::DescribeTopicPartitionsRequest request;
  request.cursor = {"p1", -1};
  const Answer answer = wait(send(request, 0));
  EXPECT_TRUE(std::holds_alternative<CloseConnection>(answer));
}

TEST_F(ReadOnlyHandlers, log_dirs_have_sizes_of_partitions_and_volume_in_every_version) {
  create("events", 2);
  create("other", 1);
  const std::string bytes = batch({{1, "value"}});
  produce("events", bytes);
  for (int16_t version = 1; version <= 4; ++version) {
    kafka::DescribeLogDirsRequest request;
    request.topics.emplace();
    request.topics->push_back({"events", {1, 0, 0, 7}});
    request.topics->push_back({"none", {0}});
    const auto response = ask<kafka::DescribeLogDirsResponse>(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    ASSERT_EQ(response.results.size(), 1U);
    const auto& directory = response.results[0];
    EXPECT_EQ(directory.log_dir, (directory_ / "log").string());
    ASSERT_EQ(directory.topics.size(), 1U);
    EXPECT_EQ(directory.topics[0].name, "events");
    ASSERT_EQ(directory.topics[0].partitions.size(), 2U);
    EXPECT_EQ(directory.topics[0].partitions[0].partition_size, int64_t(bytes.size()));
    EXPECT_EQ(directory.topics[0].partitions[1].partition_size, 0);
    EXPECT_FALSE(directory.topics[0].partitions[0].is_future_key);
    if (version >= 4) {
      EXPECT_GT(directory.usable_bytes, 0);
      EXPECT_GE(directory.total_bytes, directory.usable_bytes);
    }
    request.topics.reset();
    const auto all = ask<kafka::DescribeLogDirsResponse>(request, version).results.at(0);
    std::vector<std::string> found;
    for (const auto& topic : all.topics) found.push_back(topic.name);
    EXPECT_THAT(found, testing::IsSupersetOf({"events", "other"}));
  }
}

TEST_F(ReadOnlyHandlers, leader_epochs_say_where_a_log_was_cut) {
  create("events");
  for (int16_t version = 2; version <= 4; ++version) {
    const auto empty = end_of_epoch(0, version);
    EXPECT_EQ(empty.error_code, ErrorCode::kNone);
    EXPECT_EQ(std::pair(empty.leader_epoch, empty.end_offset), std::pair(0, int64_t{0}));
  }
  produce("events", batch({{1, "a"}, {2, "b"}}));
  reopen();  // epoch 1
  reopen();  // epoch 2: nothing was written under 1
  produce("events", batch({{3, "c"}}));
  EXPECT_EQ(end_of_epoch(0).end_offset, 2);
  EXPECT_EQ(end_of_epoch(0).leader_epoch, 0);
  EXPECT_EQ(end_of_epoch(1).end_offset, 2);
  EXPECT_EQ(end_of_epoch(1).leader_epoch, 0);
  EXPECT_EQ(end_of_epoch(2).end_offset, 3);
  EXPECT_EQ(end_of_epoch(3).end_offset, -1);
  EXPECT_EQ(end_of_epoch(3).leader_epoch, -1);
  EXPECT_EQ(end_of_epoch(-1).end_offset, -1);
  reopen();  // epoch 3: nothing is written under it
  EXPECT_EQ(end_of_epoch(3).end_offset, 3);
  EXPECT_EQ(end_of_epoch(2).end_offset, 3);
  reopen();  // epoch 4
  EXPECT_EQ(end_of_epoch(3).leader_epoch, 2);
  EXPECT_EQ(end_of_epoch(3).end_offset, 3);
  EXPECT_EQ(end_of_epoch(0, 2, 3).error_code, ErrorCode::kFencedLeaderEpoch);
  EXPECT_EQ(end_of_epoch(0, 3, 9).error_code, ErrorCode::kUnknownLeaderEpoch);
  EXPECT_EQ(end_of_epoch(0, 4, 4).error_code, ErrorCode::kNone);
  EXPECT_EQ(end_of_epoch(0, 4, -1, "none").error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(ReadOnlyHandlers, no_partition_is_ever_on_its_way) {
  create("events");
  kafka::ListPartitionReassignmentsRequest request;
  request.topics.emplace().push_back({"events", {0}});
  const auto response = ask<kafka::ListPartitionReassignmentsResponse>(request, 0);
  EXPECT_EQ(response.error_code, ErrorCode::kNone);
  EXPECT_THAT(response.topics, IsEmpty());
}

TEST_F(ReadOnlyHandlers, a_quorum_of_one_is_described_in_every_version) {
  create("events");
  for (int16_t version = 0; version <= 2; ++version) {
    kafka::DescribeQuorumRequest request;
    request.topics.push_back({"__cluster_metadata", {{0}}});
    const auto response = ask<kafka::DescribeQuorumResponse>(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    ASSERT_EQ(response.topics.size(), 1U);
    const auto& partition = response.topics[0].partitions.at(0);
    EXPECT_EQ(partition.error_code, ErrorCode::kNone);
    EXPECT_EQ(partition.leader_id, kNodeId);
    EXPECT_GT(partition.high_watermark, 0);  // the topic is in it
    ASSERT_EQ(partition.current_voters.size(), 1U);
    EXPECT_EQ(partition.current_voters[0].replica_id, kNodeId);
    EXPECT_EQ(partition.current_voters[0].log_end_offset, partition.high_watermark);
    EXPECT_THAT(partition.observers, IsEmpty());
    if (version < 2) continue;
    EXPECT_EQ(partition.current_voters[0].last_caught_up_timestamp,
              clock_.wall().time_since_epoch().count());
    ASSERT_EQ(response.nodes.size(), 1U);
    EXPECT_EQ(response.nodes[0].listeners.at(0).port, 9092);
  }
}

TEST_F(ReadOnlyHandlers, no_other_partition_has_a_quorum) {
  kafka::DescribeQuorumRequest request;
  request.topics.push_back({"__cluster_metadata", {{0}, {1}}});
  request.topics.push_back({"events", {{0}}});
  const auto response = ask<kafka::DescribeQuorumResponse>(request, 2);
  EXPECT_EQ(response.error_code, ErrorCode::kNone);
  ASSERT_EQ(response.topics.size(), 2U);
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      EXPECT_EQ(partition.error_code, ErrorCode::kUnknownTopicOrPartition) << topic.topic_name;
    }
  }
  EXPECT_THAT(response.nodes, IsEmpty());
}

TEST_F(ReadOnlyHandlers, no_election_is_needed_in_any_version) {
  create("events", 2);
  for (int16_t version = 0; version <= 2; ++version) {
    kafka::ElectLeadersRequest request;
    request.topic_partitions.emplace().push_back({"events", {0, 1, 2}});
    request.topic_partitions->push_back({"none", {0}});
    auto response = ask<kafka::ElectLeadersResponse>(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    std::vector<ErrorCode> errors;
    for (const auto& topic : response.replica_election_results) {
      for (const auto& partition : topic.partition_result) errors.push_back(partition.error_code);
    }
    EXPECT_THAT(errors, ElementsAre(ErrorCode::kElectionNotNeeded, ErrorCode::kElectionNotNeeded,
                                    ErrorCode::kUnknownTopicOrPartition,
                                    ErrorCode::kUnknownTopicOrPartition));
    request.topic_partitions.reset();
    response = ask<kafka::ElectLeadersResponse>(request, version);
    const auto& all = response.replica_election_results;
    const auto events =
        std::ranges::find(all, "events", &kafka::ElectLeadersResponse::Topic::topic);
    ASSERT_NE(events, all.end());
    EXPECT_THAT(events->partition_result, IsEmpty());
  }
}

TEST_F(ReadOnlyHandlers, an_unknown_kind_of_election_is_refused) {
  create("events");
  kafka::ElectLeadersRequest request;
  request.election_type = 7;
  request.topic_partitions.emplace().push_back({"events", {0}});
  auto response = ask<kafka::ElectLeadersResponse>(request, 1);
  EXPECT_EQ(response.error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.replica_election_results.at(0).partition_result.at(0).error_code,
            ErrorCode::kInvalidRequest);
  request.topic_partitions.reset();
  response = ask<kafka::ElectLeadersResponse>(request, 2);
  EXPECT_EQ(response.error_code, ErrorCode::kInvalidRequest);
}

TEST_F(ReadOnlyHandlers, acls_are_answered_as_without_an_authorizer_in_every_version) {
  for (int16_t version = 1; version <= 3; ++version) {
    const auto described = ask<kafka::DescribeAclsResponse>(kafka::DescribeAclsRequest(), version);
    EXPECT_EQ(described.error_code, ErrorCode::kSecurityDisabled);
    EXPECT_EQ(described.error_message, "No Authorizer is configured.");
    kafka::CreateAclsRequest create;
    create.creations.resize(2);
    const auto created = ask<kafka::CreateAclsResponse>(create, version);
    ASSERT_EQ(created.results.size(), 2U);
    EXPECT_EQ(created.results[1].error_code, ErrorCode::kSecurityDisabled);
    kafka::DeleteAclsRequest erase;
    erase.filters.resize(1);
    const auto erased = ask<kafka::DeleteAclsResponse>(erase, version);
    ASSERT_EQ(erased.filter_results.size(), 1U);
    EXPECT_EQ(erased.filter_results[0].error_code, ErrorCode::kSecurityDisabled);
  }
}

TEST_F(ReadOnlyHandlers, there_are_no_quotas_to_describe) {
  for (int16_t version = 0; version <= 1; ++version) {
    kafka::DescribeClientQuotasRequest request;
    request.components.push_back({"user", 2, std::nullopt});
    request.components.push_back({"client-id", 0, "c"});
    const auto response = ask<kafka::DescribeClientQuotasResponse>(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    ASSERT_TRUE(response.entries);
    EXPECT_THAT(*response.entries, IsEmpty());
  }
}

TEST_F(ReadOnlyHandlers, filters_of_quotas_are_checked) {
  using Component = kafka::DescribeClientQuotasRequest::Component;
  struct Case {
    std::vector<Component> filter;
    ErrorCode error;
  };
  const Case cases[] = {
      {{{"", 2, std::nullopt}}, ErrorCode::kInvalidRequest},
      {{{"host", 2, std::nullopt}}, ErrorCode::kUnsupportedVersion},
      {{{"user", 0, std::nullopt}}, ErrorCode::kInvalidRequest},
      {{{"user", 1, "u"}}, ErrorCode::kInvalidRequest},
      {{{"user", 9, std::nullopt}}, ErrorCode::kInvalidRequest},
      {{{"user", 2, std::nullopt}, {"user", 2, std::nullopt}}, ErrorCode::kInvalidRequest},
      {{{"ip", 2, std::nullopt}, {"user", 2, std::nullopt}}, ErrorCode::kInvalidRequest},
  };
  for (const Case& c : cases) {
    kafka::DescribeClientQuotasRequest request;
    request.components = c.filter;
    const auto response = ask<kafka::DescribeClientQuotasResponse>(request, 1);
    EXPECT_EQ(response.error_code, c.error) << c.filter[0].entity_type;
    EXPECT_FALSE(response.entries);
  }
}

// Otherwise a request of a megabyte could ask for an answer of many gigabytes.
TEST_F(ReadOnlyHandlers, what_is_named_many_times_is_answered_once) {
  create("events", 3);
  constexpr size_t kTimes = 1'000;
  kafka::MetadataRequest metadata;
  metadata.topics.emplace(kTimes, kafka::MetadataRequest::Topic{.name = "events"});
  const auto topics = ask<kafka::MetadataResponse>(metadata, 12).topics;
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_EQ(topics[0].partitions.size(), 3U);

  kafka::DescribeConfigsRequest configs;
  configs.resources.resize(kTimes, {.resource_type = 2, .resource_name = "events"});
  configs.resources.push_back({.resource_type = 4, .resource_name = ""});
  EXPECT_EQ(ask<kafka::DescribeConfigsResponse>(configs, 4).results.size(), 2U);

  kafka::DescribeGroupsRequest groups;
  groups.groups.resize(kTimes, "g");
  EXPECT_EQ(ask<kafka::DescribeGroupsResponse>(groups, 5).groups.size(), 1U);

  kafka::DescribeProducersRequest producers;
  producers.topics.resize(2, {.name = "events", .partition_indexes = {0, 1, 0, 0}});
  const auto described = ask<kafka::DescribeProducersResponse>(producers, 0).topics;
  ASSERT_EQ(described.size(), 2U);
  EXPECT_EQ(described[0].partitions.size() + described[1].partitions.size(), 2U);

  kafka::DescribeTransactionsRequest transactions;
  transactions.transactional_ids.resize(kTimes, "id");
  EXPECT_EQ(ask<kafka::DescribeTransactionsResponse>(transactions, 0).transaction_states.size(),
            1U);

  kafka::OffsetFetchRequest offsets;
  offsets.groups.resize(kTimes, {.group_id = "g"});
  offsets.groups[0].topics.emplace(kTimes).assign(kTimes,
                                                  {.name = "events", .partition_indexes = {0}});
  const auto fetched = ask<kafka::OffsetFetchResponse>(offsets, 8).groups;
  ASSERT_EQ(fetched.size(), 1U);
  ASSERT_EQ(fetched[0].topics.size(), 1U);
  EXPECT_EQ(fetched[0].topics[0].partitions.size(), 1U);
}

TEST_F(ReadOnlyHandlers, a_partition_is_looked_up_once_in_a_request) {
  create("events", 2);
  kafka::ListOffsetsRequest request;
  request.topics.emplace_back().name = "events";
  for (const int32_t index : {0, 1, 0}) {
    auto& partition = request.topics[0].partitions.emplace_back();
    partition.partition_index = index;
    partition.timestamp = -1;
  }
  const auto response = ask<kafka::ListOffsetsResponse>(request, 7);
  const auto& rows = response.topics.at(0).partitions;
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(rows[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(rows[2].error_code, ErrorCode::kInvalidRequest);
}

}  // namespace
}  // namespace freshet::broker
