// AlterUserScramCredentials (key 51): sets and deletes SCRAM credentials.
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

/// `mechanism`: 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512. The password itself is never sent.
struct AlterUserScramCredentialsRequest {
  static constexpr ApiKey kApi = ApiKey::kAlterUserScramCredentials;
  static constexpr std::string_view kName = "AlterUserScramCredentialsRequest";

  struct Deletion {
    std::string name;
    int8_t mechanism = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Deletion::name>("name"),
          wire::field<&Deletion::mechanism>("mechanism"),
      };
    }
    bool operator==(const Deletion&) const = default;
  };

  struct Upsertion {
    std::string name;
    int8_t mechanism = 0;
    int32_t iterations = 0;
    std::string salt;
    std::string salted_password;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Upsertion::name>("name"),
          wire::field<&Upsertion::mechanism>("mechanism"),
          wire::field<&Upsertion::iterations>("iterations"),
          wire::bytes<&Upsertion::salt>("salt"),
          wire::bytes<&Upsertion::salted_password>("salted_password"),
      };
    }
    bool operator==(const Upsertion&) const = default;
  };

  std::vector<Deletion> deletions;
  std::vector<Upsertion> upsertions;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AlterUserScramCredentialsRequest::deletions>("deletions"),
        wire::field<&AlterUserScramCredentialsRequest::upsertions>("upsertions"),
    };
  }
  bool operator==(const AlterUserScramCredentialsRequest&) const = default;
};

struct AlterUserScramCredentialsResponse {
  static constexpr ApiKey kApi = ApiKey::kAlterUserScramCredentials;
  static constexpr std::string_view kName = "AlterUserScramCredentialsResponse";

  struct Result {
    std::string user;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Result::user>("user"),
          wire::field<&Result::error_code>("error_code"),
          wire::field<&Result::error_message>("error_message").nullable(),
      };
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<Result> results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&AlterUserScramCredentialsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&AlterUserScramCredentialsResponse::results>("results"),
    };
  }
  bool operator==(const AlterUserScramCredentialsResponse&) const = default;
};

}  // namespace freshet::kafka
