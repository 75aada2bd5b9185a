#include <gmock/gmock.h>

#include "broker/node_harness.h"
#include "kafka/messages/alter_user_scram_credentials.h"
#include "kafka/messages/describe_user_scram_credentials.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::HasSubstr;
using testing::SizeIs;

using AlterRequest = kafka::AlterUserScramCredentialsRequest;
using AlterResponse = kafka::AlterUserScramCredentialsResponse;
using DescribeRequest = kafka::DescribeUserScramCredentialsRequest;
using DescribeResponse = kafka::DescribeUserScramCredentialsResponse;

class ScramUsers : public NodeHarness {
 protected:
  ScramUsers() {
    options_.security.users = {{"declared", config::Secret("secret")}};
    reopen();
  }
  static AlterRequest::Upsertion upsertion(const std::string& user, const std::string& password,
                                           int8_t mechanism = 1, int32_t iterations = 4096) {
    return {user, mechanism, iterations, "salt",
            kafka::scram_salted_password(static_cast<kafka::ScramMechanism>(mechanism), password,
                                         "salt", iterations)};
  }
  AlterResponse::Result alter(const AlterRequest::Upsertion& upsertion) {
    AlterRequest request;
    request.upsertions.push_back(upsertion);
    return ask<AlterResponse>(request, 0).results.at(0);
  }
  DescribeResponse describe(std::optional<std::vector<std::string>> users = {}) {
    DescribeRequest request;
    if (users) {
      request.users.emplace();
      for (const std::string& user : *users) request.users->push_back({user});
    }
    return ask<DescribeResponse>(request, 0);
  }
  [[nodiscard]] UserStore& users() const { return node_->services().users; }
};

TEST_F(ScramUsers, are_made_changed_and_deleted_durably) {
  EXPECT_EQ(alter(upsertion("ada", "one")).error_code, ErrorCode::kNone);
  EXPECT_EQ(alter(upsertion("ada", "two", 2, 8192)).error_code, ErrorCode::kNone);
  EXPECT_TRUE(users().check_password("ada", "one"));
  reopen();
  EXPECT_TRUE(users().check_password("ada", "one"));
  EXPECT_EQ(alter(upsertion("ada", "three")).error_code, ErrorCode::kNone);
  EXPECT_FALSE(users().check_password("ada", "one"));
  EXPECT_TRUE(users().check_password("ada", "three"));

  auto found = describe({{"ada"}}).results.at(0);
  ASSERT_THAT(found.credential_infos, SizeIs(2));
  EXPECT_EQ(found.credential_infos[1].mechanism, 2);
  EXPECT_EQ(found.credential_infos[1].iterations, 8192);

  AlterRequest request;
  request.deletions = {{"ada", 1}};
  EXPECT_EQ(ask<AlterResponse>(request, 0).results.at(0).error_code, ErrorCode::kNone);
  reopen();
  EXPECT_EQ(users().find("ada", kafka::ScramMechanism::kSha256), std::nullopt);
  EXPECT_TRUE(users().check_password("ada", "two"));
}

TEST_F(ScramUsers, are_described_all_or_one_by_one) {
  alter(upsertion("ada", "one"));
  EXPECT_THAT(describe().results, SizeIs(2));
  EXPECT_THAT(describe(std::vector<std::string>{}).results, SizeIs(2));
  const auto results = describe({{"ada", "nobody", "twice", "twice"}}).results;
  ASSERT_THAT(results, SizeIs(3));
  EXPECT_EQ(results[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(results[1].error_code, ErrorCode::kResourceNotFound);
  EXPECT_THAT(results[1].error_message.value_or(""), HasSubstr("nobody"));
  EXPECT_EQ(results[2].error_code, ErrorCode::kDuplicateResource);
}

TEST_F(ScramUsers, bad_changes_are_refused_for_their_user_only) {
  struct Case {
    AlterRequest::Upsertion upsertion;
    ErrorCode code;
  };
  auto short_key = upsertion("x", "p");
  short_key.salted_password.pop_back();
  auto no_salt = upsertion("x", "p");
  no_salt.salt.clear();
  auto odd_mechanism = upsertion("x", "p");
  odd_mechanism.mechanism = 3;
  for (const Case& each :
       {Case{upsertion("", "p"), ErrorCode::kUnacceptableCredential},
        Case{upsertion(std::string(256, 'u'), "p"), ErrorCode::kUnacceptableCredential},
        Case{upsertion("x", "p", 1, 4095), ErrorCode::kUnacceptableCredential},
        Case{upsertion("x", "p", 1, 16385), ErrorCode::kUnacceptableCredential},
        Case{short_key, ErrorCode::kUnacceptableCredential},
        Case{no_salt, ErrorCode::kUnacceptableCredential},
        Case{odd_mechanism, ErrorCode::kUnsupportedSaslMechanism},
        Case{upsertion("declared", "p"), ErrorCode::kPolicyViolation}}) {
    AlterRequest request;
    request.upsertions = {each.upsertion, upsertion("good", "p")};
    const auto results = ask<AlterResponse>(request, 0).results;
    ASSERT_THAT(results, SizeIs(2));
    for (const auto& result : results) {
      EXPECT_EQ(result.error_code, result.user == "good" ? ErrorCode::kNone : each.code);
    }
  }
  AlterRequest twice;
  twice.upsertions = {upsertion("x", "p"), upsertion("x", "q")};
  twice.deletions = {{"nobody", 1}};
  for (const auto& result : ask<AlterResponse>(twice, 0).results) {
    EXPECT_EQ(result.error_code,
              result.user == "x" ? ErrorCode::kDuplicateResource : ErrorCode::kResourceNotFound);
  }
  EXPECT_EQ(users().find("x", kafka::ScramMechanism::kSha256), std::nullopt);
  EXPECT_TRUE(users().check_password("declared", "secret"));
}

TEST_F(ScramUsers, sasl_requests_come_too_late_where_everything_is_served) {
  EXPECT_EQ(ask<kafka::SaslHandshakeResponse>(kafka::SaslHandshakeRequest(), 1).error_code,
            ErrorCode::kIllegalSaslState);
  EXPECT_EQ(ask<kafka::SaslAuthenticateResponse>(kafka::SaslAuthenticateRequest(), 2).error_code,
            ErrorCode::kIllegalSaslState);
}

}  // namespace
}  // namespace freshet::broker
