#include "kafka/consumer_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/sticky_assignor.h"

namespace freshet::kafka {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// Written by ConsumerProtocol.serializeSubscription and -Assignment of kafka-clients 4.1.1.
constexpr std::string_view kTopicsAndUserData = "000000020005616c706861000462657461000000027564";
constexpr std::string_view kOwned =
    "000000020005616c7068610000000200000000000000020004626574610000000100000001";
constexpr std::string_view kGeneration = "00000007";
constexpr std::string_view kRack = "00067261636b2d31";

Subscription full_subscription() {
  return {.topics = {"alpha", "beta"},
          .user_data = "ud",
          .owned_partitions = {{"alpha", {0, 2}}, {"beta", {1}}},
          .generation_id = 7,
          .rack_id = "rack-1"};
}

TEST(Subscription, has_the_bytes_of_the_java_client_in_every_version) {
  const std::string body[] = {
      fmt::format("0000{}", kTopicsAndUserData),
      fmt::format("0001{}{}", kTopicsAndUserData, kOwned),
      fmt::format("0002{}{}{}", kTopicsAndUserData, kOwned, kGeneration),
      fmt::format("0003{}{}{}{}", kTopicsAndUserData, kOwned, kGeneration, kRack),
  };
  for (int16_t version = 0; version <= 3; ++version) {
    auto expected = full_subscription();
    if (version < 1) expected.owned_partitions.clear();
    if (version < 2) expected.generation_id = -1;
    if (version < 3) expected.rack_id.reset();
    const std::string bytes = from_hex(body[version]);
    EXPECT_EQ(encode_subscription(full_subscription(), version), bytes);
    const auto decoded = decode_subscription(bytes);
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(*decoded, expected);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_subscription(bytes.substr(0, size))) << version << " cut to " << size;
    }
  }
}

TEST(Subscription, later_versions_and_null_user_data_are_read) {
  std::string bytes = from_hex("0003000000010005616c706861ffffffff00000000ffffffffffff");
  EXPECT_EQ(decode_subscription(bytes).value(), Subscription{.topics = {"alpha"}});
  bytes[1] = 9;
  EXPECT_EQ(decode_subscription(bytes + "more").value(), Subscription{.topics = {"alpha"}});
}

TEST(Assignment, has_the_bytes_of_the_java_client) {
  const Assignment assignment{{{"alpha", {0, 2}}, {"beta", {1}}}, "ud"};
  for (const int16_t version : {0, 3}) {
    const auto bytes = from_hex(fmt::format("{:04}{}000000027564", version, kOwned));
    EXPECT_EQ(encode_assignment(assignment, version), bytes);
    EXPECT_EQ(decode_assignment(bytes).value(), assignment);
  }
  EXPECT_EQ(decode_assignment("").value(), Assignment());
}

std::vector<GroupMember> three_members() {
  return {{"m-b", {}, {"t1", "t2"}}, {"m-a", {}, {"t1", "t2", "t3"}}, {"m-c", {}, {"t1", "t3"}}};
}
const PartitionCounts counts = {{"t1", 7}, {"t2", 3}, {"t3", 1}, {"unwanted", 5}};

std::vector<TopicPartition> parts(std::initializer_list<TopicPartition> list) { return list; }

// Expected values: RangeAssignor and RoundRobinAssignor of kafka-clients 4.1.1 on the same input.
TEST(Assignors, range_agrees_with_apache_kafka) {
  EXPECT_EQ(assign_range(three_members(), counts),
            (GroupAssignment{
                {"m-a", parts({{"t1", 0}, {"t1", 1}, {"t1", 2}, {"t2", 0}, {"t2", 1}, {"t3", 0}})},
                {"m-b", parts({{"t1", 3}, {"t1", 4}, {"t2", 2}})},
                {"m-c", parts({{"t1", 5}, {"t1", 6}})}}));
}

TEST(Assignors, round_robin_agrees_with_apache_kafka) {
  EXPECT_EQ(assign_round_robin(three_members(), counts),
            (GroupAssignment{{"m-a", parts({{"t1", 0}, {"t1", 3}, {"t1", 6}, {"t2", 1}})},
                             {"m-b", parts({{"t1", 1}, {"t1", 4}, {"t2", 0}, {"t2", 2}})},
                             {"m-c", parts({{"t1", 2}, {"t1", 5}, {"t3", 0}})}}));
}

TEST(Assignors, static_members_come_first_by_instance_id) {
  const GroupMember members[] = {
      {"a", {}, {"t"}}, {"z", "instance-1", {"t"}}, {"y", "instance-2", {"t"}}};
  EXPECT_EQ(assign_range(members, {{"t", 2}}),
            (GroupAssignment{{"a", {}}, {"z", parts({{"t", 0}})}, {"y", parts({{"t", 1}})}}));
}

TEST(Assignors, are_found_by_their_protocol_name) {
  EXPECT_EQ(find_assignor("range"), &assign_range);
  EXPECT_EQ(find_assignor("roundrobin"), &assign_round_robin);
  EXPECT_EQ(find_assignor("cooperative-sticky"), &assign_cooperative_sticky);
  EXPECT_EQ(find_assignor("sticky"), nullptr);
}

TEST(TopicPartitions, convert_both_ways) {
  const auto list = parts({{"a", 2}, {"b", 0}, {"a", 1}});
  const std::vector<TopicPartitions> grouped = {{"a", {2, 1}}, {"b", {0}}};
  EXPECT_EQ(by_topic(list), grouped);
  EXPECT_EQ(one_by_one(grouped), parts({{"a", 2}, {"a", 1}, {"b", 0}}));
}

}  // namespace
}  // namespace freshet::kafka
