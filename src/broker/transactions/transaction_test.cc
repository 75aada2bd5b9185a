#include "broker/transactions/transaction.h"

#include <gtest/gtest.h>

#include "broker/transactions/transaction_schema.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;

const std::set<TopicPartition> kOne{{"t", 0}};
const std::set<TopicPartition> kTwo{{"t", 0}, {"t", 1}};

Transaction in_state(TransactionState state, ProducerIdentity producer = {7, 3}) {
  Transaction transaction;
  transaction.producer = producer;
  transaction.timeout_ms = 1'000;
  transaction.state = state;
  if (state == TransactionState::kOngoing || transaction.is_prepared()) {
    transaction.partitions = kOne;
    transaction.started_ms = 50;
  }
  return transaction;
}

InitRequest init(std::optional<ProducerIdentity> expected = std::nullopt,
                 std::optional<int64_t> fresh = std::nullopt) {
  return {.timeout_ms = 1'000, .expected = expected, .fresh_id = fresh};
}

TEST(Transaction, begins_with_a_new_producer_id) {
  EXPECT_TRUE(decide_init({}, init(), 1).new_producer_id);
  const auto decided = decide_init({}, init({}, 9), 1);
  ASSERT_TRUE(decided.next);
  EXPECT_EQ(decided.next->producer, (ProducerIdentity{9, 0}));
  EXPECT_EQ(decided.next->state, TransactionState::kEmpty);
}

TEST(Transaction, every_init_bumps_the_epoch) {
  for (const auto state : {TransactionState::kEmpty, TransactionState::kCompleteCommit,
                           TransactionState::kCompleteAbort}) {
    const auto decided = decide_init(in_state(state), init(), 1);
    ASSERT_TRUE(decided.next);
    EXPECT_EQ(decided.next->producer, (ProducerIdentity{7, 4}));
    EXPECT_EQ(decided.next->last_producer, ProducerIdentity());
  }
}

TEST(Transaction, init_during_an_open_transaction_fences_and_aborts_first) {
  const auto decided = decide_init(in_state(TransactionState::kOngoing), init(), 1);
  EXPECT_TRUE(decided.abort_first);
  ASSERT_TRUE(decided.next);
  EXPECT_EQ(decided.next->state, TransactionState::kPrepareAbort);
  EXPECT_EQ(decided.next->producer, (ProducerIdentity{7, 4}));
  EXPECT_EQ(decided.next->partitions, kOne);
  const auto again = decide_init(completed(*decided.next, 2), init(), 3);
  ASSERT_TRUE(again.next);
  EXPECT_EQ(again.next->producer, (ProducerIdentity{7, 5}));
}

// KIP-360: a producer names itself, and a repeated request finds what the first one made.
TEST(Transaction, a_producer_that_names_itself_goes_on_and_may_repeat) {
  const ProducerIdentity me{7, 3};
  const auto first = decide_init(in_state(TransactionState::kEmpty), init(me), 1);
  ASSERT_TRUE(first.next);
  EXPECT_EQ(first.next->producer, (ProducerIdentity{7, 4}));
  const auto repeated = decide_init(*first.next, init(me), 2);
  ASSERT_TRUE(repeated.next);
  EXPECT_EQ(repeated.next->producer, (ProducerIdentity{7, 4}));
  EXPECT_EQ(decide_init(*first.next, init(ProducerIdentity{7, 2}), 2).error,
            ErrorCode::kProducerFenced);
  EXPECT_EQ(decide_init(*first.next, init(ProducerIdentity{8, 4}), 2).error,
            ErrorCode::kProducerFenced);
  const auto other = decide_init(*first.next, init(), 3);
  ASSERT_TRUE(other.next);
  EXPECT_EQ(decide_init(*other.next, init(me), 4).error, ErrorCode::kProducerFenced)
      << "somebody else took over";
}

TEST(Transaction, a_producer_that_names_itself_aborts_its_own_open_transaction) {
  const ProducerIdentity me{7, 3};
  const auto decided = decide_init(in_state(TransactionState::kOngoing), init(me), 1);
  ASSERT_TRUE(decided.abort_first);
  const Transaction after = completed(*decided.next, 2);
  const auto again = decide_init(after, init(me), 3);
  ASSERT_TRUE(again.next) << static_cast<int>(again.error);
  EXPECT_EQ(again.next->producer, (ProducerIdentity{7, 5}));
  EXPECT_EQ(decide_init(*again.next, init(me), 4).next->producer, (ProducerIdentity{7, 5}));
  EXPECT_EQ(
      decide_init(in_state(TransactionState::kOngoing), init(ProducerIdentity{7, 2}), 1).error,
      ErrorCode::kProducerFenced);
}

TEST(Transaction, epochs_that_are_used_up_give_a_new_producer_id) {
  const ProducerIdentity last{7, INT16_MAX - 1};
  const Transaction now = in_state(TransactionState::kEmpty, last);
  EXPECT_TRUE(decide_init(now, init(), 1).new_producer_id);
  const auto decided = decide_init(now, init(last, 8), 1);
  ASSERT_TRUE(decided.next);
  EXPECT_EQ(decided.next->producer, (ProducerIdentity{8, 0}));
  const auto repeated = decide_init(*decided.next, init(last), 2);
  ASSERT_TRUE(repeated.next) << "the answer to the first one may have been lost";
  EXPECT_EQ(repeated.next->producer, (ProducerIdentity{8, 0}));

  const auto fencing = decide_init(in_state(TransactionState::kOngoing, last), init(), 1);
  ASSERT_TRUE(fencing.abort_first);
  EXPECT_EQ(fencing.next->producer.epoch, INT16_MAX);
  EXPECT_TRUE(decide_init(completed(*fencing.next, 2), init(), 3).new_producer_id);
}

TEST(Transaction, partitions_open_it) {
  const Transaction empty = in_state(TransactionState::kEmpty);
  const auto opened = decide_add(empty, {7, 3}, kOne, 100);
  ASSERT_TRUE(opened.next);
  EXPECT_EQ(opened.next->state, TransactionState::kOngoing);
  EXPECT_EQ(opened.next->started_ms, 100);
  const auto same = decide_add(*opened.next, {7, 3}, kOne, 200);
  EXPECT_EQ(same.error, ErrorCode::kNone);
  EXPECT_FALSE(same.next);
  const auto more = decide_add(*opened.next, {7, 3}, kTwo, 200);
  ASSERT_TRUE(more.next);
  EXPECT_EQ(more.next->partitions, kTwo);
  EXPECT_EQ(more.next->started_ms, 100);
  EXPECT_EQ(decide_add(empty, {8, 3}, kOne, 1).error, ErrorCode::kInvalidProducerIdMapping);
  EXPECT_EQ(decide_add(empty, {7, 2}, kOne, 1).error, ErrorCode::kProducerFenced);
  EXPECT_EQ(decide_add(empty, {7, 4}, kOne, 1).error, ErrorCode::kProducerFenced);
}

struct End {
  TransactionState state;
  ErrorCode on_commit;
  ErrorCode on_abort;
};

class TransactionEnd : public testing::TestWithParam<End> {};

TEST_P(TransactionEnd, answers_by_state) {
  const Transaction now = in_state(GetParam().state);
  EXPECT_EQ(decide_end(now, {7, 3}, true, 1).error, GetParam().on_commit);
  EXPECT_EQ(decide_end(now, {7, 3}, false, 1).error, GetParam().on_abort);
  const bool changes = GetParam().state == TransactionState::kOngoing;
  EXPECT_EQ(decide_end(now, {7, 3}, true, 1).next.has_value(), changes);
  EXPECT_EQ(decide_end(now, {8, 3}, true, 1).error, ErrorCode::kInvalidProducerIdMapping);
  EXPECT_EQ(decide_end(now, {7, 2}, true, 1).error, ErrorCode::kProducerFenced);
  EXPECT_EQ(decide_end(now, {7, 4}, true, 1).error, ErrorCode::kProducerFenced);
}

INSTANTIATE_TEST_SUITE_P(
    States, TransactionEnd,
    testing::Values(
        End{TransactionState::kEmpty, ErrorCode::kInvalidTxnState, ErrorCode::kInvalidTxnState},
        End{TransactionState::kOngoing, ErrorCode::kNone, ErrorCode::kNone},
        End{TransactionState::kPrepareCommit, ErrorCode::kConcurrentTransactions,
            ErrorCode::kInvalidTxnState},
        End{TransactionState::kPrepareAbort, ErrorCode::kInvalidTxnState,
            ErrorCode::kConcurrentTransactions},
        End{TransactionState::kCompleteCommit, ErrorCode::kNone, ErrorCode::kInvalidTxnState},
        End{TransactionState::kCompleteAbort, ErrorCode::kInvalidTxnState, ErrorCode::kNone}));

TEST(Transaction, a_decided_outcome_is_completed_as_it_was_decided) {
  const auto commit = decide_end(in_state(TransactionState::kOngoing), {7, 3}, true, 1);
  ASSERT_TRUE(commit.next);
  EXPECT_EQ(commit.next->state, TransactionState::kPrepareCommit);
  const Transaction done = completed(*commit.next, 2);
  EXPECT_EQ(done.state, TransactionState::kCompleteCommit);
  EXPECT_TRUE(done.partitions.empty());
  EXPECT_EQ(completed(in_state(TransactionState::kPrepareAbort), 2).state,
            TransactionState::kCompleteAbort);
}

TEST(Transaction, a_time_out_fences_the_producer_for_good) {
  const Transaction late = fenced(in_state(TransactionState::kOngoing), 1'051);
  EXPECT_EQ(late.state, TransactionState::kPrepareAbort);
  EXPECT_EQ(late.producer, (ProducerIdentity{7, 4}));
  const Transaction done = completed(late, 1'052);
  EXPECT_EQ(decide_end(done, {7, 3}, true, 2'000).error, ErrorCode::kProducerFenced);
  EXPECT_EQ(decide_init(done, init(ProducerIdentity{7, 3}), 2'000).error,
            ErrorCode::kProducerFenced);
  EXPECT_EQ(times_out_at_ms(in_state(TransactionState::kOngoing)), 1'050);
}

TEST(Transaction, membership_is_the_current_producer_in_an_open_transaction) {
  const Transaction open = in_state(TransactionState::kOngoing);
  EXPECT_EQ(check_member(open, {7, 3}, {"t", 0}), ErrorCode::kNone);
  EXPECT_EQ(check_member(open, {7, 3}, {"t", 1}), ErrorCode::kInvalidTxnState);
  EXPECT_EQ(check_member(open, {7, 2}, {"t", 0}), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(check_member(open, {8, 3}, {"t", 0}), ErrorCode::kInvalidProducerIdMapping);
  EXPECT_EQ(check_member(in_state(TransactionState::kCompleteCommit), {7, 3}, {"t", 0}),
            ErrorCode::kInvalidTxnState);
}

TEST(TransactionSchema, comes_back_as_it_was) {
  Transaction transaction = in_state(TransactionState::kPrepareCommit);
  transaction.partitions = {{"a", 0}, {"a", 3}, {"b", 1}};
  transaction.last_producer = {6, 12};
  transaction.updated_ms = 77;
  const auto decoded = decode_transaction(encode_transaction(transaction));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, transaction);
  const auto key = decode_transaction_log_key(encode_transaction_key("id"));
  ASSERT_TRUE(key);
  EXPECT_EQ(std::get<TransactionKey>(*key).transactional_id, "id");
  const auto offset = decode_transaction_log_key(encode_pending_offset_key({5, "group", {"t", 2}}));
  ASSERT_TRUE(offset);
  EXPECT_EQ(std::get<PendingOffsetKey>(*offset).tp, (TopicPartition{"t", 2}));
}

// TransactionLogValue v1 of Apache Kafka, laid out by hand from its JSON: fixed fields, a compact
// array, and no tagged fields.
TEST(TransactionSchema, has_the_bytes_of_apache_kafka) {
  Transaction transaction;
  transaction.producer = {1, 2};
  transaction.timeout_ms = 3;
  transaction.state = TransactionState::kOngoing;
  transaction.partitions = {{"t", 5}};
  transaction.updated_ms = 6;
  transaction.started_ms = 7;
  constexpr std::string_view kExpected(
      "\0\1"
      "\0\0\0\0\0\0\0\1"
      "\0\2"
      "\0\0\0\3"
      "\1"
      "\2\2t\2\0\0\0\5\0"
      "\0\0\0\0\0\0\0\6"
      "\0\0\0\0\0\0\0\7"
      "\0",
      43);
  EXPECT_EQ(encode_transaction(transaction), kExpected);
}

TEST(TransactionSchema, cut_bytes_are_an_error) {
  const std::string bytes = encode_transaction(in_state(TransactionState::kOngoing));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_transaction(std::string_view(bytes).substr(0, size))) << size;
  }
  const std::string key = encode_pending_offset_key({5, "group", {"t", 2}});
  for (size_t size = 2; size < key.size(); ++size) {
    EXPECT_FALSE(decode_transaction_log_key(std::string_view(key).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace freshet::broker
