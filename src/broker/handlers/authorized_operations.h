// The bit fields of allowed operations in Metadata and DescribeGroups: everything that exists for
// the kind, because there is no authorization yet. Bits are Kafka's AclOperation codes.
#pragma once

#include <cstdint>

namespace freshet::broker {

enum class AclOperation : int8_t {
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kAlter = 7,
  kDescribe = 8,
  kClusterAction = 9,
  kDescribeConfigs = 10,
  kAlterConfigs = 11,
  kIdempotentWrite = 12,
};

template <class... Operations>
constexpr int32_t operation_bits(Operations... operations) {
  return ((1 << static_cast<int>(operations)) | ...);
}

inline constexpr int32_t kTopicOperations =
    operation_bits(AclOperation::kRead, AclOperation::kWrite, AclOperation::kCreate,
                   AclOperation::kDelete, AclOperation::kAlter, AclOperation::kDescribe,
                   AclOperation::kDescribeConfigs, AclOperation::kAlterConfigs);
inline constexpr int32_t kGroupOperations =
    operation_bits(AclOperation::kRead, AclOperation::kDelete, AclOperation::kDescribe,
                   AclOperation::kDescribeConfigs, AclOperation::kAlterConfigs);
inline constexpr int32_t kClusterOperations =
    operation_bits(AclOperation::kCreate, AclOperation::kAlter, AclOperation::kDescribe,
                   AclOperation::kClusterAction, AclOperation::kDescribeConfigs,
                   AclOperation::kAlterConfigs, AclOperation::kIdempotentWrite);

}  // namespace freshet::broker
