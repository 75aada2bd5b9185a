#include "broker/topic_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "broker/topic_registry.h"

namespace freshet::broker {
namespace {

TEST(TopicConfig, what_works_here_reaches_the_settings) {
  const auto settings = parse_topic_configs({{"retention.ms", "5"},
                                             {"retention.bytes", "6"},
                                             {"segment.bytes", "10000"},
                                             {"segment.ms", "9223372036854775807"},
                                             {"max.message.bytes", "7"},
                                             {"message.timestamp.type", "LogAppendTime"}});
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->partition.retention_ms, 5);
  EXPECT_EQ(settings->partition.retention_bytes, 6);
  EXPECT_EQ(settings->partition.segment_bytes, 10'000U);
  EXPECT_EQ(settings->batch_bytes_max, 7U);
  EXPECT_TRUE(settings->log_append_time);
}

TEST(TopicConfig, defaults_are_those_of_kafka) {
  const auto settings = parse_topic_configs({});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->partition.retention_ms, 604'800'000);
  EXPECT_EQ(settings->batch_bytes_max, 1'048'588U);
  EXPECT_FALSE(settings->compacted);
}

TEST(TopicConfig, every_default_is_itself_accepted) {
  for (const TopicConfigInfo& info : topic_config_infos()) {
    const auto parsed =
        parse_topic_configs({{std::string(info.name), std::string(info.default_value)}});
    EXPECT_TRUE(parsed) << info.name << ": " << parsed.error().message();
  }
  EXPECT_TRUE(std::ranges::is_sorted(topic_config_infos(), {}, &TopicConfigInfo::name));
}

TEST(TopicConfig, compacted_topics_keep_everything_unless_they_also_delete) {
  EXPECT_EQ(parse_topic_configs({{"cleanup.policy", "compact"}, {"retention.ms", "5"}})
                ->partition.retention_ms,
            -1);
  const auto both = parse_topic_configs({{"cleanup.policy", "compact, delete"}});
  EXPECT_TRUE(both->compacted);
  EXPECT_EQ(both->partition.retention_ms, 604'800'000);
}

TEST(TopicConfig, compaction_reaches_the_partitions) {
  const auto settings = parse_topic_configs({{"cleanup.policy", "compact"},
                                             {"min.cleanable.dirty.ratio", "0.01"},
                                             {"min.compaction.lag.ms", "5"},
                                             {"max.compaction.lag.ms", "100"},
                                             {"delete.retention.ms", "7"},
                                             {"compression.type", "zstd"}});
  ASSERT_TRUE(settings) << settings.error().message();
  const PartitionConfig& partition = settings->partition;
  EXPECT_TRUE(partition.compact);
  EXPECT_EQ(partition.dirty_ratio_min, 0.01);
  EXPECT_EQ(partition.compaction_lag_min.count(), 5);
  EXPECT_EQ(partition.compaction_lag_max.count(), 100);
  EXPECT_EQ(partition.delete_retention.count(), 7);
  // A record may not stay uncompacted in the active segment for longer.
  EXPECT_EQ(partition.segment_age_max.count(), 100);
  EXPECT_EQ(settings->codec, kafka::Codec::kZstd);
  EXPECT_FALSE(
      parse_topic_configs({{"min.compaction.lag.ms", "6"}, {"max.compaction.lag.ms", "5"}}));
}

TEST(TopicConfig, lists_take_and_give_words) {
  struct Case {
    ConfigOperation operation;
    const char* value;
    const char* after;
  };
  const Case cases[] = {{ConfigOperation::kAppend, "compact", "delete,compact"},
                        {ConfigOperation::kAppend, "delete, compact", "delete,compact"},
                        {ConfigOperation::kSubtract, "compact", "delete"},
                        {ConfigOperation::kSubtract, "delete", ""},
                        {ConfigOperation::kSet, "compact", "compact"}};
  for (const Case& c : cases) {
    TopicConfigMap configs;
    ASSERT_TRUE(change_config(configs, {c.operation, "cleanup.policy", c.value}, ConfigType::kList,
                              "delete"));
    EXPECT_EQ(configs["cleanup.policy"], c.after);
    ASSERT_TRUE(change_config(configs, {ConfigOperation::kDelete, "cleanup.policy", ""},
                              ConfigType::kList, "delete"));
    EXPECT_TRUE(configs.empty());
  }
  TopicConfigMap configs;
  EXPECT_FALSE(change_config(configs, {ConfigOperation::kAppend, "retention.ms", "5"},
                             ConfigType::kLong, "1"));
}

TEST(TopicConfig, the_rest_is_refused) {
  struct Case {
    const char* name;
    const char* value;
    Errc code;
  };
  const Case cases[] = {{"no.such", "1", Errc::kInvalidArgument},
                        {"retention.ms", "", Errc::kInvalidArgument},
                        {"retention.ms", "-2", Errc::kInvalidArgument},
                        {"retention.ms", "1x", Errc::kInvalidArgument},
                        {"segment.bytes", "99999999999", Errc::kInvalidArgument},
                        {"preallocate", "maybe", Errc::kInvalidArgument},
                        {"cleanup.policy", "shred", Errc::kInvalidArgument},
                        {"min.cleanable.dirty.ratio", "2", Errc::kInvalidArgument},
                        {"compression.type", "brotli", Errc::kInvalidArgument},
                        {"compression.type", "none", Errc::kInvalidArgument},
                        {"min.compaction.lag.ms", "-1", Errc::kInvalidArgument},
                        {"delete.retention.ms", "-1", Errc::kInvalidArgument},
                        {"remote.storage.enable", "true", Errc::kUnsupported}};
  for (const Case& c : cases) {
    const auto parsed = parse_topic_configs({{c.name, c.value}});
    ASSERT_FALSE(parsed) << c.name << "=" << c.value;
    EXPECT_EQ(parsed.error().code(), c.code) << c.name << "=" << c.value;
    EXPECT_THAT(parsed.error().message(), testing::HasSubstr(c.name));
  }
}

TEST(TopicName, letters_digits_and_three_signs) {
  for (const char* good : {"a", "A-b_c.9", "...", "events.v1"}) EXPECT_TRUE(check_topic_name(good));
  for (const std::string bad : {"", ".", "..", "a b", "a/b", "ü"})
    EXPECT_FALSE(check_topic_name(bad));
  EXPECT_TRUE(check_topic_name(std::string(249, 'x')));
  EXPECT_FALSE(check_topic_name(std::string(250, 'x')));
}

}  // namespace
}  // namespace freshet::broker
