// Writes to several partitions, and commits what was consumed for it, all or nothing. Real users:
// broker/local_transactional_producer.h (in process) and the librdkafka form for an external Kafka,
// which a later change adds.
//
//   begin ──> send, send_offsets … ──> commit
//                                  └─> abort    after any error, too
//
// Fencing: making another producer of the same transactional id ends this one. Errc::kFenced from
// any call is for good; every other error asks for abort(), after which begin() may be called.
#pragma once

#include <future>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "kafka/record_producer.h"
#include "model/offset.h"

namespace freshet::kafka {

/// On behalf of whom offsets are committed: a transaction of a former member is refused.
struct GroupMembership {
  std::string group;
  std::string member_id;  // empty, with generation -1: of no member
  int32_t generation = -1;
};

/// One thread at a time.
class TransactionalProducer {
 public:
  using Sent = std::shared_future<Result<std::vector<Offset>>>;

  virtual ~TransactionalProducer() = default;

  /// kRefused: one is open already.
  virtual Result<void> begin() = 0;
  /// Adds batches (kafka/record_batch.h, without a producer) to the open transaction, in order.
  /// Ready when they are durable; readers of committed records see them after commit().
  virtual Sent send(std::vector<PartitionBatch> batches) = 0;
  /// The group's position once the transaction commits. kFenced also when the membership has
  /// passed.
  virtual Result<void> send_offsets(const GroupMembership& who,
                                    std::span<const OffsetCommit> offsets) = 0;
  /// Waits for everything sent; then all of it is there for everybody, durably. An error of what
  /// was sent is returned, and nothing is committed.
  virtual Result<void> commit() = 0;
  virtual Result<void> abort() = 0;
};

}  // namespace freshet::kafka
