// DescribeCluster (key 60): the brokers and their controller.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/api.h"
#include "kafka/error_code.h"
#include "kafka/wire/schema.h"

namespace freshet::kafka {

/// `endpoint_type`: 1 brokers, 2 controllers.
struct DescribeClusterRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeCluster;
  static constexpr std::string_view kName = "DescribeClusterRequest";

  bool include_cluster_authorized_operations = false;
  int8_t endpoint_type = 1;
  bool include_fenced_brokers = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeClusterRequest::include_cluster_authorized_operations>(
            "include_cluster_authorized_operations"),
        wire::field<&DescribeClusterRequest::endpoint_type>("endpoint_type", wire::since(1)),
        wire::field<&DescribeClusterRequest::include_fenced_brokers>("include_fenced_brokers",
                                                                     wire::since(2)),
    };
  }
  bool operator==(const DescribeClusterRequest&) const = default;
};

struct DescribeClusterResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeCluster;
  static constexpr std::string_view kName = "DescribeClusterResponse";

  struct Broker {
    int32_t broker_id = 0;
    std::string host;
    int32_t port = 0;
    std::optional<std::string> rack;
    bool is_fenced = false;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Broker::broker_id>("broker_id"),
          wire::field<&Broker::host>("host"),
          wire::field<&Broker::port>("port"),
          wire::field<&Broker::rack>("rack").nullable(),
          wire::field<&Broker::is_fenced>("is_fenced", wire::since(2)),
      };
    }
    bool operator==(const Broker&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  int8_t endpoint_type = 1;
  std::string cluster_id;
  int32_t controller_id = -1;
  std::vector<Broker> brokers;
  int32_t cluster_authorized_operations = std::numeric_limits<int32_t>::min();

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeClusterResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeClusterResponse::error_code>("error_code"),
        wire::field<&DescribeClusterResponse::error_message>("error_message").nullable(),
        wire::field<&DescribeClusterResponse::endpoint_type>("endpoint_type", wire::since(1)),
        wire::field<&DescribeClusterResponse::cluster_id>("cluster_id"),
        wire::field<&DescribeClusterResponse::controller_id>("controller_id"),
        wire::field<&DescribeClusterResponse::brokers>("brokers"),
        wire::field<&DescribeClusterResponse::cluster_authorized_operations>(
            "cluster_authorized_operations"),
    };
  }
  bool operator==(const DescribeClusterResponse&) const = default;
};

}  // namespace freshet::kafka
