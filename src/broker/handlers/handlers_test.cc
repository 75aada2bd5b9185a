#include "broker/handlers/handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/node_harness.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/create_topics.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_configs.h"
#include "kafka/messages/describe_groups.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/find_coordinator.h"
#include "kafka/messages/heartbeat.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/leave_group.h"
#include "kafka/messages/list_groups.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/sync_group.h"
#include "kafka/record_iterator.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::HasSubstr;

class Handlers : public NodeHarness {
 protected:
  static kafka::FetchRequest fetch_request(const std::string& topic, int64_t offset,
                                           int32_t min_bytes = 1, int32_t wait_ms = 0) {
    kafka::FetchRequest request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = min_bytes;
    request.max_bytes = 1 << 20;
    request.topics.emplace_back().topic = topic;
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    return request;
  }
  /// Values of all records in the answer, from the offset asked for on.
  static std::vector<std::string> values(const kafka::FetchResponse::Partition& partition) {
    std::vector<std::string> all;
    std::string scratch;
    for (const auto& slice : partition.records) {
      std::string_view bytes = slice.bytes;
      for (;;) {
        auto batch = kafka::next_batch(bytes);
        if (!batch || !*batch) break;
        auto records = kafka::RecordIterator::open(**batch, scratch);
        RecordView record;
        while (records->next(record)) all.emplace_back(record.value.value_or("null"));
      }
    }
    return all;
  }
};

TEST_F(Handlers, api_versions_lists_exactly_the_table_in_every_version) {
  for (int16_t version = 0; version <= 4; ++version) {
    kafka::ApiVersionsRequest request;
    request.client_software_name = "freshet-test";
    request.client_software_version = "1.0";
    const auto response = ask<kafka::ApiVersionsResponse>(request, version);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    EXPECT_EQ(response.api_keys.size(), kafka::kAdvertisedApis);
  }
}

TEST_F(Handlers, unknown_api_versions_version_is_answered_in_version_0) {
  // Its header is flexible, as that of every version from 3 on: an empty section of tagged fields.
  const std::string frame(
      "\x00\x12\x00\x63\x00\x00\x00\x07\x00\x01"
      "c\x00",
      12);
  const Answer answer = wait(send_bytes(frame));
  const std::string bytes = std::get<kafka::EncodedFrame>(answer).flatten();
  // size, correlation id 7, error 35, count of keys as int32
  EXPECT_EQ(load_be<int32_t>(bytes.data() + 4), 7);
  EXPECT_EQ(load_be<int16_t>(bytes.data() + 8), 35);
  EXPECT_EQ(load_be<int32_t>(bytes.data() + 10), static_cast<int32_t>(kafka::kAdvertisedApis));
}

TEST_F(Handlers, bad_software_name_is_an_invalid_request) {
  kafka::ApiVersionsRequest request;
  request.client_software_name = "bad name\n";
  request.client_software_version = "1";
  EXPECT_EQ(ask<kafka::ApiVersionsResponse>(request, 3).error_code, ErrorCode::kInvalidRequest);
}

TEST_F(Handlers, unknown_kinds_versions_and_bodies_end_the_connection) {
  struct Case {
    std::string frame;
    const char* reason;
  };
  const Case cases[] = {
      {std::string("\x03\xe7\x00\x01\x00\x00\x00\x01\xff\xff", 10), "request kind 999"},
      {std::string("\x00\x01\x00\x03\x00\x00\x00\x01\xff\xff", 10), "Fetch version 3"},
      {std::string("\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x7f\xff\xff\xff", 14), "Metadata"},
  };
  for (const Case& c : cases) {
    const Answer answer = wait(send_bytes(c.frame));
    const auto* end = std::get_if<CloseConnection>(&answer);
    ASSERT_NE(end, nullptr) << c.reason;
    EXPECT_THAT(end->reason, HasSubstr(c.reason));
  }
}

TEST_F(Handlers, metadata_describes_the_node_in_every_version) {
  create("events", 3);
  const TopicId id = node_->services().topics.find("events")->id;
  for (int16_t version = 0; version <= 12; ++version) {
    kafka::MetadataRequest request;
    request.topics.emplace();
    request.topics->emplace_back().name = "events";
    const auto response = ask<kafka::MetadataResponse>(request, version);
    ASSERT_EQ(response.brokers.size(), 1U);
    EXPECT_EQ(response.brokers[0].port, 9092);
    if (version >= 1) EXPECT_EQ(response.controller_id, response.brokers[0].node_id);
    if (version >= 2) EXPECT_EQ(response.cluster_id->size(), 22U);
    ASSERT_EQ(response.topics.size(), 1U);
    ASSERT_EQ(response.topics[0].partitions.size(), 3U) << version;
    EXPECT_EQ(response.topics[0].partitions[2].isr_nodes, std::vector{kNodeId});
    if (version >= 7) EXPECT_GE(response.topics[0].partitions[0].leader_epoch, 0);
    if (version >= 10) EXPECT_EQ(response.topics[0].topic_id, id);
  }
}

TEST_F(Handlers, metadata_creates_topics_unless_told_not_to) {
  kafka::MetadataRequest request;
  request.topics.emplace();
  request.topics->emplace_back().name = "fresh";
  request.allow_auto_topic_creation = false;
  EXPECT_EQ(ask<kafka::MetadataResponse>(request, 9).topics[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
  request.allow_auto_topic_creation = true;
  const auto made = ask<kafka::MetadataResponse>(request, 9).topics[0];
  EXPECT_EQ(made.error_code, ErrorCode::kNone);
  EXPECT_EQ(made.partitions.size(), 1U);
  request.topics->front().name = "bad name";
  EXPECT_EQ(ask<kafka::MetadataResponse>(request, 9).topics[0].error_code,
            ErrorCode::kInvalidTopicException);
}

TEST_F(Handlers, a_deleted_and_recreated_topic_has_a_new_id_and_no_offsets) {
  create("t");
  const TopicId before = node_->services().topics.find("t")->id;
  kafka::OffsetCommitRequest commit;
  commit.group_id = "g";
  commit.topics.emplace_back().name = "t";
  commit.topics[0].partitions.push_back({0, 17, -1, "note"});
  EXPECT_EQ(ask<kafka::OffsetCommitResponse>(commit, 8).topics[0].partitions[0].error_code,
            ErrorCode::kNone);
  kafka::DeleteTopicsRequest remove;
  remove.topic_names = {"t"};
  EXPECT_EQ(ask<kafka::DeleteTopicsResponse>(remove, 4).responses[0].error_code, ErrorCode::kNone);
  create("t");
  EXPECT_NE(node_->services().topics.find("t")->id, before);
  kafka::OffsetFetchRequest fetch;
  fetch.group_id = "g";
  EXPECT_TRUE(ask<kafka::OffsetFetchResponse>(fetch, 7).topics.empty());
}

TEST_F(Handlers, topics_and_their_configs_survive_a_restart) {
  create("kept", 2, {{"retention.ms", "1000"}});
  const TopicId id = node_->services().topics.find("kept")->id;
  const std::string cluster = node_->services().topics.cluster_id();
  reopen();
  const TopicPtr topic = node_->services().topics.find("kept");
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->id, id);
  EXPECT_EQ(topic->partitions.size(), 2U);
  EXPECT_EQ(topic->settings.partition.retention_ms, 1000);
  EXPECT_EQ(node_->services().topics.cluster_id(), cluster);
}

TEST_F(Handlers, create_topics_answers_each_topic_for_itself) {
  create("there");
  struct Case {
    std::string name;
    int32_t partitions;
    int16_t factor;
    std::string config;
    std::string value;
    ErrorCode error;
  };
  const Case cases[] = {
      {"good", 4, 3, "cleanup.policy", "compact", ErrorCode::kNone},
      {"defaults", -1, -1, "", "", ErrorCode::kNone},
      {"there", 1, 1, "", "", ErrorCode::kTopicAlreadyExists},
      {"no/slash", 1, 1, "", "", ErrorCode::kInvalidTopicException},
      {"none", 0, 1, "", "", ErrorCode::kInvalidPartitions},
      {"factor", 1, 0, "", "", ErrorCode::kInvalidReplicationFactor},
      {"unknown", 1, 1, "no.such.config", "1", ErrorCode::kInvalidConfig},
      {"value", 1, 1, "retention.ms", "soon", ErrorCode::kInvalidConfig},
      {"codec", 1, 1, "compression.type", "zstd", ErrorCode::kNone},
      {"no_codec", 1, 1, "compression.type", "bzip2", ErrorCode::kInvalidConfig},
      {"__consumer_offsets", 1, 1, "", "", ErrorCode::kTopicAlreadyExists},
  };
  kafka::CreateTopicsRequest request;
  for (const Case& c : cases) {
    auto& topic = request.topics.emplace_back();
    topic.name = c.name;
    topic.num_partitions = c.partitions;
    topic.replication_factor = c.factor;
    if (!c.config.empty()) topic.configs.push_back({c.config, c.value});
  }
  const auto response = ask<kafka::CreateTopicsResponse>(request, 7);
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(response.topics[i].error_code, cases[i].error) << cases[i].name;
  }
  EXPECT_EQ(response.topics[0].num_partitions, 4);
  EXPECT_EQ(node_->services().topics.find("good")->partitions.size(), 4U);
}

TEST_F(Handlers, produced_records_are_fetched_as_they_came) {
  create("t");
  const auto first = produce("t", batch({{now_ms(), "a"}, {now_ms(), "b"}}));
  EXPECT_EQ(first.error_code, ErrorCode::kNone);
  EXPECT_EQ(first.base_offset, 0);
  EXPECT_EQ(produce("t", batch({{now_ms(), "c"}})).base_offset, 2);
  for (int16_t version = 4; version <= 12; ++version) {
    const auto response = ask<kafka::FetchResponse>(fetch_request("t", 0), version);
    const auto& partition = response.responses.at(0).partitions.at(0);
    EXPECT_EQ(partition.high_watermark, 3) << version;
    EXPECT_EQ(partition.preferred_read_replica, -1);
    EXPECT_EQ(values(partition), (std::vector<std::string>{"a", "b", "c"})) << version;
  }
}

TEST_F(Handlers, fetch_by_topic_id_knows_recreated_topics) {
  create("t");
  produce("t", batch({{now_ms(), "a"}}));
  auto request = fetch_request("", 0);
  request.topics[0].topic_id = node_->services().topics.find("t")->id;
  EXPECT_EQ(ask<kafka::FetchResponse>(request, 13).responses[0].partitions[0].high_watermark, 1);
  request.topics[0].topic_id = TopicId::random();
  EXPECT_EQ(ask<kafka::FetchResponse>(request, 13).responses[0].partitions[0].error_code,
            ErrorCode::kUnknownTopicId);
}

TEST_F(Handlers, a_fetch_waits_for_data_and_ends_at_max_wait) {
  create("t");
  const Slot waiting = send(fetch_request("t", 0, 1, 10'000), 11);
  EXPECT_FALSE(loop_.run_until([&] { return waiting->has_value(); }, std::chrono::seconds(0)));
  const Slot produced = send(produce_request("t", batch({{now_ms(), "late"}})), 9);
  const auto response = read<kafka::FetchResponse>(waiting, 11);
  EXPECT_EQ(values(response.responses[0].partitions[0]), std::vector<std::string>{"late"});
  wait(produced);

  const Slot idle = send(fetch_request("t", 1, 1, 500), 11);
  EXPECT_FALSE(loop_.run_until([&] { return idle->has_value(); }, std::chrono::seconds(0)));
  loop_.pass(Millis(500));
  EXPECT_TRUE(values(read<kafka::FetchResponse>(idle, 11).responses[0].partitions[0]).empty());
}

TEST_F(Handlers, a_fetch_goes_on_waiting_below_min_bytes) {
  create("t");
  const Slot waiting = send(fetch_request("t", 0, 300, 10'000), 11);
  for (int i = 0; i < 10 && !waiting->has_value(); ++i) {
    produce("t", batch({{now_ms(), "0123456789"}}));
    loop_.run_until([&] { return waiting->has_value(); }, std::chrono::seconds(0));
  }
  const auto response = read<kafka::FetchResponse>(waiting, 11);
  EXPECT_GE(values(response.responses[0].partitions[0]).size(), 4U);
}

TEST_F(Handlers, deleting_the_topic_ends_a_waiting_fetch) {
  create("t");
  const Slot waiting = send(fetch_request("t", 0, 1, 600'000), 11);
  kafka::DeleteTopicsRequest remove;
  remove.topic_names = {"t"};
  ask<kafka::DeleteTopicsResponse>(remove, 4);
  EXPECT_EQ(read<kafka::FetchResponse>(waiting, 11).responses[0].partitions[0].error_code,
            ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(Handlers, an_oversized_first_batch_is_returned_whole) {
  create("t");
  produce("t", batch({{now_ms(), std::string(5000, 'x')}}));
  produce("t", batch({{now_ms(), "next"}}));
  auto request = fetch_request("t", 0);
  request.max_bytes = 100;
  request.topics[0].partitions[0].partition_max_bytes = 100;
  const auto response = ask<kafka::FetchResponse>(request, 11);
  EXPECT_EQ(values(response.responses[0].partitions[0]).at(0).size(), 5000U);
}

TEST_F(Handlers, a_batch_without_room_waits_to_be_the_first_of_an_answer) {
  create("one");
  create("two");
  produce("one", batch({{now_ms(), std::string(800, '1')}}));
  produce("two", batch({{now_ms(), std::string(800, '2')}}));
  auto request = fetch_request("one", 0);
  request.max_bytes = 1000;
  request.topics.push_back(fetch_request("two", 0).topics[0]);
  auto response = ask<kafka::FetchResponse>(request, 11);
  EXPECT_EQ(values(response.responses[0].partitions[0]).size(), 1U);
  EXPECT_TRUE(values(response.responses[1].partitions[0]).empty());
  EXPECT_EQ(response.responses[1].partitions[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(response.responses[1].partitions[0].high_watermark, 1);

  request.topics[0].partitions[0].fetch_offset = 1;
  response = ask<kafka::FetchResponse>(request, 11);
  EXPECT_EQ(values(response.responses[1].partitions[0]).size(), 1U);
}

TEST_F(Handlers, fetch_outside_the_log_is_out_of_range) {
  create("t");
  const auto response = ask<kafka::FetchResponse>(fetch_request("t", 5, 1, 60'000), 11);
  EXPECT_EQ(response.responses[0].partitions[0].error_code, ErrorCode::kOffsetOutOfRange);
}

TEST_F(Handlers, refused_batches) {
  create("t");
  create("compacted", 1, {{"cleanup.policy", "compact"}});
  create("small", 1, {{"max.message.bytes", "100"}});
  std::string corrupt = batch({{now_ms(), "a"}});
  corrupt.back() ^= 1;
  kafka::RecordBatchBuilder keyless;
  keyless.append(now_ms(), std::nullopt, "v");
  const std::string keyless_batch = keyless.build();
  const std::string good = batch({{now_ms(), "a"}});
  struct Case {
    const char* what;
    std::string topic;
    std::string bytes;
    ErrorCode error;
  };
  const Case cases[] = {
      {"crc", "t", corrupt, ErrorCode::kCorruptMessage},
      {"two batches", "t", good + good, ErrorCode::kInvalidRecord},
      {"no batch", "t", "", ErrorCode::kInvalidRecord},
      {"future", "t", batch({{now_ms() + 7'200'000, "a"}}), ErrorCode::kInvalidTimestamp},
      {"no key", "compacted", keyless_batch, ErrorCode::kInvalidRecord},
      {"too large", "small", batch({{now_ms(), std::string(200, 'x')}}),
       ErrorCode::kMessageTooLarge},
      {"no topic", "nowhere", good, ErrorCode::kUnknownTopicOrPartition},
      {"internal", "__consumer_offsets", good, ErrorCode::kInvalidTopicException},
  };
  for (const Case& c : cases) {
    const auto out = produce(c.topic, c.bytes);
    EXPECT_EQ(out.error_code, c.error) << c.what;
    EXPECT_EQ(out.base_offset, -1) << c.what;
  }
  EXPECT_EQ(produce("t", good, 2).error_code, ErrorCode::kUnsupportedForMessageFormat);
}

TEST_F(Handlers, a_refused_batch_names_the_records_that_are_to_blame) {
  create("t");
  create("compacted", 1, {{"cleanup.policy", "compact"}});
  const auto blamed = [&](const std::string& topic, const std::string& bytes) {
    std::vector<int32_t> indexes;
    const auto out = produce(topic, bytes, 8);
    EXPECT_EQ(out.log_start_offset, out.record_errors.empty() ? -1 : 0);
    for (const auto& error : out.record_errors) {
      EXPECT_FALSE(error.batch_index_error_message->empty());
      indexes.push_back(error.batch_index);
    }
    return indexes;
  };
  kafka::RecordBatchBuilder some_keyless;
  for (int i = 0; i < 5; ++i) {
    some_keyless.append(now_ms(), i % 2 == 0 ? std::optional<std::string_view>("k") : std::nullopt,
                        "v");
  }
  EXPECT_EQ(blamed("compacted", some_keyless.build()), (std::vector{1, 3}));
  const int64_t later = now_ms() + 7'200'000;
  EXPECT_EQ(blamed("t", batch({{now_ms(), "a"}, {now_ms(), "b"}, {later, "c"}})), std::vector{2});
  EXPECT_TRUE(blamed("nowhere", batch({{now_ms(), "a"}})).empty());
}

TEST_F(Handlers, acks_0_gets_no_frame_and_a_closed_connection_on_error) {
  create("t");
  const std::string good = batch({{now_ms(), "a"}});
  auto request = produce_request("t", good);
  request.acks = 0;
  EXPECT_TRUE(std::holds_alternative<NoAnswer>(wait(send(request, 7))));
  request.topic_data[0].name = "nowhere";
  EXPECT_TRUE(std::holds_alternative<CloseConnection>(wait(send(request, 7))));
  auto odd = produce_request("t", good);
  odd.acks = 2;
  EXPECT_EQ(ask<kafka::ProduceResponse>(odd, 7).responses[0].partition_responses[0].error_code,
            ErrorCode::kInvalidRequiredAcks);
}

TEST_F(Handlers, log_append_time_stamps_the_batch) {
  create("t", 1, {{"message.timestamp.type", "LogAppendTime"}});
  const auto out = produce("t", batch({{5, "old"}}));
  EXPECT_EQ(out.log_append_time_ms, now_ms());
  const auto response = ask<kafka::FetchResponse>(fetch_request("t", 0), 11);
  std::string_view bytes = response.responses[0].partitions[0].records.empty()
                               ? std::string_view()
                               : response.responses[0].partitions[0].records[0].bytes;
  const auto stored = kafka::next_batch(bytes);
  ASSERT_TRUE(stored && *stored);
  EXPECT_TRUE((*stored)->crc_matches());
  EXPECT_EQ((*stored)->max_timestamp_ms(), now_ms());
}

TEST_F(Handlers, idempotent_producers_are_deduplicated) {
  create("t");
  kafka::InitProducerIdRequest init;
  const auto id = ask<kafka::InitProducerIdResponse>(init, 4);
  ASSERT_GE(id.producer_id, 0);
  const auto make = [&](int32_t sequence) {
    kafka::RecordBatchBuilder builder(
        {.producer_id = id.producer_id, .producer_epoch = 0, .base_sequence = sequence});
    builder.append(now_ms(), "k", "v");
    return builder.build();
  };
  EXPECT_EQ(produce("t", make(0)).base_offset, 0);
  EXPECT_EQ(produce("t", make(1)).base_offset, 1);
  EXPECT_EQ(produce("t", make(0)).base_offset, 0) << "a repeat has the offset of the original";
  EXPECT_EQ(produce("t", make(5)).error_code, ErrorCode::kOutOfOrderSequenceNumber);
  EXPECT_EQ(produce("t", make(2)).base_offset, 2);
}

TEST_F(Handlers, producer_ids_are_never_given_twice) {
  kafka::InitProducerIdRequest init;
  const int64_t first = ask<kafka::InitProducerIdResponse>(init, 0).producer_id;
  EXPECT_EQ(ask<kafka::InitProducerIdResponse>(init, 5).producer_id, first + 1);
  reopen();
  EXPECT_GT(ask<kafka::InitProducerIdResponse>(init, 5).producer_id, first + 1);
}

TEST_F(Handlers, list_offsets_finds_ends_and_times) {
  create("t");
  const int64_t t0 = now_ms() - 10'000;
  produce("t", batch({{t0, "a"}, {t0 + 100, "b"}, {t0 + 200, "c"}}));
  produce("t", batch({{t0 + 150, "d"}}));
  struct Case {
    int64_t asked;
    int64_t offset;
    int64_t timestamp;
  };
  const Case cases[] = {{-1, 4, -1},
                        {-2, 0, -1},
                        {-3, 2, t0 + 200},
                        {t0, 0, t0},
                        {t0 + 50, 1, t0 + 100},
                        {t0 + 101, 2, t0 + 200},
                        {t0 + 201, -1, -1}};
  for (const Case& c : cases) {
    kafka::ListOffsetsRequest request;
    request.topics.emplace_back().name = "t";
    request.topics[0].partitions.push_back({0, -1, c.asked});
    for (const int16_t version : {int16_t{7}, int16_t{9}}) {
      const auto out = ask<kafka::ListOffsetsResponse>(request, version).topics[0].partitions[0];
      EXPECT_EQ(out.error_code, ErrorCode::kNone) << c.asked;
      EXPECT_EQ(out.offset, c.offset) << c.asked;
      EXPECT_EQ(out.timestamp, c.timestamp) << c.asked;
    }
  }
}

TEST_F(Handlers, find_coordinator_names_this_node_in_every_version) {
  for (int16_t version = 0; version <= 5; ++version) {
    kafka::FindCoordinatorRequest request;
    request.key = "g";
    request.coordinator_keys = {"g", "h"};
    const auto response = ask<kafka::FindCoordinatorResponse>(request, version);
    if (version < 4) {
      EXPECT_EQ(response.node_id, kNodeId);
    } else {
      ASSERT_EQ(response.coordinators.size(), 2U);
      EXPECT_EQ(response.coordinators[1].key, "h");
      EXPECT_EQ(response.coordinators[1].port, 9092);
    }
  }
}

TEST_F(Handlers, a_group_of_one_joins_syncs_commits_and_leaves) {
  create("t", 2);
  kafka::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 60'000;
  join.protocol_type = "consumer";
  join.protocols.push_back({"range", "meta"});
  auto joined = ask<kafka::JoinGroupResponse>(join, 5);
  ASSERT_EQ(joined.error_code, ErrorCode::kMemberIdRequired);
  join.member_id = joined.member_id;
  joined = ask<kafka::JoinGroupResponse>(join, 5);
  ASSERT_EQ(joined.error_code, ErrorCode::kNone);
  EXPECT_EQ(joined.leader, joined.member_id);

  kafka::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.generation_id = joined.generation_id;
  sync.member_id = joined.member_id;
  sync.assignments.push_back({joined.member_id, "work"});
  EXPECT_EQ(ask<kafka::SyncGroupResponse>(sync, 5).assignment, "work");

  kafka::OffsetCommitRequest commit;
  commit.group_id = "g";
  commit.member_id = joined.member_id;
  commit.generation_id_or_member_epoch = joined.generation_id;
  commit.topics.emplace_back().name = "t";
  commit.topics[0].partitions = {{0, 5, -1, "five"}, {1, 6, -1, std::string(5000, 'm')}};
  auto committed = ask<kafka::OffsetCommitResponse>(commit, 9).topics[0].partitions;
  EXPECT_EQ(committed[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(committed[1].error_code, ErrorCode::kOffsetMetadataTooLarge);
  commit.generation_id_or_member_epoch = joined.generation_id + 1;
  EXPECT_EQ(ask<kafka::OffsetCommitResponse>(commit, 9).topics[0].partitions[0].error_code,
            ErrorCode::kIllegalGeneration);

  kafka::DescribeGroupsRequest describe;
  describe.groups = {"g", "nobody"};
  const auto described = ask<kafka::DescribeGroupsResponse>(describe, 5);
  EXPECT_EQ(described.groups[0].group_state, "Stable");
  EXPECT_EQ(described.groups[0].members.at(0).member_assignment, "work");
  EXPECT_EQ(described.groups[1].group_state, "Dead");

  kafka::HeartbeatRequest heartbeat;
  heartbeat.group_id = "g";
  heartbeat.member_id = joined.member_id;
  heartbeat.generation_id = joined.generation_id;
  EXPECT_EQ(ask<kafka::HeartbeatResponse>(heartbeat, 4).error_code, ErrorCode::kNone);
  kafka::LeaveGroupRequest leave;
  leave.group_id = "g";
  leave.members.push_back({joined.member_id, std::nullopt, std::nullopt});
  EXPECT_EQ(ask<kafka::LeaveGroupResponse>(leave, 5).members.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(ask<kafka::HeartbeatResponse>(heartbeat, 4).error_code, ErrorCode::kUnknownMemberId);
}

TEST_F(Handlers, offsets_and_generations_survive_a_crash_and_fence_zombies) {
  create("t");
  std::optional<JoinResult> joined;
  std::optional<SyncResult> synced;
  const auto form = [&] {
    joined.reset();
    synced.reset();
    JoinRequest join;
    join.new_member_id = TopicId::random().to_string();
    join.protocol_type = "consumer";
    join.protocols = {{"range", ""}};
    join.in_process = true;
    GroupCoordinator& groups = node_->services().groups;
    groups.join("g", join, [&](JoinResult result) { joined = std::move(result); });
    SyncRequest sync;
    sync.who = {joined->member_id, std::nullopt, joined->generation};
    groups.sync("g", sync, [&](SyncResult result) {
      loop_.post([&, result = std::move(result)] { synced = result; });
    });
    ASSERT_TRUE(loop_.run_until([&] { return synced.has_value(); }));
  };
  form();
  const JoinResult zombie = *joined;
  kafka::OffsetCommitRequest commit;
  commit.group_id = "g";
  commit.member_id = zombie.member_id;
  commit.generation_id_or_member_epoch = zombie.generation;
  commit.topics.emplace_back().name = "t";
  commit.topics[0].partitions = {{0, 42, 3, "note"}};
  EXPECT_EQ(ask<kafka::OffsetCommitResponse>(commit, 8).topics[0].partitions[0].error_code,
            ErrorCode::kNone);

  reopen();
  kafka::OffsetFetchRequest fetch;
  fetch.group_id = "g";
  fetch.groups.emplace_back().group_id = "g";
  const auto single = ask<kafka::OffsetFetchResponse>(fetch, 7).topics.at(0).partitions.at(0);
  EXPECT_EQ(single.committed_offset, 42);
  EXPECT_EQ(single.committed_leader_epoch, 3);
  EXPECT_EQ(single.metadata, "note");
  EXPECT_EQ(ask<kafka::OffsetFetchResponse>(fetch, 9).groups.at(0).topics.at(0).partitions.size(),
            1U);

  EXPECT_EQ(ask<kafka::OffsetCommitResponse>(commit, 8).topics[0].partitions[0].error_code,
            ErrorCode::kUnknownMemberId);
  form();
  EXPECT_GT(joined->generation, zombie.generation);
}

TEST_F(Handlers, offset_fetch_of_something_unknown_is_minus_one_without_error) {
  kafka::OffsetFetchRequest fetch;
  fetch.group_id = "nobody";
  fetch.topics.emplace();
  fetch.topics->push_back({"t", {0, 7}});
  const auto topics = ask<kafka::OffsetFetchResponse>(fetch, 1).topics;
  ASSERT_EQ(topics.at(0).partitions.size(), 2U);
  EXPECT_EQ(topics[0].partitions[1].committed_offset, -1);
  EXPECT_EQ(topics[0].partitions[1].error_code, ErrorCode::kNone);
}

TEST_F(Handlers, describe_configs_of_topics_and_of_the_broker) {
  create("t", 1, {{"retention.ms", "77"}});
  kafka::DescribeConfigsRequest request;
  request.resources.push_back({2, "t", std::vector<std::string>{"retention.ms", "segment.bytes"}});
  request.resources.push_back({4, "1", std::vector<std::string>{"delete.topic.enable"}});
  request.resources.push_back({2, "missing", std::nullopt});
  const auto results = ask<kafka::DescribeConfigsResponse>(request, 4).results;
  ASSERT_EQ(results[0].configs.size(), 2U);
  EXPECT_EQ(results[0].configs[0].value, "77");
  EXPECT_EQ(results[0].configs[0].config_source, 1);
  EXPECT_EQ(results[0].configs[1].config_source, 5);
  EXPECT_EQ(results[1].configs.at(0).value, "true");
  EXPECT_EQ(results[2].error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(Handlers, list_groups_filters_by_state) {
  node_->services().groups.commit("idle", {}, {{{"t", 0}, Offset(1), -1, ""}}, [](const auto&) {});
  kafka::OffsetFetchRequest fetch;  // waits until the commit is there
  fetch.group_id = "idle";
  ask<kafka::OffsetFetchResponse>(fetch, 7);
  kafka::ListGroupsRequest request;
  EXPECT_EQ(ask<kafka::ListGroupsResponse>(request, 4).groups.size(), 1U);
  request.states_filter = {"stable"};
  EXPECT_TRUE(ask<kafka::ListGroupsResponse>(request, 4).groups.empty());
  request.states_filter = {"empty"};
  EXPECT_EQ(ask<kafka::ListGroupsResponse>(request, 5).groups.at(0).group_type, "classic");
}

}  // namespace
}  // namespace freshet::broker
