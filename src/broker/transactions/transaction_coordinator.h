// Runs the transactions of all transactional ids: durable states, markers, fencing, time-outs.
//
// The states of one id and what each request makes of them: transaction.h. What is durable:
// docs/formats/transactions.md. Here is the order of writes:
//
//   begin  AddPartitionsToTxn   [state log: Ongoing + partitions], then the partitions are told
//   that
//                               this producer may begin (PartitionLog::allow_transaction), then the
//                               answer
//   offsets TxnOffsetCommit     [state log: pending offsets], then the answer
//   end    EndTxn, time-out     [state log: Prepare*] [marker]… [offsets log: offsets of the
//   groups]
//                               [state log: Complete*, pending offsets gone] in one group commit
//                               (LogStore::append_together), then the answer
//
// Failure points. A crash leaves a prefix of that order. Before Prepare*: the transaction is still
// Ongoing; the producer goes on, or it times out. After it and before Complete*: recover() writes
// what is missing before anybody is served; a marker that is there already has ended the
// transaction in its partition and a second one changes nothing there, and the offsets are
// written again with the same values before anybody can have committed newer ones. A write that is
// refused because the log is full waits for room; one that fails for good is answered
// COORDINATOR_NOT_AVAILABLE and the state stays what it was: the log store takes nothing any more.
//
// Invariants
//  - A partition takes a transactional batch only from a producer whose transaction names the
//    partition: it is durable in the state log first, and the marker takes the permission back. So
//    no batch, however late, opens a transaction that nobody will end.
//  - Requests of one id are served one after the other; who comes meanwhile waits here instead of
//    being sent away (CONCURRENT_TRANSACTIONS only when more than kWaitingMax wait).
//  - Offsets of a transaction are pending (PendingOffsets) from before TxnOffsetCommit is answered
//    until after they are in force or forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/pending_offsets.h"
#include "broker/producer_ids.h"
#include "broker/storage/keyed_log.h"
#include "broker/storage/log_store.h"
#include "broker/transactions/transaction.h"

namespace freshet::broker {

struct TransactionSettings {
  Millis timeout_max{900'000};               // transaction.max.timeout.ms
  Millis id_expiration{7L * 24 * 3600'000};  // transactional.id.expiration.ms
  size_t ids_max = 100'000;
};

struct TransactionListing {
  std::string transactional_id;
  Transaction transaction;
};

/// Any thread may call any method. A `done` is called exactly once, on the calling thread or on the
/// commit thread of the log; what it reports is durable.
class TransactionCoordinator {
 public:
  using FindPartition = std::function<PartitionLogPtr(const TopicPartition&)>;
  using InitDone = std::move_only_function<void(kafka::ErrorCode, ProducerIdentity)>;
  using Done = std::move_only_function<void(kafka::ErrorCode)>;
  using CommitDone = GroupCoordinator::CommitDone;
  using WakeAt = std::function<void(SteadyTime)>;

  struct Parts {  // all outlive the coordinator
    LogStore& store;
    GroupCoordinator& groups;
    ProducerIds& producer_ids;
    Clock& clock;
    FindPartition find_partition;
  };

  /// Reads the log, ends what a crash has left prepared, and rolls back transactions in partitions
  /// that no id knows of. Blocks until all of that is durable.
  static Result<std::unique_ptr<TransactionCoordinator>> open(std::unique_ptr<KeyedLog> log,
                                                              TransactionSettings settings,
                                                              Parts parts);
  ~TransactionCoordinator();
  TransactionCoordinator(const TransactionCoordinator&) = delete;
  TransactionCoordinator& operator=(const TransactionCoordinator&) = delete;

  /// Told whenever tick() is needed earlier than asked for before. Set once.
  void set_wake_at(WakeAt wake_at);
  /// Rolls back what has timed out.
  void tick();
  /// Forgets ids that nobody has used for so long; call it every few minutes.
  void expire_ids();
  /// Everything that comes later is answered COORDINATOR_NOT_AVAILABLE.
  void stop();

  /// InitProducerId. `expected`: KIP-360.
  void init(const std::string& id, Millis timeout, std::optional<ProducerIdentity> expected,
            InitDone done);
  /// All or none; the caller has seen that they exist.
  void add_partitions(const std::string& id, const ProducerIdentity& producer,
                      std::set<TopicPartition> partitions, Done done);
  /// AddOffsetsToTxn.
  void add_offsets(const std::string& id, const ProducerIdentity& producer, Done done);
  /// TxnOffsetCommit: one code per offset, in order.
  void commit_offsets(const std::string& id, const ProducerIdentity& producer,
                      const std::string& group, const MemberIdentity& who,
                      std::vector<OffsetToCommit> offsets, CommitDone done);
  void end(const std::string& id, const ProducerIdentity& producer, bool commit, Done done);

  [[nodiscard]] const PendingOffsets& pending_offsets() const { return pending_; }
  [[nodiscard]] std::optional<Transaction> describe(const std::string& id) const;
  /// In order of id.
  [[nodiscard]] std::vector<TransactionListing> list() const;

 private:
  struct Entry {
    std::string id;
    Transaction transaction;
    bool busy = false;  // a request of it is being served
    std::deque<std::move_only_function<void()>> waiting;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  /// What is left to do once the mutex is released; empty: nothing.
  using Action = std::move_only_function<void()>;
  /// Decides, under the mutex. The action must in the end lead to release().
  using Operation = std::move_only_function<Action(const EntryPtr&)>;
  struct Ending;

  TransactionCoordinator(std::unique_ptr<KeyedLog> log, TransactionSettings settings, Parts parts);

  Result<void> load();
  Result<void> recover();
  Result<void> end_unknown_transactions();

  /// Runs `operation` when it is the id's turn. False: no such id, or too many wait.
  kafka::ErrorCode submit(const std::string& id, bool create, Operation operation);
  void run(const EntryPtr& entry, Operation operation);
  /// The id's turn is over; the next one that waits has it.
  void release(const EntryPtr& entry);

  void init_now(const EntryPtr& entry, InitRequest request, InitDone done);
  /// Makes `next` durable and the state of the id, then calls `done`. The turn stays.
  void persist(const EntryPtr& entry, Transaction next, Done done);
  /// Writes everything that ends a prepared transaction. The turn stays.
  void finish(const EntryPtr& entry, Transaction prepared, Done done);
  void try_finish(const std::shared_ptr<Ending>& ending);
  void finished(const std::shared_ptr<Ending>& ending);
  void add_pending(const EntryPtr& entry, const std::string& group,
                   std::vector<OffsetToCommit> offsets, CommitDone done);
  void write(std::vector<KeyedChange> changes, KeyedLog::WriteDone done);
  void allow(const Transaction& transaction, const std::set<TopicPartition>& partitions);
  void arm(const Transaction& transaction);
  void retry_later();
  [[nodiscard]] int64_t now_ms() const { return parts_.clock.wall().time_since_epoch().count(); }

  const TransactionSettings settings_;
  const Parts parts_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  PendingOffsets pending_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, EntryPtr> entries_;
  WakeAt wake_at_;
  std::optional<SteadyTime> armed_;
  bool stopped_ = false;

  // Last: its destructor waits for writes whose callbacks use all of the above.
  std::unique_ptr<KeyedLog> log_;
};

}  // namespace freshet::broker
