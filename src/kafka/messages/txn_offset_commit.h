// TxnOffsetCommit (key 28): positions of a group that count once the transaction commits. Version 5
// belongs to the second transaction protocol (KIP-890).
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

/// `generation_id` -1 with an empty `member_id`: a producer that is no member of the group.
struct TxnOffsetCommitRequest {
  static constexpr ApiKey kApi = ApiKey::kTxnOffsetCommit;
  static constexpr std::string_view kName = "TxnOffsetCommitRequest";

  struct Partition {
    int32_t partition_index = 0;
    int64_t committed_offset = 0;
    int32_t committed_leader_epoch = -1;
    std::optional<std::string> committed_metadata;

    static constexpr auto schema() {
      return std::array{
          wire::field<&Partition::partition_index>("partition_index"),
          wire::field<&Partition::committed_offset>("committed_offset"),
          wire::field<&Partition::committed_leader_epoch>("committed_leader_epoch", wire::since(2)),
          wire::field<&Partition::committed_metadata>("committed_metadata").nullable(),
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

  std::string transactional_id;
  std::string group_id;
  int64_t producer_id = 0;
  int16_t producer_epoch = 0;
  int32_t generation_id = -1;
  std::string member_id;
  std::optional<std::string> group_instance_id;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&TxnOffsetCommitRequest::transactional_id>("transactional_id"),
        wire::field<&TxnOffsetCommitRequest::group_id>("group_id"),
        wire::field<&TxnOffsetCommitRequest::producer_id>("producer_id"),
        wire::field<&TxnOffsetCommitRequest::producer_epoch>("producer_epoch"),
        wire::field<&TxnOffsetCommitRequest::generation_id>("generation_id", wire::since(3)),
        wire::field<&TxnOffsetCommitRequest::member_id>("member_id", wire::since(3)),
        wire::field<&TxnOffsetCommitRequest::group_instance_id>("group_instance_id", wire::since(3))
            .nullable(),
        wire::field<&TxnOffsetCommitRequest::topics>("topics"),
    };
  }
  bool operator==(const TxnOffsetCommitRequest&) const = default;
};

struct TxnOffsetCommitResponse {
  static constexpr ApiKey kApi = ApiKey::kTxnOffsetCommit;
  static constexpr std::string_view kName = "TxnOffsetCommitResponse";

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

  int32_t throttle_time_ms = 0;
  std::vector<Topic> topics;

  static constexpr auto schema() {
    return std::array{
        wire::field<&TxnOffsetCommitResponse::throttle_time_ms>("throttle_time_ms"),
        wire::field<&TxnOffsetCommitResponse::topics>("topics"),
    };
  }
  bool operator==(const TxnOffsetCommitResponse&) const = default;
};

}  // namespace freshet::kafka
