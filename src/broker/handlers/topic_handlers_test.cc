// Corners of the calls about topics that the comparison with Apache Kafka found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/handlers/authorized_operations.h"
#include "broker/node_harness.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/txn_offset_commit.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;

class TopicHandlers : public NodeHarness {
 protected:
  kafka::DeleteTopicsResponse::Topic remove(std::optional<std::string> name, TopicId id) {
    kafka::DeleteTopicsRequest request;
    request.topics.push_back({std::move(name), id});
    return ask<kafka::DeleteTopicsResponse>(request, 6).responses.at(0);
  }
};

TEST_F(TopicHandlers, a_name_that_is_there_twice_is_refused_once) {
  kafka::CreateTopicsRequest request;
  for (const char* name : {"twice", "once", "twice"}) {
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
  }
  const auto response = ask<kafka::CreateTopicsResponse>(request, 5);
  ASSERT_EQ(response.topics.size(), 2U);
  EXPECT_EQ(response.topics[0].name, "twice");
  EXPECT_EQ(response.topics[0].error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(response.topics[1].error_code, ErrorCode::kNone);
}

TEST_F(TopicHandlers, the_answer_to_a_creation_names_what_holds_and_where_it_comes_from) {
  kafka::IncrementalAlterConfigsRequest alter;
  alter.resources.push_back(
      {4, "", {{"log.retention.ms", 0, "5000"}, {"log.segment.bytes", 0, "2097152"}}});
  alter.resources.push_back({4, "1", {{"log.segment.bytes", 0, "3145728"}}});
  for (const auto& altered : ask<kafka::IncrementalAlterConfigsResponse>(alter, 1).responses) {
    ASSERT_EQ(altered.error_code, ErrorCode::kNone) << altered.error_message.value_or("");
  }
  for (const bool validate_only : {true, false}) {
    kafka::CreateTopicsRequest request;
    request.validate_only = validate_only;
    auto& topic = request.topics.emplace_back();
    topic.name = "events";
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    topic.configs.push_back({"cleanup.policy", "compact"});
    const auto response = ask<kafka::CreateTopicsResponse>(request, 7);
    std::map<std::string, std::pair<std::string, int>> found;
    for (const auto& config : *response.topics.at(0).configs) {
      found[config.name] = {config.value.value_or(""), config.config_source};
    }
    EXPECT_EQ(found["cleanup.policy"], std::pair(std::string("compact"), 1));
    EXPECT_EQ(found["segment.bytes"], std::pair(std::string("3145728"), 2));  // of this broker
    EXPECT_EQ(found["retention.ms"], std::pair(std::string("5000"), 3));      // of every broker
    EXPECT_EQ(found["max.message.bytes"], std::pair(std::string("1048588"), 5));
  }
}

TEST_F(TopicHandlers, a_topic_that_is_to_grow_twice_is_refused_once) {
  create("events");
  for (int16_t version = 0; version <= 3; ++version) {
    kafka::CreatePartitionsRequest request;
    request.topics.assign(2, {"events", 4, std::nullopt});
    const auto response = ask<kafka::CreatePartitionsResponse>(request, version);
    ASSERT_EQ(response.results.size(), 1U);
    EXPECT_EQ(response.results[0].error_code, ErrorCode::kInvalidRequest);
  }
  EXPECT_EQ(node_->services().topics.find("events")->partitions.size(), 1U);
}

TEST_F(TopicHandlers, producers_of_a_topic_that_cannot_be) {
  kafka::DescribeProducersRequest request;
  request.topics.push_back({"bad name", {0}});
  request.topics.push_back({"none", {0}});
  const auto response = ask<kafka::DescribeProducersResponse>(request, 0);
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, ErrorCode::kInvalidTopicException);
  EXPECT_EQ(response.topics.at(1).partitions.at(0).error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(TopicHandlers, offsets_of_no_group_are_not_taken_into_a_transaction) {
  create("events");
  for (int16_t version = 0; version <= 4; ++version) {
    kafka::TxnOffsetCommitRequest request;
    request.transactional_id = "t";
    request.topics.emplace_back().name = "events";
    request.topics.back().partitions.emplace_back();
    const auto response = ask<kafka::TxnOffsetCommitResponse>(request, version);
    EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, ErrorCode::kInvalidGroupId);
  }
}

TEST_F(TopicHandlers, a_topic_is_deleted_by_name_or_by_id_but_not_by_both) {
  create("events");
  const TopicId id = node_->services().topics.find("events")->id;
  EXPECT_EQ(remove("events", id).error_code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(remove(std::nullopt, TopicId()).error_code, ErrorCode::kInvalidRequest);
  EXPECT_NE(node_->services().topics.find("events"), nullptr);
  EXPECT_EQ(remove(std::nullopt, id).error_code, ErrorCode::kNone);
  EXPECT_EQ(remove(std::nullopt, id).error_code, ErrorCode::kUnknownTopicId);
}

TEST_F(TopicHandlers, metadata_names_the_operations_on_a_topic_that_is_not_there) {
  kafka::MetadataRequest request;
  request.topics.emplace().emplace_back().name = "none";
  request.allow_auto_topic_creation = false;
  request.include_topic_authorized_operations = true;
  for (int16_t version = 8; version <= 12; ++version) {
    EXPECT_EQ(
        ask<kafka::MetadataResponse>(request, version).topics.at(0).topic_authorized_operations,
        kTopicOperations)
        << version;
  }
}

}  // namespace
}  // namespace freshet::broker
