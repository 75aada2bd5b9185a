// DeleteAcls (key 31): removes the access rules that match filters.
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

/// Null filters match everything.
struct DeleteAclsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteAcls;
  static constexpr std::string_view kName = "DeleteAclsRequest";

  struct Filter {
    int8_t resource_type_filter = 0;
    std::optional<std::string> resource_name_filter;
    int8_t pattern_type_filter = 3;
    std::optional<std::string> principal_filter;
    std::optional<std::string> host_filter;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Filter::resource_type_filter>("resource_type_filter"),
          wire::field<&Filter::resource_name_filter>("resource_name_filter").nullable(),
          wire::field<&Filter::pattern_type_filter>("pattern_type_filter"),
          wire::field<&Filter::principal_filter>("principal_filter").nullable(),
          wire::field<&Filter::host_filter>("host_filter").nullable(),
          wire::field<&Filter::operation>("operation"),
          wire::field<&Filter::permission_type>("permission_type"),
      };
    }
    bool operator==(const Filter&) const = default;
  };

  std::vector<Filter> filters;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteAclsRequest::filters>("filters"),
    };
  }
  bool operator==(const DeleteAclsRequest&) const = default;
};

/// `filter_results` are in the order of the filters.
struct DeleteAclsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteAcls;
  static constexpr std::string_view kName = "DeleteAclsResponse";

  struct MatchingAcl {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    int8_t resource_type = 0;
    std::string resource_name;
    int8_t pattern_type = 3;
    std::string principal;
    std::string host;
    int8_t operation = 0;
    int8_t permission_type = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&MatchingAcl::error_code>("error_code"),
          wire::field<&MatchingAcl::error_message>("error_message").nullable(),
          wire::field<&MatchingAcl::resource_type>("resource_type"),
          wire::field<&MatchingAcl::resource_name>("resource_name"),
          wire::field<&MatchingAcl::pattern_type>("pattern_type"),
          wire::field<&MatchingAcl::principal>("principal"),
          wire::field<&MatchingAcl::host>("host"),
          wire::field<&MatchingAcl::operation>("operation"),
          wire::field<&MatchingAcl::permission_type>("permission_type"),
      };
    }
    bool operator==(const MatchingAcl&) const = default;
  };

  struct FilterResult {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message;
    std::vector<MatchingAcl> matching_acls;

    static constexpr auto schema() {
      return std::array{
          wire::field<&FilterResult::error_code>("error_code"),
          wire::field<&FilterResult::error_message>("error_message").nullable(),
          wire::field<&FilterResult::matching_acls>("matching_acls"),
      };
    }
    bool operator==(const FilterResult&) const = default;
  };

  int32_t throttle_time_ms = 0;
  std::vector<FilterResult> filter_results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteAclsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DeleteAclsResponse::filter_results>("filter_results"),
    };
  }
  bool operator==(const DeleteAclsResponse&) const = default;
};

}  // namespace freshet::kafka
