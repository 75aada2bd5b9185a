#include "warehouse/compressed_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace freshet::warehouse {
namespace {

using ::testing::HasSubstr;

std::string unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string packed(std::string_view plain) {
  std::string out;
  append_compressed_blocks(plain, out);
  return out;
}

TEST(CompressedBlock, gives_back_what_it_took) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{100}, kCompressedBlockBytes, kCompressedBlockBytes * 2 + 7}) {
    std::string plain;
    for (size_t i = 0; i < size; ++i) plain += static_cast<char>((i * i) >> 5);
    const auto back = read_compressed_blocks(packed(plain), size);
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, plain);
  }
}

// The data file of a TinyLog table with the UInt8 rows 1, 2, 3, written by libchdb 26.7.3.
TEST(CompressedBlock, reads_what_the_engine_wrote) {
  const auto plain = read_compressed_blocks(
      unhex("d9a2a5fb6cd40dad7f5693f08062f052820d0000000300000030010203"), 100);
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(*plain, "\x01\x02\x03");
}

TEST(CompressedBlock, refuses_every_cut_and_every_changed_byte) {
  const std::string good = packed("some bytes that are long enough to be packed, packed, packed");
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(read_compressed_blocks(std::string_view(good).substr(0, size), 1000)) << size;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x20;
    EXPECT_FALSE(read_compressed_blocks(bad, 1000)) << i;
  }
}

TEST(CompressedBlock, every_compression_gives_back_what_it_took) {
  std::string plain;
  for (size_t i = 0; i < kCompressedBlockBytes + 77; ++i) plain += static_cast<char>((i * i) >> 7);
  for (const auto compression :
       {BlockCompression::kNone, BlockCompression::kLz4, BlockCompression::kZstd}) {
    std::string out;
    append_compressed_blocks(plain, out, compression);
    const auto back = read_compressed_blocks(out, plain.size());
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, plain);
  }
}

TEST(CompressedBlockReader, takes_pieces_of_any_size) {
  const std::string plain(kCompressedBlockBytes + 100, 'z');
  const std::string blocks = packed(plain) + packed("and a small one");
  for (const size_t step : {size_t{1}, size_t{7}, size_t{4096}, blocks.size()}) {
    CompressedBlockReader reader;
    std::string got;
    for (size_t at = 0; at < blocks.size(); at += step) {
      const auto added = reader.add(std::string_view(blocks).substr(at, step), got);
      ASSERT_TRUE(added) << added.error().message();
    }
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(got, plain + "and a small one");
  }
}

TEST(CompressedBlockReader, says_when_the_stream_ends_in_a_block_or_is_none) {
  CompressedBlockReader cut;
  std::string got;
  const std::string good = packed("one") + packed("two");
  ASSERT_TRUE(cut.add(std::string_view(good).substr(0, good.size() - 1), got));
  EXPECT_EQ(got, "one");
  EXPECT_EQ(cut.finish().error().code(), Errc::kCorrupt);
  CompressedBlockReader text;
  EXPECT_FALSE(text.add("Code: 241. DB::Exception: Memory limit exceeded", got));
}

TEST(CompressedBlock, keeps_to_the_limit) {
  const auto plain = read_compressed_blocks(packed(std::string(1000, 'x')), 999);
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code(), Errc::kTooLarge);
  EXPECT_THAT(plain.error().message(), HasSubstr("999"));
}

}  // namespace
}  // namespace freshet::warehouse
