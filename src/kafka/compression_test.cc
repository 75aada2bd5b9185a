#include "kafka/compression.h"

#include <gtest/gtest.h>

#include <random>

#include "base/endian.h"

namespace freshet::kafka {
namespace {

constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

std::string sample(size_t size) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < size) {
    text += "word" + std::to_string(random() % 100);
    text += static_cast<char>(random());
  }
  text.resize(size);
  return text;
}

class CompressionTest : public testing::TestWithParam<Codec> {};

TEST_P(CompressionTest, round_trips_all_sizes) {
  std::string plain;  // one buffer for all, as readers do it
  for (const size_t size : {0, 1, 100, 65536, 65537, 1 << 20}) {
    const std::string input = sample(size);
    std::string packed = "kept";
    compress(GetParam(), input, packed);
    ASSERT_TRUE(packed.starts_with("kept"));
    const auto result = decompress(GetParam(), packed.substr(4), size, plain);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(plain, input);
  }
}

TEST_P(CompressionTest, stops_at_the_limit) {
  std::string packed;
  compress(GetParam(), std::string(1 << 20, 'x'), packed);
  std::string plain;
  const auto result = decompress(GetParam(), packed, (1 << 20) - 1, plain);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::kTooLarge) << result.error().message();
}

TEST_P(CompressionTest, cut_and_damaged_data_never_crashes) {
  const std::string input = sample(3000);
  std::string packed;
  compress(GetParam(), input, packed);
  std::string plain;
  for (size_t size = 0; size < packed.size(); size += 7) {
    const std::string cut = packed.substr(0, size);
    const auto result = decompress(GetParam(), cut, 1 << 20, plain);
    if (GetParam() != Codec::kNone) EXPECT_FALSE(result) << "cut to " << size;
  }
  for (size_t at = 0; at < packed.size(); at += 3) {
    std::string damaged = packed;
    damaged[at] ^= 0x55;
    [[maybe_unused]] const auto verdict = decompress(GetParam(), damaged, 1 << 20, plain);
  }
}

INSTANTIATE_TEST_SUITE_P(AllCodecs, CompressionTest, testing::ValuesIn(kCodecs),
                         [](const auto& info) { return std::string(codec_name(info.param)); });

TEST(Snappy, reads_xerial_blocks_one_after_another) {
  std::string framed("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  for (const std::string_view block : {"first ", "second"}) {
    std::string packed;
    compress(Codec::kSnappy, block, packed);
    char size[4];
    store_be<uint32_t>(size, static_cast<uint32_t>(packed.size()));
    framed.append(size, 4).append(packed);
  }
  std::string plain;
  ASSERT_TRUE(decompress(Codec::kSnappy, framed, 100, plain));
  EXPECT_EQ(plain, "first second");
  EXPECT_FALSE(decompress(Codec::kSnappy, framed, 11, plain));
}

TEST(Snappy, does_not_believe_a_length_the_data_cannot_hold) {
  std::string plain;
  const std::string claims_a_gigabyte("\x80\x80\x80\x80\x04\x00", 6);
  const auto result = decompress(Codec::kSnappy, claims_a_gigabyte, SIZE_MAX, plain);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::kCorrupt);
  EXPECT_LT(plain.capacity(), 1000u);
}

TEST(CodecName, is_kafkas_word_in_both_directions) {
  for (const auto codec : kCodecs) EXPECT_EQ(codec_from_name(codec_name(codec)), codec);
  EXPECT_EQ(codec_from_name("brotli"), std::nullopt);
}

}  // namespace
}  // namespace freshet::kafka
