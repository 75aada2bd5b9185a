#include "kafka/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/messages/all.h"

namespace freshet::kafka {
namespace {

using testing::HasSubstr;

std::string_view without_size(const std::string& frame) {
  EXPECT_EQ(load_be<int32_t>(frame.data()), static_cast<int32_t>(frame.size() - 4));
  return std::string_view(frame).substr(4);
}

template <Message M>
std::string encode_body(const M& message, int16_t version) {
  wire::Writer writer;
  encode_message(message, version, writer);
  return std::move(writer).finish().flatten();
}

TEST(RequestHeader, round_trips_for_every_api_and_version) {
  for (const auto& api : kApis) {
    for (int16_t version = api.version_min; version <= api.version_max; ++version) {
      SCOPED_TRACE(fmt::format("{} {}", api.name, version));
      wire::Writer writer;
      writer.fixed(static_cast<int16_t>(api.key));
      writer.fixed(version);
      writer.fixed<int32_t>(-77);
      writer.fixed<int16_t>(3);  // client_id stays a classic string in header version 2
      writer.raw("cli");
      if (api.is_flexible(version)) writer.raw(std::string_view("\x01\x09\x02xy", 5));
      writer.raw("body");
      const std::string frame = std::move(writer).finish().flatten();
      std::string_view rest = frame;
      const auto header = decode_request_header(rest);
      ASSERT_TRUE(header) << header.error().message();
      EXPECT_EQ(*header, (RequestHeader{static_cast<int16_t>(api.key), version, -77, "cli"}));
      EXPECT_EQ(rest, "body");
    }
  }
}

TEST(RequestHeader, of_an_unknown_api_is_still_read) {
  std::string_view frame("\x03\xe7\x00\x09\x00\x00\x00\x05\xff\xff", 10);
  const auto header = decode_request_header(frame);
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, (RequestHeader{999, 9, 5, std::nullopt}));
  EXPECT_EQ(find_api(header->api_key), nullptr);
}

TEST(RequestHeader, garbage_is_refused) {
  for (std::string_view frame :
       {std::string_view("GET / HTTP/1.1\r\n"), std::string_view("\0", 1), std::string_view()}) {
    EXPECT_FALSE(decode_request_header(frame)) << frame;
  }
}

TEST(ResponseHeader, of_api_versions_never_has_tagged_fields) {
  for (const int16_t version : {0, 2, 3, 4}) {
    const std::string frame = encode_response(5, version, ApiVersionsResponse{}).flatten();
    auto body = without_size(frame);
    EXPECT_EQ(decode_response_header(body, ApiKey::kApiVersions, version).value(), 5);
    EXPECT_EQ(body, encode_body(ApiVersionsResponse{}, version));
    EXPECT_EQ(frame.size(), 8 + body.size());
  }
  const std::string flexible = encode_response(5, 4, HeartbeatResponse{}).flatten();
  EXPECT_EQ(flexible.size(), 9 + encode_body(HeartbeatResponse{}, 4).size());
}

TEST(EncodeRequest, is_read_by_the_decoder) {
  const HeartbeatRequest request{"group", 4, "member", "instance"};
  for (const int16_t version : {3, 4}) {
    const std::string frame =
        encode_request({.api_version = version, .correlation_id = 8, .client_id = "c"}, request)
            .flatten();
    auto body = without_size(frame);
    const auto header = decode_request_header(body);
    ASSERT_TRUE(header);
    EXPECT_EQ(*header, (RequestHeader{12, version, 8, "c"}));
    EXPECT_EQ(decode_message<HeartbeatRequest>(body, version).value(), request);
  }
}

TEST(DecodeMessage, unknown_tagged_fields_and_trailing_bytes_are_ignored) {
  const HeartbeatRequest request{"group", 4, "member", std::nullopt};
  std::string body = encode_body(request, 4);
  ASSERT_EQ(body.back(), '\0');  // no tagged fields
  body.pop_back();
  body += std::string_view(
      "\x02\x05\x03"
      "abc"
      "\x80\x01\x00"
      "trailing",
      17);
  EXPECT_EQ(decode_message<HeartbeatRequest>(body, 4).value(), request);
}

TEST(DecodeMessage, a_tagged_field_of_the_wrong_size_is_refused) {
  FetchRequest request;
  request.cluster_id = "abc";
  std::string body = encode_body(request, 12);
  const size_t at = body.find(
      "\x04"
      "abc");
  ASSERT_NE(at, std::string::npos);
  ++body[at - 1];
  body += "x";
  const auto decoded = decode_message<FetchRequest>(body, 12);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message(), HasSubstr("cluster_id"));
}

TEST(DecodeMessage, errors_name_the_field_and_the_byte) {
  ProduceRequest request;
  request.topic_data.resize(2);
  request.topic_data[1].partition_data.resize(1);
  request.topic_data[1].partition_data[0].records = "records";
  const std::string body = encode_body(request, 9);
  const auto decoded = decode_message<ProduceRequest>(body.substr(0, body.size() - 5), 9);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().message(),
            "ProduceRequest version 9: topic_data[1].partition_data[0].records: "
            "byte 18: length 7 exceeds the 5 bytes left");
}

TEST(DecodeMessage, a_count_the_frame_cannot_hold_allocates_nothing) {
  // Metadata version 1: an array of 0x7fffffff topics in a frame of four bytes.
  const auto decoded = decode_message<MetadataRequest>(std::string_view("\x7f\xff\xff\xff", 4), 1);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), Errc::kCorrupt);
}

TEST(DecodeMessage, memory_is_bounded_however_small_the_elements_are) {
  // One byte per topic on the wire would take more than a hundred times that in memory.
  wire::Writer writer;
  constexpr size_t kCount = 20 << 20;
  writer.compact_length(kCount);
  writer.raw(std::string(kCount * 2, '\x01'));
  const std::string body = std::move(writer).finish().flatten();
  const auto decoded = decode_message<DescribeGroupsRequest>(body, 5);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), Errc::kTooLarge) << decoded.error().message();
}

TEST(DecodeMessage, a_name_that_older_versions_could_not_answer_is_refused) {
  wire::Writer writer;
  writer.unsigned_varint(40'001);
  writer.raw(std::string(40'000, 'g'));
  const std::string body = std::move(writer).finish().flatten();
  const auto heartbeat = decode_message<HeartbeatRequest>(body, 4);
  ASSERT_FALSE(heartbeat);
  EXPECT_THAT(heartbeat.error().message(), HasSubstr("32,767"));
}

TEST(EncodeMessage, a_long_sentence_is_cut_where_its_length_has_two_bytes) {
  DescribeConfigsResponse response;
  response.results.emplace_back().error_message = std::string(40'000, 'x');
  const auto read = decode_message<DescribeConfigsResponse>(encode_body(response, 1), 1);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->results.at(0).error_message->size(), 32'767U);
}

TEST(DecodeMessage, null_is_refused_where_a_version_does_not_allow_it) {
  const auto decoded = decode_message<MetadataRequest>(std::string_view("\xff\xff\xff\xff", 4), 0);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message(), HasSubstr("null"));
  EXPECT_FALSE(decode_message<MetadataRequest>(std::string_view("\xff\xff\xff\xff", 4), 1)
                   .value()
                   .topics.has_value());
}

TEST(DecodeMessage, versions_outside_the_table_are_unsupported) {
  for (const int16_t version : {-1, 3, 18}) {
    const auto decoded = decode_message<FetchRequest>("", version);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code(), Errc::kUnsupported);
  }
}

TEST(DecodeMessage, produced_records_are_borrowed_from_the_frame) {
  ProduceRequest request;
  request.topic_data.resize(1);
  request.topic_data[0].partition_data.resize(1);
  request.topic_data[0].partition_data[0].records = "batch bytes";
  const std::string body = encode_body(request, 7);
  const auto decoded = decode_message<ProduceRequest>(body, 7).value();
  const auto records = *decoded.topic_data[0].partition_data[0].records;
  EXPECT_EQ(records, "batch bytes");
  EXPECT_GE(records.data(), body.data());
  EXPECT_LE(records.data() + records.size(), body.data() + body.size());
}

TEST(EncodedFrame, fetched_records_are_sent_from_where_they_lie) {
  const auto log = std::make_shared<const std::string>("first batch|second batch");
  FetchResponse response;
  response.responses.resize(1);
  response.responses[0].topic = "t";
  response.responses[0].partitions.resize(2);
  response.responses[0].partitions[0].records = {{log, std::string_view(*log).substr(0, 12)},
                                                 {log, std::string_view(*log).substr(12)}};

  for (const int16_t version : {4, 11, 12}) {
    const EncodedFrame frame = encode_response(1, version, response);
    const auto pieces = frame.pieces();
    ASSERT_EQ(pieces.size(), 4u);
    EXPECT_EQ(pieces[1].data(), log->data());
    EXPECT_EQ(pieces[2].data(), log->data() + 12);
    const std::string flat = frame.flatten();
    EXPECT_EQ(flat.size(), frame.size());
    auto body = without_size(flat);
    ASSERT_TRUE(decode_response_header(body, ApiKey::kFetch, version));
    const auto decoded = decode_message<FetchResponse>(body, version).value();
    const auto& partitions = decoded.responses[0].partitions;
    ASSERT_EQ(partitions[0].records.size(), 1u);
    EXPECT_EQ(partitions[0].records[0].bytes, *log);
    EXPECT_TRUE(partitions[1].records.empty());
  }
  EXPECT_EQ(log.use_count(), 3) << "response and test hold it, no frame does any more";
}

TEST(ErrorCode, has_name_text_and_meaning) {
  EXPECT_EQ(fmt::format("{}", ErrorCode::kNotCoordinator), "NOT_COORDINATOR (16)");
  EXPECT_EQ(fmt::format("{}", static_cast<ErrorCode>(4711)), "UNKNOWN (4711)");
  EXPECT_TRUE(is_retriable(ErrorCode::kNotCoordinator));
  EXPECT_FALSE(is_retriable(ErrorCode::kIllegalGeneration));
  EXPECT_EQ(to_error(ErrorCode::kIllegalGeneration).code(), Errc::kFenced);
  EXPECT_EQ(to_error_code(to_error(ErrorCode::kTopicAlreadyExists)),
            ErrorCode::kTopicAlreadyExists);
}

}  // namespace
}  // namespace freshet::kafka
