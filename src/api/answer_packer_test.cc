#include "api/answer_packer.h"

#include <gtest/gtest.h>

#include <string>

#include "kafka/compression.h"

namespace freshet::api {
namespace {

TEST(AnswerPacker, what_is_packed_in_pieces_is_one_stream) {
  std::string large;
  for (int i = 0; large.size() < 300'000; ++i) large += std::to_string(i * 7919 % 10007);
  for (const std::string coding : {"gzip", "zstd", "lz4"}) {
    const auto packer = make_answer_packer(coding);
    ASSERT_NE(packer, nullptr) << coding;
    EXPECT_EQ(packer->coding(), coding);
    std::string packed;
    packer->add("first,", packed);
    const size_t after_first = packed.size();
    EXPECT_GT(after_first, 6U) << "a piece can be read at once";
    packer->add(large, packed);
    packer->add("", packed);
    packer->finish(packed);
    std::string plain;
    const auto done = kafka::decompress(*kafka::codec_from_name(coding), packed, 1'000'000, plain);
    ASSERT_TRUE(done) << coding << ": " << done.error().message();
    EXPECT_EQ(plain, "first," + large) << coding;
  }
}

TEST(AnswerPacker, nothing_at_all_is_a_stream_too) {
  for (const std::string coding : {"gzip", "zstd", "lz4"}) {
    std::string packed;
    make_answer_packer(coding)->finish(packed);
    std::string plain = "x";
    ASSERT_TRUE(kafka::decompress(*kafka::codec_from_name(coding), packed, 10, plain)) << coding;
    EXPECT_EQ(plain, "");
  }
}

TEST(AnswerPacker, takes_the_first_coding_that_it_knows) {
  const auto coding = [](std::string_view accept) {
    const auto packer = make_answer_packer(accept);
    return packer == nullptr ? std::string() : std::string(packer->coding());
  };
  EXPECT_EQ(coding("br, lz4, zstd"), "lz4");
  EXPECT_EQ(coding("gzip;q=0, zstd;q=0.5"), "zstd");
  EXPECT_EQ(coding(" x-gzip "), "gzip");
  EXPECT_EQ(coding("br, deflate"), "");
  EXPECT_EQ(coding(""), "");
  EXPECT_EQ(coding(",,;"), "");
}

}  // namespace
}  // namespace freshet::api
