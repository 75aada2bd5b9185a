// What changes a topic that exists: configs, more partitions, deleted records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/node_harness.h"
#include "kafka/messages/alter_configs.h"
#include "kafka/messages/create_partitions.h"
#include "kafka/messages/delete_records.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/incremental_alter_configs.h"
#include "kafka/messages/list_offsets.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::HasSubstr;

class TopicChanges : public NodeHarness {
 protected:
  using Change = kafka::IncrementalAlterConfigsRequest::Config;

  ErrorCode alter(const std::string& topic, std::vector<Change> changes, bool validate_only = false,
                  int16_t version = 1) {
    kafka::IncrementalAlterConfigsRequest request;
    request.resources.push_back({2, topic, std::move(changes)});
    request.validate_only = validate_only;
    const auto response = ask<kafka::IncrementalAlterConfigsResponse>(request, version);
    return response.responses.at(0).error_code;
  }
  TopicConfigMap configs(const std::string& topic) {
    return node_->services().topics.find(topic)->configs;
  }
  kafka::DescribeConfigsResponse::Config describe(int8_t type, const std::string& resource,
                                                  const std::string& name, int16_t version = 4) {
    kafka::DescribeConfigsRequest request;
    request.resources.push_back({type, resource, std::vector{name}});
    request.include_synonyms = true;
    request.include_documentation = version >= 3;
    const auto results = ask<kafka::DescribeConfigsResponse>(request, version).results;
    EXPECT_EQ(results.at(0).configs.size(), 1U) << name;
    return results.at(0).configs.empty() ? kafka::DescribeConfigsResponse::Config()
                                         : results[0].configs[0];
  }
  kafka::CreatePartitionsResponse::Result grow(const std::string& topic, int32_t count,
                                               bool validate_only = false, int16_t version = 3) {
    kafka::CreatePartitionsRequest request;
    request.topics.push_back({topic, count, std::nullopt});
    request.validate_only = validate_only;
    return ask<kafka::CreatePartitionsResponse>(request, version).results.at(0);
  }
  kafka::DeleteRecordsResponse::Partition delete_records(const std::string& topic, int64_t offset,
                                                         int16_t version = 2) {
    kafka::DeleteRecordsRequest request;
    request.topics.emplace_back().name = topic;
    request.topics[0].partitions.push_back({0, offset});
    return ask<kafka::DeleteRecordsResponse>(request, version).topics.at(0).partitions.at(0);
  }
  int64_t list_offset(const std::string& topic, int64_t timestamp) {
    kafka::ListOffsetsRequest request;
    request.topics.emplace_back().name = topic;
    auto& partition = request.topics[0].partitions.emplace_back();
    partition.timestamp = timestamp;
    return ask<kafka::ListOffsetsResponse>(request, 9).topics.at(0).partitions.at(0).offset;
  }
};

TEST_F(TopicChanges, single_configs_change_and_survive_a_restart) {
  create("t", 1, {{"retention.ms", "77"}, {"segment.bytes", "10000"}});
  for (int16_t version = 0; version <= 1; ++version) {
    EXPECT_EQ(alter("t", {{"retention.ms", 0, "88"}}, false, version), ErrorCode::kNone);
  }
  EXPECT_EQ(alter("t", {{"retention.ms", 1, std::nullopt}, {"cleanup.policy", 2, "compact"}}),
            ErrorCode::kNone);
  reopen();
  EXPECT_EQ(configs("t"),
            (TopicConfigMap{{"cleanup.policy", "delete,compact"}, {"segment.bytes", "10000"}}));
  const auto config = node_->services().topics.find("t")->partition(0)->config();
  EXPECT_TRUE(config.compact);
  EXPECT_EQ(config.segment_bytes, 10'000U);
}

TEST_F(TopicChanges, a_changed_limit_holds_for_the_next_append) {
  create("t");
  const std::string large = batch({{now_ms(), std::string(500, 'x')}});
  EXPECT_EQ(produce("t", large).error_code, ErrorCode::kNone);
  EXPECT_EQ(alter("t", {{"max.message.bytes", 0, "300"}}), ErrorCode::kNone);
  EXPECT_EQ(produce("t", large).error_code, ErrorCode::kMessageTooLarge);
  EXPECT_EQ(alter("t", {{"message.timestamp.type", 0, "LogAppendTime"},
                        {"max.message.bytes", 1, std::nullopt}}),
            ErrorCode::kNone);
  EXPECT_EQ(produce("t", large).log_append_time_ms, now_ms());
  EXPECT_EQ(alter("t", {{"compression.type", 0, "gzip"}}), ErrorCode::kNone);
  EXPECT_EQ(produce("t", large).error_code, ErrorCode::kNone);
  const auto read = node_->services().topics.find("t")->partition(0)->read(Offset(2), 1 << 20);
  ASSERT_TRUE(read);
  EXPECT_EQ(kafka::RecordBatchView(read->slices.at(0).bytes).codec(), kafka::Codec::kGzip);
}

TEST_F(TopicChanges, refused_configs_change_nothing) {
  create("t", 1, {{"retention.ms", "77"}});
  struct Case {
    Change change;
    ErrorCode code;
  };
  const Case cases[] = {{{"no.such", 0, "1"}, ErrorCode::kInvalidConfig},
                        {{"retention.ms", 0, "x"}, ErrorCode::kInvalidConfig},
                        {{"retention.ms", 2, "1"}, ErrorCode::kInvalidConfig},
                        {{"retention.ms", 0, std::nullopt}, ErrorCode::kInvalidRequest},
                        {{"cleanup.policy", 3, "delete"}, ErrorCode::kInvalidConfig},
                        {{"retention.ms", 9, "1"}, ErrorCode::kInvalidRequest}};
  for (const Case& c : cases) EXPECT_EQ(alter("t", {c.change}), c.code) << c.change.name;
  EXPECT_EQ(alter("t", {{"retention.ms", 0, "1"}, {"retention.ms", 0, "2"}}),
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(alter("t", {{"retention.ms", 0, "1"}}, /*validate_only=*/true), ErrorCode::kNone);
  EXPECT_EQ(configs("t"), (TopicConfigMap{{"retention.ms", "77"}}));
  EXPECT_EQ(alter("missing", {{"retention.ms", 0, "1"}}), ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(alter("bad name", {}), ErrorCode::kInvalidTopicException);
  EXPECT_EQ(alter("__consumer_offsets", {{"retention.ms", 0, "1"}}), ErrorCode::kPolicyViolation);
}

TEST_F(TopicChanges, a_resource_named_twice_is_refused) {
  create("t");
  kafka::IncrementalAlterConfigsRequest request;
  for (int i = 0; i < 2; ++i) request.resources.push_back({2, "t", {{"retention.ms", 0, "1"}}});
  for (const auto& row : ask<kafka::IncrementalAlterConfigsResponse>(request, 1).responses) {
    EXPECT_EQ(row.error_code, ErrorCode::kInvalidRequest);
  }
  EXPECT_TRUE(configs("t").empty());
}

TEST_F(TopicChanges, alter_configs_replaces_all_of_them) {
  create("t", 1, {{"retention.ms", "77"}, {"segment.bytes", "10000"}});
  for (int16_t version = 0; version <= 2; ++version) {
    kafka::AlterConfigsRequest request;
    request.resources.push_back({2, "t", {{"retention.bytes", std::to_string(version)}}});
    request.validate_only = true;
    EXPECT_EQ(ask<kafka::AlterConfigsResponse>(request, version).responses.at(0).error_code,
              ErrorCode::kNone);
    request.validate_only = false;
    EXPECT_EQ(ask<kafka::AlterConfigsResponse>(request, version).responses.at(0).error_code,
              ErrorCode::kNone);
    EXPECT_EQ(configs("t"), (TopicConfigMap{{"retention.bytes", std::to_string(version)}}));
  }
}

TEST_F(TopicChanges, broker_defaults_hold_where_a_topic_says_nothing) {
  create("own", 1, {{"retention.ms", "1"}});
  create("default");
  const auto set = [&](const std::string& broker, const char* name, const char* value) {
    kafka::IncrementalAlterConfigsRequest request;
    request.resources.push_back({4, broker, {{name, 0, value}}});
    return ask<kafka::IncrementalAlterConfigsResponse>(request, 1).responses.at(0).error_code;
  };
  EXPECT_EQ(set("", "log.retention.ms", "5"), ErrorCode::kNone);
  EXPECT_EQ(set("1", "log.retention.ms", "6"), ErrorCode::kNone);
  EXPECT_EQ(set("1", "log.cleaner.threads", "2"), ErrorCode::kNone);
  EXPECT_EQ(set("2", "log.retention.ms", "6"), ErrorCode::kInvalidRequest);
  EXPECT_EQ(set("1", "log.dirs", "/"), ErrorCode::kInvalidConfig);
  EXPECT_EQ(set("1", "log.retention.ms", "x"), ErrorCode::kInvalidConfig);
  for (int life = 0; life < 2; ++life) {
    create(fmt::format("later-{}", life));
    const auto retention = [&](const std::string& topic) {
      return node_->services().topics.find(topic)->partition(0)->config().retention_ms;
    };
    EXPECT_EQ(retention("own"), 1);
    EXPECT_EQ(retention("default"), 6);
    EXPECT_EQ(retention("later-0"), 6);
    const auto own = describe(2, "own", "retention.ms");
    EXPECT_EQ(own.value, "1");
    ASSERT_EQ(own.synonyms.size(), 4U);
    EXPECT_EQ(own.synonyms[0].source, 1);
    EXPECT_EQ(own.synonyms[1].name, "log.retention.ms");
    EXPECT_EQ(own.synonyms[1].source, 2);
    EXPECT_EQ(own.synonyms[2].source, 3);
    EXPECT_EQ(own.synonyms[3].source, 5);
    EXPECT_EQ(describe(2, "default", "retention.ms").config_source, 2);
    EXPECT_EQ(describe(4, "", "log.retention.ms").value, "5");
    EXPECT_FALSE(describe(4, "1", "log.retention.ms").read_only);
    EXPECT_TRUE(describe(4, "1", "log.dirs").read_only);
    reopen();
  }
}

TEST_F(TopicChanges, every_topic_config_is_described_in_every_version) {
  create("t");
  for (int16_t version = 1; version <= 4; ++version) {
    kafka::DescribeConfigsRequest request;
    request.resources.push_back({2, "t", std::nullopt});
    const auto results = ask<kafka::DescribeConfigsResponse>(request, version).results;
    EXPECT_EQ(results.at(0).configs.size(), topic_config_infos().size());
    const auto one = describe(2, "t", "cleanup.policy", version);
    EXPECT_EQ(one.value, "delete");
    EXPECT_EQ(one.config_source, 5);
    if (version >= 3) EXPECT_EQ(one.config_type, static_cast<int8_t>(ConfigType::kList));
    if (version >= 3) EXPECT_THAT(one.documentation.value_or(""), HasSubstr("retention"));
    EXPECT_EQ(describe(4, "1", "delete.topic.enable", version).value, "true");
  }
}

TEST_F(TopicChanges, more_partitions_keep_the_topic_and_its_records) {
  create("t", 2);
  const TopicId id = node_->services().topics.find("t")->id;
  EXPECT_EQ(produce("t", batch({{now_ms(), "kept"}})).error_code, ErrorCode::kNone);
  int32_t count = 2;
  for (int16_t version = 0; version <= 3; ++version) {
    EXPECT_EQ(grow("t", ++count, /*validate_only=*/true, version).error_code, ErrorCode::kNone);
    EXPECT_EQ(grow("t", count, /*validate_only=*/false, version).error_code, ErrorCode::kNone);
    EXPECT_EQ(node_->services().topics.find("t")->partitions.size(), static_cast<size_t>(count));
  }
  reopen();
  const TopicPtr topic = node_->services().topics.find("t");
  EXPECT_EQ(topic->id, id);
  ASSERT_EQ(topic->partitions.size(), 6U);
  EXPECT_EQ(topic->partition(0)->high_watermark(), Offset(1));
  EXPECT_EQ(topic->partition(5)->topic_id(), id);
}

TEST_F(TopicChanges, what_is_no_growth_is_refused) {
  create("t", 2);
  EXPECT_EQ(grow("t", 2).error_code, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow("t", 1).error_code, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow("t", 0).error_code, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow("t", 1'000'000).error_code, ErrorCode::kInvalidPartitions);
  EXPECT_EQ(grow("missing", 5).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(grow("__consumer_offsets", 5).error_code, ErrorCode::kInvalidTopicException);
  kafka::CreatePartitionsRequest request;
  request.topics.push_back({"t", 3, {{{{kNodeId, 2}}}}});
  EXPECT_EQ(ask<kafka::CreatePartitionsResponse>(request, 1).results.at(0).error_code,
            ErrorCode::kInvalidReplicaAssignment);
  EXPECT_EQ(node_->services().topics.find("t")->partitions.size(), 2U);
}

TEST_F(TopicChanges, deleted_records_stay_deleted) {
  create("t");
  EXPECT_EQ(produce("t", batch({{1, "a"}, {2, "b"}, {3, "c"}})).error_code, ErrorCode::kNone);
  int64_t to = 0;
  for (int16_t version = 0; version <= 2; ++version) {
    EXPECT_EQ(delete_records("t", to, version).low_watermark, to);
    ++to;
  }
  // Below the start nothing changes; inside a batch the time lookup begins there too.
  EXPECT_EQ(delete_records("t", 1).low_watermark, 2);
  EXPECT_EQ(list_offset("t", -2), 2);
  EXPECT_EQ(list_offset("t", 1), 2);
  reopen();
  EXPECT_EQ(list_offset("t", -2), 2);
  EXPECT_EQ(list_offset("t", -1), 3);
  EXPECT_EQ(delete_records("t", -1).low_watermark, 3);
  EXPECT_EQ(list_offset("t", -3), -1);
}

TEST_F(TopicChanges, records_that_must_stay_are_not_deleted) {
  create("t");
  create("compacted", 1, {{"cleanup.policy", "compact"}});
  EXPECT_EQ(delete_records("t", 1).error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(delete_records("t", -2).error_code, ErrorCode::kOffsetOutOfRange);
  EXPECT_EQ(delete_records("t", -2).low_watermark, -1);
  EXPECT_EQ(delete_records("missing", 0).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(delete_records("compacted", 0).error_code, ErrorCode::kPolicyViolation);
  EXPECT_EQ(delete_records("__consumer_offsets", 0).error_code, ErrorCode::kInvalidTopicException);
}

TEST_F(TopicChanges, special_timestamps_are_known_from_their_version_on) {
  create("t");
  EXPECT_EQ(produce("t", batch({{5, "a"}, {9, "b"}, {7, "c"}})).error_code, ErrorCode::kNone);
  struct Case {
    int64_t timestamp;
    int16_t version_min;
    int64_t offset;
  };
  const Case cases[] = {{-1, 1, 3}, {-2, 1, 0}, {-3, 7, 1}, {-4, 8, 0}, {-5, 9, -1}, {6, 1, 1}};
  for (const Case& c : cases) {
    for (int16_t version = 1; version <= 9; ++version) {
      kafka::ListOffsetsRequest request;
      request.topics.emplace_back().name = "t";
      request.topics[0].partitions.emplace_back().timestamp = c.timestamp;
      const auto out =
          ask<kafka::ListOffsetsResponse>(request, version).topics.at(0).partitions.at(0);
      const bool known = version >= c.version_min;
      EXPECT_EQ(out.error_code, known ? ErrorCode::kNone : ErrorCode::kUnsupportedVersion);
      EXPECT_EQ(out.offset, known ? c.offset : -1) << c.timestamp << " in " << version;
    }
  }
}

}  // namespace
}  // namespace freshet::broker
