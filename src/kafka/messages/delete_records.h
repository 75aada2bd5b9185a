// DeleteRecords (key 21): moves the beginning of partitions forward.
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

/// `offset` is the first that stays; -1 means the high watermark.
struct DeleteRecordsRequest {
  static constexpr ApiKey kApi = ApiKey::kDeleteRecords;
  static constexpr std::string_view kName = "DeleteRecordsRequest";

  struct Partition {
    int32_t partition_index = 0;
    int64_t offset = 0;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::offset>("offset"),
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

  std::vector<Topic> topics;
  int32_t timeout_ms = 0;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteRecordsRequest::topics>("topics"),
        wire::field<&DeleteRecordsRequest::timeout_ms>("timeout_ms"),
    };
  }
  bool operator==(const DeleteRecordsRequest&) const = default;
};

/// `low_watermark` is the new beginning, -1 with an error.
struct DeleteRecordsResponse {
  static constexpr ApiKey kApi = ApiKey::kDeleteRecords;
  static constexpr std::string_view kName = "DeleteRecordsResponse";

  struct Partition {
    int32_t partition_index = 0;
    int64_t low_watermark = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::low_watermark>("low_watermark"),
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

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DeleteRecordsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DeleteRecordsResponse::topics>("topics"),
    };
  }
  bool operator==(const DeleteRecordsResponse&) const = default;
};

}  // namespace freshet::kafka
