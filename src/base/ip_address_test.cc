#include "base/ip_address.h"

#include <gtest/gtest.h>

namespace freshet {
namespace {

TEST(IpAddress, loopback_is_what_only_this_machine_reaches) {
  for (const char* address : {"localhost", "127.0.0.1", "127.8.9.1", "::1"}) {
    EXPECT_TRUE(is_loopback_address(address)) << address;
    EXPECT_TRUE(is_listen_address(address)) << address;
  }
  for (const char* address : {"0.0.0.0", "::", "128.0.0.1", "10.1.2.3", "fe80::1"}) {
    EXPECT_FALSE(is_loopback_address(address)) << address;
    EXPECT_TRUE(is_listen_address(address)) << address;
  }
  for (const char* address : {"", "example.org", "127.0.0", "127.0.0.1:9092", "[::1]"}) {
    EXPECT_FALSE(is_loopback_address(address)) << address;
    EXPECT_FALSE(is_listen_address(address)) << address;
  }
}

}  // namespace
}  // namespace freshet
