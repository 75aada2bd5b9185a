// FindCoordinator (key 10): which broker coordinates a group (key type 0) or a transactional id
// (1); one key up to version 3, several from 4 on.
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

struct FindCoordinatorRequest {
  static constexpr ApiKey kApi = ApiKey::kFindCoordinator;
  static constexpr std::string_view kName = "FindCoordinatorRequest";

  std::string key;
  int8_t key_type = 0;
  std::vector<std::string> coordinator_keys;

  static constexpr auto schema() {
    return std::array{
        wire::field<&FindCoordinatorRequest::key>("key", wire::between(0, 3)),
        wire::field<&FindCoordinatorRequest::key_type>("key_type", wire::since(1)),
        wire::field<&FindCoordinatorRequest::coordinator_keys>("coordinator_keys", wire::since(4)),
    };
  }
  bool operator==(const FindCoordinatorRequest&) const = default;
};

struct FindCoordinatorResponse {
  static constexpr ApiKey kApi = ApiKey::kFindCoordinator;
  static constexpr std::string_view kName = "FindCoordinatorResponse";

  struct Coordinator {
    std::string key;
    int32_t node_id = 0;
    std::string host;
    int32_t port = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Coordinator::key>("key"),
          wire::field<&Coordinator::node_id>("node_id"),
          wire::field<&Coordinator::host>("host"),
          wire::field<&Coordinator::port>("port"),
          wire::field<&Coordinator::error_code>("error_code"),
          wire::field<&Coordinator::error_message>("error_message").nullable(),
      };
    }
    bool operator==(const Coordinator&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  int32_t node_id = 0;
  std::string host;
  int32_t port = 0;
  std::vector<Coordinator> coordinators;

  static constexpr auto schema() {
    return std::array{
        wire::field<&FindCoordinatorResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&FindCoordinatorResponse::error_code>("error_code", wire::between(0, 3)),
        wire::field<&FindCoordinatorResponse::error_message>("error_message", wire::between(1, 3))
            .nullable(),
        wire::field<&FindCoordinatorResponse::node_id>("node_id", wire::between(0, 3)),
        wire::field<&FindCoordinatorResponse::host>("host", wire::between(0, 3)),
        wire::field<&FindCoordinatorResponse::port>("port", wire::between(0, 3)),
        wire::field<&FindCoordinatorResponse::coordinators>("coordinators", wire::since(4)),
    };
  }
  bool operator==(const FindCoordinatorResponse&) const = default;
};

}  // namespace freshet::kafka
