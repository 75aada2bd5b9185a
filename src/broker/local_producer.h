// Appends from inside this process: no socket, no copy, the same group commit as TCP producers, and
// the same rules: what a topic's configs refuse or change (max.message.bytes, keys, times,
// compression.type, message.timestamp.type), who owns a topic, sequences, epochs, transactions.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "broker/quotas/local_throttle.h"
#include "broker/services.h"
#include "kafka/record_producer.h"

namespace freshet::broker {

/// Any thread. produce() blocks its caller while the append queue is full (back-pressure), and
/// while the client id is over its quota.
class LocalProducer final : public kafka::RecordProducer {
 public:
  /// `services` outlives the producer.
  explicit LocalProducer(Services& services, std::string client_id = "freshet")
      : services_(services), throttle_(services, std::move(client_id)) {}

  Result<int32_t> partition_count(const std::string& topic) override;
  std::future<Result<std::vector<Offset>>> produce(
      std::vector<kafka::PartitionBatch> batches) override;
  Result<std::vector<kafka::LogSlice>> read_backwards(const TopicPartition& tp, Offset before,
                                                      size_t bytes_max) override;

  /// Of its client id, for whoever does more in its name.
  [[nodiscard]] LocalThrottle& throttle() { return throttle_; }

 private:
  struct Pending;

  [[nodiscard]] Result<PartitionLogPtr> find_log(const TopicPartition& tp) const;
  /// Applies the topic's rules to the batch: the bytes to append.
  Result<std::string> admit(const TopicPartition& tp, std::string batch) const;
  /// Waits for room in the append queue, then queues the batch.
  Result<void> append(PartitionLog& log, std::string bytes, const std::shared_ptr<Pending>& pending,
                      size_t index);
  /// False if the queue was full after all: somebody else was faster.
  static bool try_append(PartitionLog& log, const std::shared_ptr<std::string>& batch,
                         const std::shared_ptr<Pending>& pending, size_t index);

  Services& services_;
  LocalThrottle throttle_;
};

}  // namespace freshet::broker
