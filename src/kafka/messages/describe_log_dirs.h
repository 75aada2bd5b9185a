// DescribeLogDirs (key 35): how much room partitions take on disk.
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

/// Null `topics` asks for everything.
struct DescribeLogDirsRequest {
  static constexpr ApiKey kApi = ApiKey::kDescribeLogDirs;
  static constexpr std::string_view kName = "DescribeLogDirsRequest";

  struct Topic {
    std::string topic;
    std::vector<int32_t> partitions;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Topic::topic>("topic"),
          wire::field<&Topic::partitions>("partitions"),
      };
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::vector<Topic>> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeLogDirsRequest::topics>("topics").nullable(),
    };
  }
  bool operator==(const DescribeLogDirsRequest&) const = default;
};

/// Sizes are in bytes; those of the volume are -1 where unknown.
struct DescribeLogDirsResponse {
  static constexpr ApiKey kApi = ApiKey::kDescribeLogDirs;
  static constexpr std::string_view kName = "DescribeLogDirsResponse";

  struct Partition {
    int32_t partition_index = 0;
    int64_t partition_size = 0;
    int64_t offset_lag = 0;
    bool is_future_key = false;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::partition_size>("partition_size"),
          wire::field<&Partition::offset_lag>("offset_lag"),
          wire::field<&Partition::is_future_key>("is_future_key"),
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

  struct Result {
    ErrorCode error_code = ErrorCode::kNone;
    std::string log_dir;
    std::vector<Topic> topics;
    int64_t total_bytes = -1;
    int64_t usable_bytes = -1;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Result::error_code>("error_code"),
          wire::field<&Result::log_dir>("log_dir"),
          wire::field<&Result::topics>("topics"),
          wire::field<&Result::total_bytes>("total_bytes", wire::since(4)),
          wire::field<&Result::usable_bytes>("usable_bytes", wire::since(4)),
      };
    }
    bool operator==(const Result&) const = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<Result> results;

  static constexpr auto schema() {
    return std::array{
        wire::field<&DescribeLogDirsResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&DescribeLogDirsResponse::error_code>("error_code", wire::since(3)),
        wire::field<&DescribeLogDirsResponse::results>("results"),
    };
  }
  bool operator==(const DescribeLogDirsResponse&) const = default;
};

}  // namespace freshet::kafka
