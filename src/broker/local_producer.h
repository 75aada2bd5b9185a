// Appends from inside this process: no socket, no copy, the same group commit as TCP producers.
#pragma once

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
  [[nodiscard]] Result<PartitionLogPtr> find_log(const TopicPartition& tp) const;

  Services& services_;
};

}  // namespace freshet::broker
