#include "kafka/scram/scram_keys.h"

#include <gtest/gtest.h>

#include "kafka/scram/base64.h"

namespace freshet::kafka {
namespace {

TEST(ScramKeys, stored_key_is_the_hash_of_the_client_key) {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    const std::string salted = scram_salted_password(mechanism, "pencil", "salt", 4096);
    const ScramCredential keys = scram_credential(mechanism, "salt", 4096, salted);
    EXPECT_EQ(keys.stored_key.size(), scram_key_bytes(mechanism));
    EXPECT_EQ(keys.stored_key, scram_hash(mechanism, scram_hmac(mechanism, salted, "Client Key")));
    EXPECT_EQ(keys.server_key, scram_hmac(mechanism, salted, "Server Key"));
  }
}

TEST(ScramKeys, comparison_looks_at_every_byte_and_the_length) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  for (const char* other : {"abd", "bbc", "ab", "abcd", ""}) {
    EXPECT_FALSE(equal_in_constant_time("abc", other)) << other;
  }
}

TEST(Base64, accepts_one_spelling_only) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(from_base64("Zg=="), "f");
  EXPECT_EQ(from_base64("Zm8="), "fo");
  EXPECT_EQ(from_base64(""), "");
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", " Zg==", "Zg==\n", "Zm 9",
                          "Zm-v", "Zg==Zg=="}) {
    EXPECT_EQ(from_base64(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace freshet::kafka
