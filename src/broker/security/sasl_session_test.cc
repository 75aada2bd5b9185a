#include "broker/security/sasl_session.h"

#include <gmock/gmock.h>

#include "broker/node_harness.h"
#include "broker/security/scram_test_client.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/metadata.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using State = SaslSession::State;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kZero("\0", 1);

std::string plain(const std::string& user, const std::string& password) {
  return std::string(kZero) + user + std::string(kZero) + password;
}

// The exchange printed in RFC 7677 section 3.
TEST(ScramTestClient, agrees_with_the_example_of_rfc_7677) {
  ScramTestClient client(kafka::ScramMechanism::kSha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(client.last("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                        "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_TRUE(client.trusts("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
}

class SaslSessionTest : public NodeHarness {
 protected:
  SaslSessionTest() {
    options_.security.users = {{"ada", config::Secret("love, lace=1")},
                               {"bob", config::Secret("builder")}};
    reopen();
  }

  SaslSession make(std::vector<SaslMechanism> mechanisms = {SaslMechanism::kPlain,
                                                            SaslMechanism::kScramSha256,
                                                            SaslMechanism::kScramSha512}) {
    return SaslSession(std::move(mechanisms), node_->services().users);
  }
  template <class Request>
  std::string frame(const Request& request, int16_t version) {
    kafka::RequestHeader header;
    header.api_version = version;
    header.correlation_id = 9;
    header.client_id = "test";
    return kafka::encode_request(header, request).flatten().substr(4);
  }
  template <class Response, class Request>
  Response ask(SaslSession& session, const Request& request, int16_t version) {
    const std::string answer = session.step(frame(request, version));
    if (answer.size() < 4) return {};
    std::string_view rest = std::string_view(answer).substr(4);
    EXPECT_EQ(kafka::decode_response_header(rest, Response::kApi, version), 9);
    const auto response = kafka::decode_message<Response>(rest, version);
    EXPECT_TRUE(response);
    return response.value_or(Response());
  }
  kafka::SaslHandshakeResponse shake(SaslSession& session, const std::string& mechanism,
                                     int16_t version = 1) {
    kafka::SaslHandshakeRequest request;
    request.mechanism = mechanism;
    return ask<kafka::SaslHandshakeResponse>(session, request, version);
  }
  kafka::SaslAuthenticateResponse authenticate(SaslSession& session, const std::string& token,
                                               int16_t version = 2) {
    kafka::SaslAuthenticateRequest request;
    request.auth_bytes = token;
    return ask<kafka::SaslAuthenticateResponse>(session, request, version);
  }
};

TEST_F(SaslSessionTest, plain_lets_the_right_password_in_at_every_version) {
  for (int16_t version = 0; version <= 2; ++version) {
    SaslSession session = make();
    EXPECT_EQ(shake(session, "PLAIN").error_code, ErrorCode::kNone);
    EXPECT_EQ(session.state(), State::kTokens);
    const auto answer = authenticate(session, plain("ada", "love, lace=1"), version);
    EXPECT_EQ(answer.error_code, ErrorCode::kNone);
    EXPECT_EQ(answer.session_lifetime_ms, 0);
    EXPECT_EQ(session.state(), State::kAccepted);
    EXPECT_EQ(session.user(), "ada");
  }
}

TEST_F(SaslSessionTest, scram_proves_both_sides) {
  for (const kafka::ScramMechanism mechanism : kafka::kScramMechanisms) {
    SaslSession session = make();
    const std::string name(kafka::scram_mechanism_name(mechanism));
    EXPECT_THAT(shake(session, name).mechanisms,
                ElementsAre("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"));
    ScramTestClient client(mechanism, "ada", "love, lace=1");
    const auto first = authenticate(session, client.first());
    EXPECT_EQ(session.state(), State::kTokens);
    const auto last = authenticate(session, client.last(first.auth_bytes));
    EXPECT_EQ(session.state(), State::kAccepted);
    EXPECT_TRUE(client.trusts(last.auth_bytes));
    EXPECT_GT(client.nonce.size(), std::string("fyko+d2lbbFgONRv9qkxdawL").size() + 20);
  }
}

TEST_F(SaslSessionTest, a_handshake_of_version_0_is_followed_by_bare_tokens) {
  SaslSession session = make();
  shake(session, "SCRAM-SHA-256", 0);
  ASSERT_EQ(session.state(), State::kRawTokens);
  ScramTestClient client(kafka::ScramMechanism::kSha256, "bob", "builder");
  const std::string first = session.step(client.first());
  EXPECT_EQ(load_be<int32_t>(first.data()), static_cast<int32_t>(first.size()) - 4);
  const std::string last = session.step(client.last(first.substr(4)));
  EXPECT_TRUE(client.trusts(last.substr(4)));
  EXPECT_EQ(session.state(), State::kAccepted);

  SaslSession wrong = make();
  shake(wrong, "PLAIN", 0);
  EXPECT_EQ(wrong.step(plain("bob", "wrong")), "");
  EXPECT_EQ(wrong.state(), State::kRefused);
}

TEST_F(SaslSessionTest, wrong_password_and_unknown_user_look_the_same) {
  for (const std::string mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    std::vector<std::string> answers;
    for (const std::string user : {"ada", "nobody"}) {
      SaslSession session = make();
      shake(session, mechanism);
      std::string token = plain(user, "wrong");
      if (mechanism != "PLAIN") {
        ScramTestClient client(mechanism == "SCRAM-SHA-256" ? kafka::ScramMechanism::kSha256
                                                            : kafka::ScramMechanism::kSha512,
                               user, "wrong");
        const auto first = authenticate(session, client.first());
        EXPECT_EQ(first.error_code, ErrorCode::kNone);
        token = client.last(first.auth_bytes);
        EXPECT_EQ(client.salt.size(), 16U);
        EXPECT_EQ(client.iterations, 4096);
      }
      const auto answer = authenticate(session, token);
      EXPECT_EQ(answer.error_code, ErrorCode::kSaslAuthenticationFailed);
      EXPECT_EQ(answer.auth_bytes, "");
      answers.push_back(answer.error_message.value_or(""));
      EXPECT_EQ(session.state(), State::kRefused);
      EXPECT_THAT(session.refusal(), HasSubstr(user));
      EXPECT_THAT(session.refusal(), testing::Not(HasSubstr("wrong,")));
    }
    EXPECT_EQ(answers[0], answers[1]);
    EXPECT_THAT(answers[0], HasSubstr("Authentication failed"));
  }
}

TEST_F(SaslSessionTest, an_unknown_user_has_the_same_salt_at_every_try_and_after_a_restart) {
  const auto salt_of = [&](const std::string& user) {
    SaslSession session = make();
    shake(session, "SCRAM-SHA-256");
    ScramTestClient client(kafka::ScramMechanism::kSha256, user, "x");
    client.last(authenticate(session, client.first()).auth_bytes);
    return client.salt;
  };
  const std::string known = salt_of("ada");
  const std::string unknown = salt_of("nobody");
  EXPECT_EQ(salt_of("nobody"), unknown);
  EXPECT_NE(salt_of("somebody"), unknown);
  reopen();
  EXPECT_EQ(salt_of("nobody"), unknown);
  EXPECT_EQ(salt_of("ada"), known);
}

TEST_F(SaslSessionTest, a_mechanism_that_is_not_offered_is_refused_with_the_list) {
  SaslSession session = make({SaslMechanism::kScramSha512});
  const auto answer = shake(session, "PLAIN");
  EXPECT_EQ(answer.error_code, ErrorCode::kUnsupportedSaslMechanism);
  EXPECT_THAT(answer.mechanisms, ElementsAre("SCRAM-SHA-512"));
  EXPECT_EQ(session.state(), State::kRefused);
}

TEST_F(SaslSessionTest, api_versions_comes_first_and_may_be_asked_again) {
  SaslSession session = make();
  kafka::ApiVersionsRequest request;
  request.client_software_name = "freshet-test";
  request.client_software_version = "1.0";
  const auto answer = ask<kafka::ApiVersionsResponse>(session, request, 3);
  EXPECT_EQ(answer.api_keys.size(), kafka::kAdvertisedApis);
  // As a client newer than the broker asks: answered in version 0.
  const std::string odd =
      session.step(std::string("\x00\x12\x00\x63\x00\x00\x00\x07\x00\x01"
                               "c\x00",
                               12));
  EXPECT_EQ(load_be<int16_t>(odd.data() + 8), 35);
  EXPECT_EQ(session.state(), State::kHello);
  shake(session, "PLAIN");
  EXPECT_EQ(session.state(), State::kTokens);
}

TEST_F(SaslSessionTest, everything_else_is_refused_without_an_answer) {
  kafka::MetadataRequest metadata;
  kafka::SaslAuthenticateRequest token;
  token.auth_bytes = plain("ada", "love, lace=1");
  for (const std::string& bytes :
       {frame(metadata, 9), frame(token, 2), std::string("GET / HTTP/1.1"), std::string("\0", 1),
        std::string("\x03\xe7\0\0\0\0\0\1\xff\xff", 10),
        frame(kafka::SaslHandshakeRequest(), 1).substr(0, 14)}) {
    SaslSession session = make();
    EXPECT_EQ(session.step(bytes), "");
    EXPECT_EQ(session.state(), State::kRefused);
    EXPECT_NE(session.refusal(), "");
  }
  // Nor once the mechanism is agreed.
  SaslSession session = make();
  shake(session, "PLAIN");
  EXPECT_EQ(session.step(frame(metadata, 9)), "");
  EXPECT_EQ(session.state(), State::kRefused);
}

TEST_F(SaslSessionTest, tokens_that_make_no_sense_are_refused) {
  const std::string too_long(kSaslTokenBytesMax + 1, 'x');
  for (const std::string& token :
       {std::string(), std::string("ada"), plain("", "x"), plain("ada", ""),
        plain("ada", "love, lace=1") + std::string(kZero), "bob" + plain("ada", "love, lace=1"),
        plain(too_long, "x")}) {
    SaslSession session = make();
    shake(session, "PLAIN");
    EXPECT_EQ(authenticate(session, token).error_code, ErrorCode::kSaslAuthenticationFailed);
  }
  for (const std::string& token :
       {std::string(), std::string("n,,"), std::string("n,,n=ada"), std::string("n,,n=ada,r="),
        std::string("n,,n=,r=abc"), std::string("n,,n=a=b,r=abc"), std::string("n,,r=abc,n=ada"),
        std::string("n,,n=ada,r=a b"), std::string("p=tls-unique,,n=ada,r=abc"),
        std::string("n,a=bob,n=ada,r=abc"), std::string("n,n=ada,r=abc"),
        std::string("n,,m=ext,n=ada,r=abc"), "n,,n=" + too_long + ",r=abc"}) {
    SaslSession session = make();
    shake(session, "SCRAM-SHA-256");
    EXPECT_EQ(authenticate(session, token).error_code, ErrorCode::kSaslAuthenticationFailed)
        << token;
  }
}

TEST_F(SaslSessionTest, the_last_scram_message_must_belong_to_the_first) {
  const auto try_with = [&](const std::function<std::string(const std::string&)>& change) {
    SaslSession session = make();
    shake(session, "SCRAM-SHA-256");
    ScramTestClient client(kafka::ScramMechanism::kSha256, "ada", "love, lace=1");
    const std::string last = client.last(authenticate(session, client.first()).auth_bytes);
    return authenticate(session, change(last)).error_code;
  };
  EXPECT_EQ(try_with([](const std::string& last) { return last; }), ErrorCode::kNone);
  const auto replaced = [](const std::string& from, const std::string& to) {
    return [from, to](std::string last) { return last.replace(last.find(from), from.size(), to); };
  };
  for (const auto& change :
       {replaced("c=biws", "c=eSws"), replaced("r=fyko", "r=fykp"), replaced("c=biws,", ""),
        replaced(",p=", ",q="), replaced(",p=", ",p=AA"), replaced(",p=", ",p=AAAA")}) {
    EXPECT_EQ(try_with(change), ErrorCode::kSaslAuthenticationFailed);
  }
}

}  // namespace
}  // namespace freshet::broker
