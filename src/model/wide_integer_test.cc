#include "model/wide_integer.h"

#include <gtest/gtest.h>

#include <vector>

namespace freshet {
namespace {

Wide256 from_digits(std::string_view digits) {
  Wide256 value;
  for (const char c : digits) EXPECT_TRUE(value.push_digit(static_cast<unsigned>(c - '0')));
  return value;
}

TEST(Wide256, reads_and_shows_digits) {
  for (const std::string text :
       {"0", "7", "18446744073709551615", "18446744073709551616",
        "340282366920938463463374607431768211456",
        "115792089237316195423570985008687907853269984665640564039457584007913129639935"}) {
    EXPECT_EQ(from_digits(text).text(/*is_signed=*/false), text);
  }
  Wide256 most =
      from_digits("115792089237316195423570985008687907853269984665640564039457584007913129639935");
  EXPECT_EQ(most.bit_width(), 256U);
  EXPECT_EQ(most.text(/*is_signed=*/true), "-1");
  EXPECT_FALSE(most.push_digit(0));
}

TEST(Wide256, negates_over_all_words) {
  Wide256 value = from_digits("340282366920938463463374607431768211456");  // 2^128
  EXPECT_EQ(value.bit_width(), 129U);
  value.negate();
  EXPECT_EQ(value.text(/*is_signed=*/true), "-340282366920938463463374607431768211456");
  value.negate();
  EXPECT_EQ(value, from_digits("340282366920938463463374607431768211456"));
  Wide256 zero;
  zero.negate();
  EXPECT_EQ(zero, Wide256{});
  EXPECT_EQ(zero.bit_width(), 0U);
}

TEST(Wide256, loads_narrower_integers) {
  const std::vector<std::byte> bytes = {std::byte{0xFE}, std::byte{0xFF}};
  EXPECT_EQ(Wide256::load(bytes, /*is_signed=*/true).text(/*is_signed=*/true), "-2");
  EXPECT_EQ(Wide256::load(bytes, /*is_signed=*/false).text(/*is_signed=*/false), "65534");
}

}  // namespace
}  // namespace freshet
