#include "broker/transactions/transaction.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace freshet::broker {

using kafka::ErrorCode;

namespace {

constexpr std::array<std::string_view, 6> kStateNames{
    "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"};

/// The last epoch that a client is given; the one above is kept for the abort that fences it.
constexpr int16_t kEpochMax = INT16_MAX - 1;

bool epoch_used_up(int16_t epoch) { return epoch >= kEpochMax; }

// KIP-360: the current pair, or the one before if the answer to its renewal may have been lost.
bool may_continue(const Transaction& now, const ProducerIdentity& expected) {
  if (now.producer.id < 0 || expected.id == now.producer.id) return true;
  return expected.id == now.last_producer.id && epoch_used_up(expected.epoch);
}

Transaction empty_with(const Transaction& now, ProducerIdentity producer, ProducerIdentity last,
                       int32_t timeout_ms, int64_t now_ms) {
  Transaction next = now;
  next.state = TransactionState::kEmpty;
  next.producer = producer;
  next.last_producer = last;
  next.timeout_ms = timeout_ms;
  next.partitions.clear();
  next.started_ms = -1;
  next.updated_ms = now_ms;
  return next;
}

InitDecision refuse(ErrorCode error) {
  InitDecision decision;
  decision.error = error;
  return decision;
}

}  // namespace

std::string_view transaction_state_name(TransactionState state) {
  return kStateNames[static_cast<size_t>(state)];
}

std::optional<TransactionState> parse_transaction_state(std::string_view name) {
  const auto* const found = std::ranges::find(kStateNames, name);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<TransactionState>(found - kStateNames.begin());
}

bool Transaction::epochs_used_up() const { return epoch_used_up(producer.epoch); }

InitDecision decide_init(const Transaction& now, const InitRequest& request, int64_t now_ms) {
  FRESHET_CHECK(!now.is_prepared(), "a prepared transaction is completed before anything else");
  const auto& expected = request.expected;
  if (expected && !may_continue(now, *expected)) return refuse(ErrorCode::kProducerFenced);
  const bool current = !expected || now.producer.id < 0 || *expected == now.producer;
  InitDecision decision;
  if (now.state == TransactionState::kOngoing) {
    if (!current) return refuse(ErrorCode::kProducerFenced);
    decision.abort_first = true;
    decision.next = fenced(now, now_ms);
    // The same producer goes on after its own abort: it keeps its claim.
    if (expected) decision.next->last_producer = *expected;
    return decision;
  }
  const bool repeated = expected && !current && *expected == now.last_producer;
  if (repeated && now.state != TransactionState::kCompleteAbort) {
    // The answer to the first one was lost: the same answer again, without another bump.
    decision.next = empty_with(now, now.producer, now.last_producer, request.timeout_ms, now_ms);
    return decision;
  }
  if (!current && !repeated) return refuse(ErrorCode::kProducerFenced);
  const ProducerIdentity last =
      expected ? (repeated ? *expected : now.producer) : ProducerIdentity();
  if (now.producer.id < 0 || now.epochs_used_up()) {
    if (!request.fresh_id) {
      decision.new_producer_id = true;
      return decision;
    }
    decision.next = empty_with(now, {*request.fresh_id, 0}, last, request.timeout_ms, now_ms);
    return decision;
  }
  const ProducerIdentity bumped{now.producer.id, static_cast<int16_t>(now.producer.epoch + 1)};
  decision.next = empty_with(now, bumped, last, request.timeout_ms, now_ms);
  return decision;
}

TransactionDecision decide_add(const Transaction& now, const ProducerIdentity& producer,
                               const std::set<TopicPartition>& partitions, int64_t now_ms) {
  if (now.producer.id != producer.id) return {ErrorCode::kInvalidProducerIdMapping, std::nullopt};
  if (now.producer.epoch != producer.epoch) return {ErrorCode::kProducerFenced, std::nullopt};
  if (now.is_prepared()) return {ErrorCode::kConcurrentTransactions, std::nullopt};
  const bool ongoing = now.state == TransactionState::kOngoing;
  if (ongoing && std::ranges::includes(now.partitions, partitions)) return {};
  TransactionDecision decision;
  Transaction next = now;
  next.state = TransactionState::kOngoing;
  next.partitions.insert(partitions.begin(), partitions.end());
  next.updated_ms = now_ms;
  if (!ongoing) next.started_ms = now_ms;
  decision.next = std::move(next);
  return decision;
}

TransactionDecision decide_end(const Transaction& now, const ProducerIdentity& producer,
                               bool commit, int64_t now_ms) {
  if (now.producer.id != producer.id) return {ErrorCode::kInvalidProducerIdMapping, std::nullopt};
  if (now.producer.epoch != producer.epoch) return {ErrorCode::kProducerFenced, std::nullopt};
  switch (now.state) {
    case TransactionState::kOngoing: {
      TransactionDecision decision;
      decision.next = now;
      decision.next->state =
          commit ? TransactionState::kPrepareCommit : TransactionState::kPrepareAbort;
      decision.next->updated_ms = now_ms;
      return decision;
    }
    case TransactionState::kCompleteCommit:
      return {commit ? ErrorCode::kNone : ErrorCode::kInvalidTxnState, std::nullopt};
    case TransactionState::kCompleteAbort:
      return {commit ? ErrorCode::kInvalidTxnState : ErrorCode::kNone, std::nullopt};
    case TransactionState::kPrepareCommit:
      return {commit ? ErrorCode::kConcurrentTransactions : ErrorCode::kInvalidTxnState,
              std::nullopt};
    case TransactionState::kPrepareAbort:
      return {commit ? ErrorCode::kInvalidTxnState : ErrorCode::kConcurrentTransactions,
              std::nullopt};
    case TransactionState::kEmpty:
      return {ErrorCode::kInvalidTxnState, std::nullopt};
  }
  return {ErrorCode::kInvalidTxnState, std::nullopt};
}

ErrorCode check_member(const Transaction& now, const ProducerIdentity& producer,
                       const TopicPartition& partition) {
  if (now.producer.id != producer.id) return ErrorCode::kInvalidProducerIdMapping;
  if (now.producer.epoch != producer.epoch) return ErrorCode::kInvalidProducerEpoch;
  const bool member = now.state == TransactionState::kOngoing && now.partitions.contains(partition);
  return member ? ErrorCode::kNone : ErrorCode::kInvalidTxnState;
}

Transaction fenced(const Transaction& now, int64_t now_ms) {
  FRESHET_CHECK(now.state == TransactionState::kOngoing, "only an open transaction is fenced");
  Transaction next = now;
  next.state = TransactionState::kPrepareAbort;
  next.producer.epoch = static_cast<int16_t>(now.producer.epoch + 1);
  next.last_producer = {};
  next.updated_ms = now_ms;
  return next;
}

Transaction completed(const Transaction& now, int64_t now_ms) {
  FRESHET_CHECK(now.is_prepared(), "only a prepared transaction can be completed");
  Transaction next = now;
  next.state = now.state == TransactionState::kPrepareCommit ? TransactionState::kCompleteCommit
                                                             : TransactionState::kCompleteAbort;
  next.partitions.clear();
  next.updated_ms = now_ms;
  return next;
}

int64_t times_out_at_ms(const Transaction& now) { return now.started_ms + now.timeout_ms; }

}  // namespace freshet::broker
