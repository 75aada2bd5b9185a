#include "warehouse/city_hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace freshet::warehouse {
namespace {

// What clickhouse-cityhash 1.0.2.6 (PyPI) says of the bytes 1, 8, 15, … modulo 256.
TEST(CityHash128, agrees_with_another_implementation) {
  struct Case {
    size_t size;
    uint64_t first;
    uint64_t second;
  };
  const std::vector<Case> cases = {{0, 0x3df09dfc64c09a2b, 0x3cb540c392e51e29},
                                   {1, 0x5a03ab4f802b3f6c, 0x58a88a3c8a31e91a},
                                   {3, 0x7795cc5f9bdb9697, 0xffe973a1f0c9560c},
                                   {4, 0x1249b192a72a535b, 0x1c5661d6c27eeaba},
                                   {7, 0x55ba1bdf47d4d808, 0xcb5dd0815986d20d},
                                   {8, 0x95df71b06feebd19, 0x1ec2a02070f5b66a},
                                   {9, 0xc200bc99dba9546d, 0x0928142c99580379},
                                   {15, 0xc81b801bd16dcee3, 0x8703c9744d95c557},
                                   {16, 0xbd4943751ae1492a, 0x7c25b5a264f47409},
                                   {17, 0x5248eb91f3b24dd2, 0x2e605dce807dc9f1},
                                   {31, 0xd10f3b3f994bfe80, 0x5614816a8480cede},
                                   {32, 0x332cb2a90e4ecfe2, 0xa578f681a28157bb},
                                   {33, 0x2739fc6e5d1c365e, 0xe0fe4b3d3bd00c5e},
                                   {63, 0xfc889cac20fa1709, 0xdcd9f905b12c0a46},
                                   {100, 0x927f16c27d8a1d27, 0x87c20684f28ca090},
                                   {127, 0xfce2016c7a61aa72, 0x728ada93e048a5cd},
                                   {128, 0xbf3ae0179bf76676, 0xc0d0c35b283b16e3},
                                   {143, 0x62af8a9e068b6d7d, 0x5068a9197ea51024},
                                   {144, 0x3b6b92d8b33c1d55, 0x2808aac907dbc483},
                                   {145, 0xb52fdf81f46d11de, 0x8a1d683592c3ad06},
                                   {200, 0xa2c530f25377f4af, 0xa411c4c4e1ccf55b},
                                   {256, 0x8198c4b2a5e838a3, 0x9cbf59ff2f47b747},
                                   {300, 0x67f1139038a876a0, 0x453c3e559d150af6},
                                   {1000, 0x2aa408e01ca3b4d9, 0xa8c95a896058db23}};
  for (const Case& want : cases) {
    std::string bytes;
    for (size_t i = 0; i < want.size; ++i) bytes += static_cast<char>((i * 7 + 1) & 255);
    const Hash128 got = city_hash_128(bytes);
    EXPECT_EQ(got.first, want.first) << want.size;
    EXPECT_EQ(got.second, want.second) << want.size;
  }
}

}  // namespace
}  // namespace freshet::warehouse
