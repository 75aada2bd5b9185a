#include "base/endian.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace freshet {

TEST(Endian, stores_and_loads_in_the_stated_order_at_any_address) {
  std::array<unsigned char, 9> bytes{};
  store_be<uint32_t>(bytes.data() + 1, 0x01020304);
  EXPECT_EQ(bytes[1], 1);
  EXPECT_EQ(bytes[4], 4);
  EXPECT_EQ(load_be<uint32_t>(bytes.data() + 1), 0x01020304U);
  store_le<int64_t>(bytes.data() + 1, -2);
  EXPECT_EQ(bytes[1], 0xFE);
  EXPECT_EQ(bytes[8], 0xFF);
  EXPECT_EQ(load_le<int64_t>(bytes.data() + 1), -2);
}

}  // namespace freshet
