// Transactions from inside this process: the same coordinator, fencing and log as a TCP client.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/local_producer.h"
#include "broker/services.h"
#include "kafka/transactional_producer.h"

namespace freshet::broker {

/// One thread at a time; every call but send() blocks until what it says is durable.
class LocalTransactionalProducer final : public kafka::TransactionalProducer {
 public:
  /// Takes over `transactional_id`: a transaction that another producer has open is rolled back.
  /// `services` outlives the producer.
  static Result<std::unique_ptr<LocalTransactionalProducer>> make(Services& services,
                                                                  std::string transactional_id,
                                                                  Millis timeout);
  /// Rolls back what is open.
  ~LocalTransactionalProducer() override;

  Result<void> begin() override;
  Sent send(std::vector<kafka::PartitionBatch> batches) override;
  Result<void> send_offsets(const kafka::GroupMembership& who,
                            std::span<const kafka::OffsetCommit> offsets) override;
  Result<void> commit() override;
  Result<void> abort() override;

 private:
  LocalTransactionalProducer(Services& services, std::string transactional_id, Millis timeout)
      : services_(services),
        producer_(services),
        transactional_id_(std::move(transactional_id)),
        timeout_(timeout) {}

  /// A new epoch; with `self` only if nobody else has taken over.
  Result<void> init(std::optional<ProducerIdentity> self);
  [[nodiscard]] Result<void> check_open() const;
  Result<void> add_partitions(const std::vector<kafka::PartitionBatch>& batches);
  Result<void> stamp(kafka::PartitionBatch& batch);
  Result<void> wait_for_sends();
  Result<void> end(bool commit);
  /// Turns the coordinator's answer into an error; a fenced producer stays so.
  Result<void> outcome(kafka::ErrorCode code, std::string_view what);

  Services& services_;
  LocalProducer producer_;
  const std::string transactional_id_;
  const Millis timeout_;
  ProducerIdentity identity_;
  std::map<TopicPartition, int32_t> next_sequences_;
  bool open_ = false;
  bool fenced_ = false;
  bool gap_ = false;  // some batch did not land: sequences cannot go on in this epoch
  std::set<TopicPartition> added_;
  bool offsets_added_ = false;
  std::vector<Sent> sent_;
};

}  // namespace freshet::broker
