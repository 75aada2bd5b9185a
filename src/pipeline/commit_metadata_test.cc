#include "pipeline/commit_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace freshet::pipeline {
namespace {

CommitMetadata sample() {
  CommitMetadata metadata;
  metadata.pipeline_hash = 0x00c0ffee12345678;
  for (uint8_t i = 0; i < 16; ++i) metadata.topic_id.bytes[i] = i;
  metadata.start = Offset(0);
  metadata.intent_time = WallMillis(Millis(1'700'000'000'123));
  metadata.pending = {{Offset(250), Offset(499)}, {Offset(500), Offset(500)}};
  return metadata;
}

std::string with_crc(const std::string& body) {
  return body + fmt::format("|{:08x}", crc32c(body));
}

TEST(CommitMetadata, has_the_documented_text) {
  EXPECT_EQ(encode_commit_metadata(sample()).value(),
            with_crc("freshet/1|00c0ffee12345678|AAECAwQFBgcICQoLDA0ODw|0|1700000000123|"
                     "250-499,500-500"));
}

TEST(CommitMetadata, round_trips) {
  auto none = sample();
  none.pending.clear();
  auto far = sample();
  far.start = Offset(INT64_MAX - 2);
  far.pending = {{Offset(INT64_MAX - 2), Offset(INT64_MAX - 1)}};
  for (const auto& metadata : {sample(), none, far}) {
    const auto parsed = parse_commit_metadata(encode_commit_metadata(metadata).value());
    ASSERT_TRUE(std::holds_alternative<CommitMetadata>(parsed)) << describe(parsed);
    EXPECT_EQ(std::get<CommitMetadata>(parsed), metadata);
  }
}

TEST(CommitMetadata, tells_every_kind_of_text_apart) {
  const std::string head = "freshet/1|00c0ffee12345678|AAECAwQFBgcICQoLDA0ODw|0|1700000000123|";
  const struct {
    std::string text;
    std::string kind;
  } cases[] = {
      {"", "absent"},
      {"set by an operator", "foreign"},
      {"freshet", "foreign"},
      {"freshet/2|anything", "of version 2"},
      {"freshet/17", "of version 17"},
      {"freshet/1", "corrupt (it ends after its version)"},
      {"freshet/x|", "corrupt (its version is not a number)"},
      {head + "1-2|00000000", "corrupt (its checksum does not match)"},
      {head + "1-2|0", "corrupt (it does not end in a checksum of 8 hexadecimal digits)"},
      {with_crc(head + "1-2|3"), "corrupt (it does not have 7 fields)"},
      {with_crc(head + "2-1"), "corrupt (the pending ranges are malformed)"},
      {with_crc(head + "1-2,2-3"), "corrupt (the pending ranges are malformed)"},
      {with_crc(head + "1-2,"), "corrupt (the pending ranges are malformed)"},
      {with_crc(head + "1-9223372036854775807"), "corrupt (the pending ranges are malformed)"},
      {with_crc(head + "01-2"), "corrupt (the pending ranges are malformed)"},
      {with_crc("freshet/1|00C0ffee12345678|AAECAwQFBgcICQoLDA0ODw|0|1|"),
       "corrupt (the pipeline hash is not 16 hexadecimal digits)"},
      {with_crc("freshet/1|00c0ffee12345678|short|0|1|"), "corrupt (the topic id is malformed)"},
      {with_crc("freshet/1|00c0ffee12345678|AAECAwQFBgcICQoLDA0ODw|-1|1|"),
       "corrupt (the start offset is malformed)"},
      {head + std::string(5000, '1'), "corrupt (it is longer than 4096 bytes)"},
  };
  for (const auto& c : cases) EXPECT_EQ(describe(parse_commit_metadata(c.text)), c.kind) << c.text;
}

TEST(CommitMetadata, every_damaged_byte_is_noticed) {
  const auto text = encode_commit_metadata(sample()).value();
  for (size_t i = std::string_view("freshet/1|").size(); i < text.size(); ++i) {
    auto damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_TRUE(std::holds_alternative<CorruptMetadata>(parse_commit_metadata(damaged))) << i;
  }
}

TEST(CommitMetadata, refuses_to_grow_over_the_broker_limit) {
  auto metadata = sample();
  metadata.pending.clear();
  for (int64_t i = 0; i < 2000; ++i) metadata.pending.push_back({Offset(i * 2), Offset(i * 2)});
  const auto refused = encode_commit_metadata(metadata);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kTooLarge);
}

}  // namespace
}  // namespace freshet::pipeline
