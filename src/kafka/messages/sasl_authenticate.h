// SaslAuthenticate (key 36): one step of the SASL exchange that SaslHandshake began.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

struct SaslAuthenticateRequest {
  static constexpr ApiKey kApi = ApiKey::kSaslAuthenticate;
  static constexpr std::string_view kName = "SaslAuthenticateRequest";

  std::string auth_bytes;

  static constexpr auto schema() {
    return std::array{
        wire::bytes<&SaslAuthenticateRequest::auth_bytes>("auth_bytes"),
    };
  }
  bool operator==(const SaslAuthenticateRequest&) const = default;
};

/// `session_lifetime_ms` is 0 where the session does not end by itself.
struct SaslAuthenticateResponse {
  static constexpr ApiKey kApi = ApiKey::kSaslAuthenticate;
  static constexpr std::string_view kName = "SaslAuthenticateResponse";

  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  std::string auth_bytes;
  int64_t session_lifetime_ms = 0;

  static constexpr auto schema() {
    return std::array{
        wire::field<&SaslAuthenticateResponse::error_code>("error_code"),
        wire::field<&SaslAuthenticateResponse::error_message>("error_message").nullable(),
        wire::bytes<&SaslAuthenticateResponse::auth_bytes>("auth_bytes"),
        wire::field<&SaslAuthenticateResponse::session_lifetime_ms>("session_lifetime_ms",
                                                                    wire::since(1)),
    };
  }
  bool operator==(const SaslAuthenticateResponse&) const = default;
};

}  // namespace freshet::kafka
