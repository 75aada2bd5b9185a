// Appends from inside this process: no socket, no copy, the same group commit as TCP producers.
#pragma once

#include <memory>
#include <string>

#include "broker/services.h"
#include "kafka/record_producer.h"

namespace freshet::broker {

/// Any thread. produce() blocks its caller while the append queue is full (back-pressure).
class LocalProducer final : public kafka::RecordProducer {
 public:
  /// `services` outlives the producer.
  explicit LocalProducer(Services& services) : services_(services) {}

  Result<int32_t> partition_count(const std::string& topic) override;
  std::future<Result<std::vector<Offset>>> produce(
      std::vector<kafka::PartitionBatch> batches) override;
  Result<std::vector<kafka::LogSlice>> read_backwards(const TopicPartition& tp, Offset before,
                                                      size_t bytes_max) override;

 private:
  struct Pending;

  [[nodiscard]] Result<PartitionLogPtr> find_log(const TopicPartition& tp) const;
  /// Waits for room in the append queue, then queues the batch.
  Result<void> append(PartitionLog& log, std::string bytes, const std::shared_ptr<Pending>& pending,
                      size_t index);
  /// False if the queue was full after all: somebody else was faster.
  static bool try_append(PartitionLog& log, const std::shared_ptr<std::string>& batch,
                         const std::shared_ptr<Pending>& pending, size_t index);

  Services& services_;
};

}  // namespace freshet::broker
