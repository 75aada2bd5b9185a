// ApiVersions (key 18): which requests the broker speaks. An unknown version is answered in
// version 0 with UNSUPPORTED_VERSION and the list. The response header is always version 0.
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

struct ApiVersionsRequest {
  static constexpr ApiKey kApi = ApiKey::kApiVersions;
  static constexpr std::string_view kName = "ApiVersionsRequest";

  std::string client_software_name;
  std::string client_software_version;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ApiVersionsRequest::client_software_name>("client_software_name",
                                                               wire::since(3)),
        wire::field<&ApiVersionsRequest::client_software_version>("client_software_version",
                                                                  wire::since(3)),
    };
  }
  bool operator==(const ApiVersionsRequest&) const = default;
};

struct ApiVersionsResponse {
  static constexpr ApiKey kApi = ApiKey::kApiVersions;
  static constexpr std::string_view kName = "ApiVersionsResponse";

  struct ApiVersion {
    int16_t api_key = 0;
    int16_t min_version = 0;
    int16_t max_version = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&ApiVersion::api_key>("api_key"),
          wire::field<&ApiVersion::min_version>("min_version"),
          wire::field<&ApiVersion::max_version>("max_version"),
      };
    }
    bool operator==(const ApiVersion&) const = default;
  };

  struct SupportedFeature {
    std::string name;
    int16_t min_version = 0;
    int16_t max_version = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&SupportedFeature::name>("name"),
          wire::field<&SupportedFeature::min_version>("min_version"),
          wire::field<&SupportedFeature::max_version>("max_version"),
      };
    }
    bool operator==(const SupportedFeature&) const = default;
  };

  struct FinalizedFeature {
    std::string name;
    int16_t max_version_level = 0;
    int16_t min_version_level = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&FinalizedFeature::name>("name"),
          wire::field<&FinalizedFeature::max_version_level>("max_version_level"),
          wire::field<&FinalizedFeature::min_version_level>("min_version_level"),
      };
    }
    bool operator==(const FinalizedFeature&) const = default;
  };

  ErrorCode error_code = ErrorCode::kNone;
  std::vector<ApiVersion> api_keys;
  int32_t throttle_time_ms = 0;
  std::vector<SupportedFeature> supported_features;
  int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeature> finalized_features;
  bool zk_migration_ready = false;

  static constexpr auto schema() {
    return std::array{
        wire::field<&ApiVersionsResponse::error_code>("error_code"),
        wire::field<&ApiVersionsResponse::api_keys>("api_keys"),
        wire::field<&ApiVersionsResponse::throttle_time_ms>("throttle_time_ms", wire::since(1)),
        wire::field<&ApiVersionsResponse::supported_features>("supported_features", wire::since(3))
            .tagged(0),
        wire::field<&ApiVersionsResponse::finalized_features_epoch>("finalized_features_epoch",
                                                                    wire::since(3))
            .tagged(1),
        wire::field<&ApiVersionsResponse::finalized_features>("finalized_features", wire::since(3))
            .tagged(2),
        wire::field<&ApiVersionsResponse::zk_migration_ready>("zk_migration_ready", wire::since(3))
            .tagged(3),
    };
  }
  bool operator==(const ApiVersionsResponse&) const = default;
};

}  // namespace freshet::kafka
