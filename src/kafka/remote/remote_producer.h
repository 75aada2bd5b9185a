// Appends to a Kafka that runs elsewhere: idempotent, acks=all, one request of a partition at a
// time, batches sent as they were built.
//
// A batch is one unit to Kafka, so what its last record says about the batch holds whenever it is
// there: sources keep their position that way. Each batch gets this producer's id and the next
// sequence of its partition, so that sending it again after an unknown outcome never doubles it.
//
//   queued -> sent -> acknowledged                     the future holds the base offsets
//              └─ retriable or no answer -> sent again, until delivery_timeout
//              └─ refused, or too late   -> failed, with everything queued behind it for any of the
//                 same partitions, and a new producer epoch: a late copy of it is then refused
//
// A copy is late when its broker hung, or lost the connection, with the request in hand. It can
// still land until a partition has got its first batch of the next epoch (KIP-360), or for ever if
// no such batch comes, as after the end of the program. delivery_timeout is far longer than a
// cluster leaves a broker that hangs in the lead.
//
// Back-pressure: produce() waits while more than queue_bytes_max are queued.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kafka/messages/produce.h"
#include "kafka/record_producer.h"
#include "kafka/remote/cluster.h"

namespace freshet::kafka {

struct RemoteProducerOptions {
  std::chrono::milliseconds delivery_timeout{120'000};
  std::chrono::milliseconds retry_pause{100};  // doubles, with jitter
  std::chrono::milliseconds retry_pause_max{1'000};
  size_t queue_bytes_max = 16 << 20;
};

/// Any thread; the sending is done by one thread of its own.
class RemoteProducer final : public RecordProducer {
 public:
  explicit RemoteProducer(std::shared_ptr<Cluster> cluster, RemoteProducerOptions options = {});
  /// What is queued fails with kCancelled.
  ~RemoteProducer() override;

  Result<int32_t> partition_count(const std::string& topic) override;
  /// kTooLarge and kRefused are for people; kUnavailable: look what has landed, then try again.
  /// kOutOfRange: a record's time, as RecordProducer says.
  std::future<Result<std::vector<Offset>>> produce(std::vector<PartitionBatch> batches) override;
  Result<std::vector<LogSlice>> read_backwards(const TopicPartition& tp, Offset before,
                                               size_t bytes_max) override;
  void stop_waiting(std::chrono::milliseconds limit) override;

 private:
  using Deadline = BrokerConnection::Deadline;
  struct Job {
    std::vector<PartitionBatch> batches;
    std::vector<Offset> offsets;  // kNoOffset: not acknowledged
    std::vector<bool> numbered;   // has its sequence
    std::promise<Result<std::vector<Offset>>> promise;
    size_t bytes = 0;
    Deadline deadline{};
  };

  void send_loop(const std::stop_token& stop);
  Result<void> deliver(Job& job, const std::stop_token& stop);
  /// Sends what is not acknowledged, at most one batch a partition. The error of the worst.
  Result<void> send_round(Job& job);
  Result<void> send_to(int32_t leader, Job& job, const std::vector<size_t>& batches);
  Result<void> take_answer(Job& job, size_t batch, const ProduceResponse::Partition& answer);
  Result<void> ensure_producer_id();
  void number(Job& job, size_t batch);
  void renew_epoch();
  void fail_behind(const Job& job, const Error& error);
  Result<std::string> read_range(const TopicPartition& tp, Offset from, Offset before,
                                 size_t bytes_max);
  Result<std::pair<Offset, Offset>> log_ends(const TopicPartition& tp);

  const std::shared_ptr<Cluster> cluster_;
  const RemoteProducerOptions options_;

  // Of the sending thread.
  int64_t producer_id_ = -1;
  int16_t epoch_ = 0;
  std::map<TopicPartition, int32_t> sequences_;  // of the next batch
  bool lost_track_ = false;                      // sending the same again leads nowhere
  std::minstd_rand jitter_{std::random_device()()};

  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::deque<std::unique_ptr<Job>> queue_;
  size_t queued_bytes_ = 0;
  Deadline wait_until_ = Deadline::max();  // whatever delivery_timeout says
  bool stopping_ = false;

  std::jthread sender_;  // last: joined before the rest goes
};

}  // namespace freshet::kafka
