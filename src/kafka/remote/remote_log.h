// The log of a Kafka that runs elsewhere, as a consumer reads it: read_committed, and by topic id
// where the broker can, so that a topic that was created again is not read in place of the old one.
//
// The id of a topic is learned at its first use and holds until begin_anew().
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kafka/group_consumer.h"
#include "kafka/messages/fetch.h"
#include "kafka/remote/cluster.h"

namespace freshet::kafka {

struct RemoteLogOptions {
  size_t fetch_bytes_max = 64 << 20;
  /// How old an answer of bounds() may be; 0: each asks the leader, for that partition alone.
  std::chrono::milliseconds bounds_age_max{5};
};

/// Any thread; no call holds up another one while it waits for a broker.
class RemoteLog {
 public:
  RemoteLog(std::shared_ptr<Cluster> cluster, RemoteLogOptions options);

  /// As GroupConsumer::fetch(). kRefused: the topic was created again. A broker that slows this
  /// client down (quotas) is waited for.
  Result<FetchedBatches> fetch(const TopicPartition& tp, Offset from, size_t bytes_max,
                               std::chrono::milliseconds wait);
  /// One question answers for all partitions of a broker that were asked about before. kUnavailable
  /// after two seconds: it is asked often, about many partitions in turn.
  Result<PartitionBounds> bounds(const TopicPartition& tp);
  /// As GroupConsumer::offset_at().
  Result<Offset> offset_at(const TopicPartition& tp, std::chrono::milliseconds since_epoch);
  Result<TopicId> topic_id(const std::string& topic);

  /// A new generation: other partitions, perhaps other topics of the same name.
  void begin_anew();

 private:
  using Deadline = BrokerConnection::Deadline;
  struct KnownBounds {
    PartitionBounds bounds;
    Deadline end_at{};  // when the leader said so
    Deadline start_at{};
    Deadline not_before{};  // answers to older questions do not count
  };

  Result<FetchedBatches> fetch_once(const TopicPartition& tp, Offset from, size_t bytes_max,
                                    std::chrono::milliseconds wait);
  Result<FetchResponse> ask(const TopicPartition& tp, const FetchRequest& request, TopicId id,
                            std::shared_ptr<const std::string>& frame);
  [[nodiscard]] Error refusal(const TopicPartition& tp, Offset from, ErrorCode code, TopicId id);
  [[nodiscard]] Error unknown_topic(const TopicPartition& tp, TopicId read_as);
  Result<Offset> ask_bounds(const TopicPartition& tp, int64_t timestamp, Deadline deadline);
  [[nodiscard]] std::vector<TopicPartition> asked_with(const TopicPartition& tp, int32_t leader,
                                                       Deadline deadline);
  [[nodiscard]] KnownBounds known_bounds(const TopicPartition& tp);

  const std::shared_ptr<Cluster> cluster_;
  const RemoteLogOptions options_;

  std::mutex mutex_;
  // Guarded by mutex_, which is never held over a question.
  std::map<std::string, TopicId> topic_ids_;
  std::map<TopicPartition, KnownBounds> bounds_;
};

}  // namespace freshet::kafka
