#include "kafka/client/sasl_login.h"

#include <gtest/gtest.h>

namespace freshet::kafka {
namespace {

// The example of RFC 7677 section 3.
constexpr const char* kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
SaslLogin example() { return {"SCRAM-SHA-256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO"}; }

TEST(SaslLogin, proves_that_it_knows_the_password_and_has_the_server_prove_it_too) {
  SaslLogin login = example();
  EXPECT_EQ(login.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto proof = login.take(kServerFirst);
  ASSERT_TRUE(proof && *proof);
  EXPECT_EQ(**proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  const auto done = login.take("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_FALSE(*done);
}

TEST(SaslLogin, trusts_no_server_that_does_not_know_the_keys) {
  for (const char* const last :
       {"v=AAriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "", "e=x"}) {
    SaslLogin login = example();
    ASSERT_TRUE(login.take(kServerFirst));
    const auto done = login.take(last);
    ASSERT_FALSE(done) << last;
    EXPECT_EQ(done.error().code(), Errc::kRefused);
  }
}

TEST(SaslLogin, refuses_first_messages_that_are_none) {
  for (const std::string& text : {
           std::string("r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
           std::string("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
           std::string("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096"),
           std::string("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0"),
           std::string("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999"),
           std::string("r=rOprNGfwEbeRWgbNEkqOx,i=4096"),
           std::string(),
       }) {
    SaslLogin login = example();
    const auto proof = login.take(text);
    ASSERT_FALSE(proof) << text;
    EXPECT_EQ(proof.error().code(), Errc::kCorrupt) << text;
  }
  SaslLogin login = example();
  EXPECT_EQ(login.take(std::string(5'000, 'r')).error().code(), Errc::kTooLarge);
}

TEST(SaslLogin, is_made_from_the_properties_of_librdkafka) {
  const auto plain = SaslLogin::from(
      {{"sasl.mechanisms", "PLAIN"}, {"sasl.username", "ada"}, {"sasl.password", "love-lace"}});
  ASSERT_TRUE(plain && *plain);
  EXPECT_EQ((*plain)->first(), std::string("\0ada\0love-lace", 14));
  const auto scram =
      SaslLogin::from({{"sasl.mechanism", "SCRAM-SHA-512"}, {"sasl.username", "a,=b"}});
  ASSERT_TRUE(scram && *scram);
  EXPECT_TRUE((*scram)->first().starts_with("n,,n=a=2C=3Db,r="));
  EXPECT_NE(
      (*scram)->first(),
      (*SaslLogin::from({{"sasl.mechanism", "SCRAM-SHA-512"}, {"sasl.username", "a,=b"}}))->first())
      << "every login has its own nonce";
  const auto kerberos = SaslLogin::from({{"sasl.mechanism", "GSSAPI"}});
  EXPECT_TRUE(kerberos && !*kerberos);
  EXPECT_EQ(SaslLogin::from({{"sasl.mechanism", "PLAIN"}}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(SaslLogin::create("GSSAPI", "ada", "").error().code(), Errc::kUnsupported);
}

}  // namespace
}  // namespace freshet::kafka
