// One transactional id as a pure state machine: what it is, and what each request makes of it. No
// sockets, no threads, no storage; time comes in. transaction_coordinator.h runs it.
//
//            InitProducerId (epoch + 1, or a new producer id)
//          ┌──────────────────────────────────────────────────┐
//          v                                                  │
//        Empty ──AddPartitions, AddOffsets──> Ongoing     CompleteCommit, CompleteAbort
//                                             │  │  ^            │        ^
//                           EndTxn(commit)    │  │  └── Add… ────┘        │ every marker is written
//                     ┌───────────────────────┘  │                        │
//                     v                          v                        │
//               PrepareCommit              PrepareAbort  ─────────────────┤
//                     └───────────────────────────────────────────────────┘
//   PrepareAbort also follows a time-out, and an InitProducerId during Ongoing; both with a bumped
//   epoch, so that who wrote until then is fenced.
//
// Invariants
//  - Once Prepare* is durable the outcome never changes, whatever crashes.
//  - (producer id, epoch) only grows: a new epoch, or at the end of the epochs a new id with epoch
//    0. A request with another pair than the current one changes nothing.
//  - Partitions are not empty only in Ongoing and Prepare*, and every partition that holds a
//    batch of the open transaction is among them.
// Sources: KIP-98, KIP-360 (recovery of producers), KIP-447, KIP-588, Apache Kafka's
// TransactionMetadata. Transactions of version 2 (KIP-890) would bump the epoch in decide_end().
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "kafka/error_code.h"
#include "model/offset.h"

namespace freshet::broker {

/// The numbers are those of Kafka's transaction log.
enum class TransactionState : int8_t {
  kEmpty = 0,
  kOngoing = 1,
  kPrepareCommit = 2,
  kPrepareAbort = 3,
  kCompleteCommit = 4,
  kCompleteAbort = 5,
};
/// Kafka's name, as ListTransactions answers: "CompleteCommit".
[[nodiscard]] std::string_view transaction_state_name(TransactionState state);
[[nodiscard]] std::optional<TransactionState> parse_transaction_state(std::string_view name);

struct ProducerIdentity {
  int64_t id = -1;
  int16_t epoch = -1;
  friend bool operator==(const ProducerIdentity&, const ProducerIdentity&) = default;
};

/// What is durable of a transactional id. Layout: docs/formats/transactions.md.
struct Transaction {
  ProducerIdentity producer;  // id -1: InitProducerId has never come through
  /// The pair that a repeated InitProducerId may still name (KIP-360); -1: none.
  ProducerIdentity last_producer;
  int32_t timeout_ms = 0;
  TransactionState state = TransactionState::kEmpty;
  std::set<TopicPartition> partitions;
  int64_t updated_ms = 0;
  int64_t started_ms = -1;  // wall clock; -1: none is open
  friend bool operator==(const Transaction&, const Transaction&) = default;

  [[nodiscard]] bool is_prepared() const {
    return state == TransactionState::kPrepareCommit || state == TransactionState::kPrepareAbort;
  }
  /// No further bump would leave an epoch for a fencing abort.
  [[nodiscard]] bool epochs_used_up() const;
};

/// Answer `error`; with `next` only once that is durable.
struct TransactionDecision {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::optional<Transaction> next;
};

struct InitDecision {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  /// Make `next` (a PrepareAbort) of it, complete it and decide again.
  bool abort_first = false;
  /// A new producer id is needed: decide again with one.
  bool new_producer_id = false;
  std::optional<Transaction> next;
};

struct InitRequest {
  int32_t timeout_ms = 0;
  /// KIP-360: who the producer thinks it is.
  std::optional<ProducerIdentity> expected;
  /// A fresh producer id, once one was asked for.
  std::optional<int64_t> fresh_id;
};

/// `now` may be new (producer id -1). Not for prepared ones: complete those before.
[[nodiscard]] InitDecision decide_init(const Transaction& now, const InitRequest& request,
                                       int64_t now_ms);
/// NONE without `next`: all are in it already.
[[nodiscard]] TransactionDecision decide_add(const Transaction& now,
                                             const ProducerIdentity& producer,
                                             const std::set<TopicPartition>& partitions,
                                             int64_t now_ms);
/// NONE without `next`: it has ended like that already. INVALID_TXN_STATE: there is nothing to end,
/// or it has ended the other way.
[[nodiscard]] TransactionDecision decide_end(const Transaction& now,
                                             const ProducerIdentity& producer, bool commit,
                                             int64_t now_ms);
/// Whether `producer` may now write what belongs to the open transaction, such as offsets.
[[nodiscard]] kafka::ErrorCode check_member(const Transaction& now,
                                            const ProducerIdentity& producer,
                                            const TopicPartition& partition);
/// The PrepareAbort that fences whoever runs this Ongoing transaction.
[[nodiscard]] Transaction fenced(const Transaction& now, int64_t now_ms);
/// The Complete* that follows this Prepare*.
[[nodiscard]] Transaction completed(const Transaction& now, int64_t now_ms);
/// When an Ongoing transaction is rolled back by itself, wall clock.
[[nodiscard]] int64_t times_out_at_ms(const Transaction& now);

}  // namespace freshet::broker
