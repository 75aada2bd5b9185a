// OffsetDelete (key 47): forgets what a group committed for partitions it does not read.
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

struct OffsetDeleteRequest {
  static constexpr ApiKey kApi = ApiKey::kOffsetDelete;
  static constexpr std::string_view kName = "OffsetDeleteRequest";

  struct Partition {
    int32_t partition_index = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::string group_id;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetDeleteRequest::group_id>("group_id"),
        wire::field<&OffsetDeleteRequest::topics>("topics"),
    };
  }
  bool operator==(const OffsetDeleteRequest&) const = default;
};

struct OffsetDeleteResponse {
  static constexpr ApiKey kApi = ApiKey::kOffsetDelete;
  static constexpr std::string_view kName = "OffsetDeleteResponse";

  struct Partition {
    int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::error_code>("error_code"),
      };
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::name>("name"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  ErrorCode error_code = ErrorCode::kNone;
  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&OffsetDeleteResponse::error_code>("error_code"),
        wire::field<&OffsetDeleteResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&OffsetDeleteResponse::topics>("topics"),
    };
  }
  bool operator==(const OffsetDeleteResponse&) const = default;
};

}  // namespace freshet::kafka
