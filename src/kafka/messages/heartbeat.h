// Heartbeat (key 12): a member is alive; the answer tells it to rejoin.
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

struct HeartbeatRequest {
  static constexpr ApiKey kApi = ApiKey::kHeartbeat;
  static constexpr std::string_view kName = "HeartbeatRequest";

  std::string group_id;
  int32_t generation_id = 0;
  std::string member_id;
  std::optional<std::string> group_instance_id;

  static constexpr auto schema() {
    return std::array{
        wire::field<&HeartbeatRequest::group_id>("group_id"),
        wire::field<&HeartbeatRequest::generation_id>("generation_id"),
        wire::field<&HeartbeatRequest::member_id>("member_id"),
        wire::field<&HeartbeatRequest::group_instance_id>("group_instance_id", wire::since(3))
            .nullable(),
    };
  }
  bool operator==(const HeartbeatRequest&) const = default;
};

struct HeartbeatResponse {
  static constexpr ApiKey kApi = ApiKey::kHeartbeat;
  static constexpr std::string_view kName = "HeartbeatResponse";

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static constexpr auto schema() {
    return std::array{
        wire::field<&HeartbeatResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&HeartbeatResponse::error_code>("error_code"),
    };
  }
  bool operator==(const HeartbeatResponse&) const = default;
};

}  // namespace freshet::kafka
