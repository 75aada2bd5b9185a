// SaslHandshake (key 17): names the mechanism of the authentication that follows. After version 0
// the tokens follow as bare frames, after version 1 in SaslAuthenticate.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

struct SaslHandshakeRequest {
  static constexpr ApiKey kApi = ApiKey::kSaslHandshake;
  static constexpr std::string_view kName = "SaslHandshakeRequest";

  std::string mechanism;

  static constexpr auto schema() {
    return std::array{
        wire::field<&SaslHandshakeRequest::mechanism>("mechanism"),
    };
  }
  bool operator==(const SaslHandshakeRequest&) const = default;
};

/// `mechanisms` are those that the listener accepts, in every answer.
struct SaslHandshakeResponse {
  static constexpr ApiKey kApi = ApiKey::kSaslHandshake;
  static constexpr std::string_view kName = "SaslHandshakeResponse";

  ErrorCode error_code = ErrorCode::kNone;
  std::vector<std::string> mechanisms;

  static constexpr auto schema() {
    return std::array{
        wire::field<&SaslHandshakeResponse::error_code>("error_code"),
        wire::field<&SaslHandshakeResponse::mechanisms>("mechanisms"),
    };
  }
  bool operator==(const SaslHandshakeResponse&) const = default;
};

}  // namespace freshet::kafka
