// DescribeAcls (key 29): access rules that match a filter. Resource types, pattern types,
// operations and permission types are the numbers of KIP-140 and KIP-290.
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

/// Null filters match everything; `pattern_type_filter` 3 is a literal name.
struct DescribeAclsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeAcls;
  static constexpr std::string_view kName = "DescribeAclsRequest";

  int8_t resource_type_filter = 0;
  std::optional<std::string> resource_name_filter;
  int8_t pattern_type_filter = 3;
  std::optional<std::string> principal_filter;
  std::optional<std::string> host_filter;
  int8_t operation = 0;
  int8_t permission_type = 0;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeAclsRequest::resource_type_filter>("resource_type_filter"),
        wire::field<&DescribeAclsRequest::resource_name_filter>("resource_name_filter").nullable(),
        wire::field<&DescribeAclsRequest::pattern_type_filter>("pattern_type_filter"),
        wire::field<&DescribeAclsRequest::principal_filter>("principal_filter").nullable(),
        wire::field<&DescribeAclsRequest::host_filter>("host_filter").nullable(),
        wire::field<&DescribeAclsRequest::operation>("operation"),
        wire::field<&DescribeAclsRequest::permission_type>("permission_type"),
    };
  }
  bool operator==(const DescribeAclsRequest&) const = default;
};

struct DescribeAclsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeAcls;
  static constexpr std::string_view kName = "DescribeAclsResponse";

  struct Acl {
    std::string principal;
    std::string host;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Acl::principal>("principal"),
          wire::field<&Acl::host>("host"),
          wire::field<&Acl::operation>("operation"),
          wire::field<&Acl::permission_type>("permission_type"),
      };
    }
    bool operator==(const Acl&) const = default;
  };

  struct Resource {
    int8_t resource_type = 0;
    std::string resource_name;
    int8_t pattern_type = 3;
    std::vector<Acl> acls;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Resource::resource_type>("resource_type"),
          wire::field<&Resource::resource_name>("resource_name"),
          wire::field<&Resource::pattern_type>("pattern_type"),
          wire::field<&Resource::acls>("acls"),
      };
    }
    bool operator==(const Resource&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message;
  std::vector<Resource> resources;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeAclsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeAclsResponse::error_code>("error_code"),
        wire::field<&DescribeAclsResponse::error_message>("error_message").nullable(),
        wire::field<&DescribeAclsResponse::resources>("resources"),
    };
  }
  bool operator==(const DescribeAclsResponse&) const = default;
};

}  // namespace freshet::kafka
