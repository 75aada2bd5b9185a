// DescribeUserScramCredentials (key 50): which SCRAM credentials users have.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

/// Null or empty `users` asks for all.
struct DescribeUserScramCredentialsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeUserScramCredentials;
  static constexpr std::string_view kName = "DescribeUserScramCredentialsRequest";

  struct User {
    std::string name;

    static constexpr auto schema() {
      return std::array{
          wire::field<&User::name>("name"),
      };
    }
    bool operator==(const User&) const = default;
  };

  std::optional<std::vector<User>> users;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeUserScramCredentialsRequest::users>("users").nullable(),
    };
  }
  bool operator==(const DescribeUserScramCredentialsRequest&) const = default;
};

/// `mechanism`: 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512.
struct DescribeUserScramCredentialsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeUserScramCredentials;
  static constexpr std::string_view kName = "DescribeUserScramCredentialsResponse";

  struct CredentialInfo {
    int8_t mechanism = 0;
    int32_t iterations = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&CredentialInfo::mechanism>("mechanism"),
          wire::field<&CredentialInfo::iterations>("iterations"),
      };
    }
    bool operator==(const CredentialInfo&) const = default;
  };

  struct Result {
    std::string user;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    std::vector<CredentialInfo> credential_infos;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Result::user>("user"),
          wire::field<&Result::error_code>("error_code"),
          wire::field<&Result::error_message>("error_message").nullable(),
          wire::field<&Result::credential_infos>("credential_infos"),
      };
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  std::vector<Result> results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeUserScramCredentialsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeUserScramCredentialsResponse::error_code>("error_code"),
        wire::field<&DescribeUserScramCredentialsResponse::error_message>("error_message")
            .nullable(),
        wire::field<&DescribeUserScramCredentialsResponse::results>("results"),
    };
  }
  bool operator==(const DescribeUserScramCredentialsResponse&) const = default;
};

}  // namespace freshet::kafka
