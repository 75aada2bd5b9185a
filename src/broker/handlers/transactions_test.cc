// Transactions through the requests that clients send, over a node whose clock is turned by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/node_harness.h"
#include "broker/transactions/transaction_schema.h"
#include "kafka/messages/add_offsets_to_txn.h"
#include "kafka/messages/add_partitions_to_txn.h"
#include "kafka/messages/delete_topics.h"
#include "kafka/messages/describe_producers.h"
#include "kafka/messages/describe_transactions.h"
#include "kafka/messages/end_txn.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/join_group.h"
#include "kafka/messages/list_offsets.h"
#include "kafka/messages/list_transactions.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/txn_offset_commit.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker {
namespace {

using kafka::ErrorCode;
using testing::ElementsAre;
using testing::IsEmpty;

class Transactions : public NodeHarness {
 protected:
  ProducerIdentity init(const std::string& id, int16_t version = 4,
                        ErrorCode expected = ErrorCode::kNone,
                        ProducerIdentity self = ProducerIdentity(), int32_t timeout_ms = 60'000) {
    kafka::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    request.producer_id = self.id;
    request.producer_epoch = self.epoch;
    const auto answer = ask<kafka::InitProducerIdResponse>(request, version);
    EXPECT_EQ(answer.error_code, expected);
    return {answer.producer_id, answer.producer_epoch};
  }
  ErrorCode add(const std::string& id, ProducerIdentity producer, const std::string& topic,
                int32_t partition = 0, int16_t version = 3) {
    kafka::AddPartitionsToTxnRequest request;
    request.transactional_id = id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.topics.push_back({topic, {partition}});
    const auto answer = ask<kafka::AddPartitionsToTxnResponse>(request, version);
    return answer.results_by_topic.at(0).results_by_partition.at(0).partition_error_code;
  }
  ErrorCode add_offsets(const std::string& id, ProducerIdentity producer, int16_t version = 3) {
    kafka::AddOffsetsToTxnRequest request;
    request.transactional_id = id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.group_id = "group";
    return ask<kafka::AddOffsetsToTxnResponse>(request, version).error_code;
  }
  kafka::TxnOffsetCommitRequest offsets_request(const std::string& id, ProducerIdentity producer,
                                                int64_t offset) {
    kafka::TxnOffsetCommitRequest request;
    request.transactional_id = id;
    request.group_id = "group";
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.topics.push_back({"t", {{0, offset, -1, "m"}}});
    return request;
  }
  ErrorCode commit_offset(const std::string& id, ProducerIdentity producer, int64_t offset,
                          int16_t version = 3) {
    const auto answer =
        ask<kafka::TxnOffsetCommitResponse>(offsets_request(id, producer, offset), version);
    return answer.topics.at(0).partitions.at(0).error_code;
  }
  ErrorCode end(const std::string& id, ProducerIdentity producer, bool commit,
                int16_t version = 3) {
    kafka::EndTxnRequest request;
    request.transactional_id = id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.committed = commit;
    return ask<kafka::EndTxnResponse>(request, version).error_code;
  }
  std::string data(ProducerIdentity producer, int32_t sequence, const std::string& value,
                   bool transactional = true) {
    kafka::RecordBatchBuilder builder({.producer_id = producer.id,
                                       .producer_epoch = producer.epoch,
                                       .base_sequence = sequence,
                                       .transactional = transactional});
    builder.append(now_ms(), "key", value);
    return builder.build();
  }
  ErrorCode write(const std::string& id, ProducerIdentity producer, int32_t sequence,
                  const std::string& value, bool transactional = true) {
    const std::string bytes = data(producer, sequence, value, transactional);
    auto request = produce_request("t", bytes);
    request.transactional_id = id;
    const auto answer = ask<kafka::ProduceResponse>(request, 9);
    return answer.responses.at(0).partition_responses.at(0).error_code;
  }
  kafka::FetchResponse::Partition fetch(int64_t from, bool committed, int16_t version = 12) {
    kafka::FetchRequest request;
    request.max_wait_ms = 0;
    request.isolation_level = committed ? 1 : 0;
    auto& topic = request.topics.emplace_back();
    topic.topic = "t";
    auto& partition = topic.partitions.emplace_back();
    partition.partition = 0;
    partition.fetch_offset = from;
    partition.partition_max_bytes = 1 << 20;
    return ask<kafka::FetchResponse>(request, version).responses.at(0).partitions.at(0);
  }
  int64_t latest(bool committed) {
    kafka::ListOffsetsRequest request;
    request.isolation_level = committed ? 1 : 0;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = 0;
    partition.timestamp = -1;
    return ask<kafka::ListOffsetsResponse>(request, 5).topics.at(0).partitions.at(0).offset;
  }
  kafka::OffsetFetchResponse::Partition committed_offset(bool stable = true, int16_t version = 7) {
    kafka::OffsetFetchRequest request;
    request.require_stable = stable;
    if (version < 8) {
      request.group_id = "group";
      request.topics.emplace().push_back({"t", {0}});
      return ask<kafka::OffsetFetchResponse>(request, version).topics.at(0).partitions.at(0);
    }
    request.groups.emplace_back().group_id = "group";
    request.groups.back().topics.emplace().push_back({"t", {0}});
    return ask<kafka::OffsetFetchResponse>(request, version)
        .groups.at(0)
        .topics.at(0)
        .partitions.at(0);
  }
  std::string state_of(const std::string& id) {
    kafka::DescribeTransactionsRequest request;
    request.transactional_ids.push_back(id);
    return ask<kafka::DescribeTransactionsResponse>(request, 0)
        .transaction_states.at(0)
        .transaction_state;
  }
};

TEST_F(Transactions, commit_shows_what_was_written) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  EXPECT_EQ(latest(true), 0);
  EXPECT_EQ(latest(false), 1);
  auto before = fetch(0, true);
  EXPECT_THAT(before.records, IsEmpty());
  EXPECT_EQ(before.last_stable_offset, 0);
  EXPECT_EQ(before.high_watermark, 1);
  EXPECT_FALSE(fetch(0, false).aborted_transactions);
  EXPECT_EQ(state_of("id"), "Ongoing");

  ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
  EXPECT_EQ(end("id", producer, true), ErrorCode::kNone) << "once more is the same";
  EXPECT_EQ(end("id", producer, false), ErrorCode::kInvalidTxnState);
  EXPECT_EQ(state_of("id"), "CompleteCommit");
  auto after = fetch(0, true);
  EXPECT_EQ(after.last_stable_offset, 2);
  ASSERT_TRUE(after.aborted_transactions);
  EXPECT_THAT(*after.aborted_transactions, IsEmpty());
  EXPECT_FALSE(after.records.empty());
  EXPECT_EQ(latest(true), 2);
}

TEST_F(Transactions, abort_is_listed_to_readers) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  ASSERT_EQ(end("id", producer, false), ErrorCode::kNone);
  for (int16_t version = 4; version <= 12; ++version) {
    const auto read = fetch(0, true, version);
    ASSERT_TRUE(read.aborted_transactions) << version;
    ASSERT_EQ(read.aborted_transactions->size(), 1U) << version;
    EXPECT_EQ(read.aborted_transactions->at(0).producer_id, producer.id);
    EXPECT_EQ(read.aborted_transactions->at(0).first_offset, 0);
  }
  reopen();
  EXPECT_EQ(fetch(0, true).aborted_transactions->size(), 1U);
}

TEST_F(Transactions, run_in_every_version) {
  create("t");
  for (int16_t version = 0; version <= 4; ++version) {
    SCOPED_TRACE(version);
    const std::string id = "id" + std::to_string(version);
    const auto producer = init(id, version);
    ASSERT_EQ(add(id, producer, "t", 0, std::min<int16_t>(version, 3)), ErrorCode::kNone);
    ASSERT_EQ(add_offsets(id, producer, version), ErrorCode::kNone);
    ASSERT_EQ(write(id, producer, 0, "a"), ErrorCode::kNone);
    ASSERT_EQ(commit_offset(id, producer, 40 + version, version), ErrorCode::kNone);
    ASSERT_EQ(end(id, producer, true, version), ErrorCode::kNone);
    EXPECT_EQ(committed_offset().committed_offset, 40 + version);
  }
}

TEST_F(Transactions, a_partition_that_was_not_added_refuses) {
  create("t");
  const auto producer = init("id");
  EXPECT_EQ(write("id", producer, 0, "a"), ErrorCode::kInvalidTxnState);
  const std::string bytes = data(producer, 0, "a");
  EXPECT_EQ(produce("t", bytes).error_code, ErrorCode::kTransactionalIdAuthorizationFailed);
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  EXPECT_EQ(write("id", producer, 1, "b", /*transactional=*/false), ErrorCode::kInvalidTxnState);
  ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
  EXPECT_EQ(write("id", producer, 1, "late"), ErrorCode::kInvalidTxnState);
  EXPECT_EQ(latest(true), 2) << "nothing late holds the readers";
}

TEST_F(Transactions, unknown_partitions_and_ids_are_refused) {
  create("t");
  const auto producer = init("id");
  kafka::AddPartitionsToTxnRequest request;
  request.transactional_id = "id";
  request.producer_id = producer.id;
  request.producer_epoch = producer.epoch;
  request.topics.push_back({"t", {0, 9}});
  const auto answer = ask<kafka::AddPartitionsToTxnResponse>(request, 3);
  const auto& rows = answer.results_by_topic.at(0).results_by_partition;
  EXPECT_EQ(rows.at(0).partition_error_code, ErrorCode::kOperationNotAttempted);
  EXPECT_EQ(rows.at(1).partition_error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(state_of("id"), "Empty");
  EXPECT_EQ(add("id", producer, "__consumer_offsets"), ErrorCode::kTopicAuthorizationFailed);
  EXPECT_EQ(add("", producer, "t"), ErrorCode::kInvalidRequest);
  EXPECT_EQ(add("other", producer, "t"), ErrorCode::kInvalidProducerIdMapping);
  EXPECT_EQ(end("other", producer, true), ErrorCode::kInvalidProducerIdMapping);
  EXPECT_EQ(end("id", producer, true), ErrorCode::kInvalidTxnState);
  EXPECT_EQ(commit_offset("id", producer, 1), ErrorCode::kInvalidTxnState);
  init("", 4, ErrorCode::kInvalidRequest);
  init("id", 4, ErrorCode::kInvalidTransactionTimeout, {}, 900'001);
  init("id", 4, ErrorCode::kInvalidTransactionTimeout, {}, 0);
  init("id", 4, ErrorCode::kInvalidRequest, {5, -1});
}

TEST_F(Transactions, a_second_producer_fences_the_first) {
  create("t");
  const auto first = init("id");
  ASSERT_EQ(add("id", first, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("id", first, 0, "a"), ErrorCode::kNone);
  const auto second = init("id");
  EXPECT_EQ(second.id, first.id);
  EXPECT_GT(second.epoch, first.epoch);
  EXPECT_EQ(write("id", first, 1, "b"), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(end("id", first, true), ErrorCode::kProducerFenced);
  EXPECT_EQ(end("id", first, true, 1), ErrorCode::kInvalidProducerEpoch)
      << "as old clients know it";
  EXPECT_EQ(add("id", first, "t"), ErrorCode::kProducerFenced);
  EXPECT_EQ(add("id", first, "t", 0, 1), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(commit_offset("id", first, 1), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(fetch(0, true).aborted_transactions->size(), 1U);
  ASSERT_EQ(add("id", second, "t"), ErrorCode::kNone);
  EXPECT_EQ(write("id", second, 0, "c"), ErrorCode::kNone);
  EXPECT_EQ(end("id", second, true), ErrorCode::kNone);
  init("id", 4, ErrorCode::kProducerFenced, first);
  init("id", 3, ErrorCode::kInvalidProducerEpoch, first);
  const auto recovered = init("id", 4, ErrorCode::kNone, second);
  EXPECT_GT(recovered.epoch, second.epoch);
}

TEST_F(Transactions, what_has_timed_out_is_rolled_back_and_fenced) {
  create("t");
  const auto producer = init("id", 4, ErrorCode::kNone, {}, 1'000);
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  std::optional<SteadyTime> wake;
  auto& transactions = node_->services().transactions;
  transactions.set_wake_at([&](SteadyTime at) { wake = at; });
  ASSERT_TRUE(wake);
  EXPECT_EQ(*wake - clock_.steady(), Millis(1'000));
  clock_.advance(Millis(999));
  transactions.tick();
  EXPECT_EQ(state_of("id"), "Ongoing");
  clock_.advance(Millis(1));
  transactions.tick();
  EXPECT_EQ(end("id", producer, true), ErrorCode::kProducerFenced) << "waits for its turn";
  EXPECT_EQ(state_of("id"), "CompleteAbort");
  EXPECT_EQ(write("id", producer, 1, "b"), ErrorCode::kInvalidProducerEpoch);
  EXPECT_EQ(fetch(0, true).last_stable_offset, 2);
}

TEST_F(Transactions, offsets_are_pending_until_the_end) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
  ASSERT_EQ(commit_offset("id", producer, 5), ErrorCode::kNone);
  for (const int16_t version : {7, 8, 9}) {
    EXPECT_EQ(committed_offset(true, version).error_code, ErrorCode::kUnstableOffsetCommit);
    EXPECT_EQ(committed_offset(false, version).error_code, ErrorCode::kNone);
    EXPECT_EQ(committed_offset(false, version).committed_offset, -1);
  }
  ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
  EXPECT_EQ(committed_offset().committed_offset, 5);
  EXPECT_EQ(committed_offset().metadata, "m");

  ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
  ASSERT_EQ(commit_offset("id", producer, 6), ErrorCode::kNone);
  ASSERT_EQ(end("id", producer, false), ErrorCode::kNone);
  EXPECT_EQ(committed_offset().committed_offset, 5) << "rolled back";
  reopen();
  EXPECT_EQ(committed_offset().committed_offset, 5);
}

// As in Apache Kafka: of two commits of one partition the one that came later stays, whenever the
// transaction of the other one ends.
TEST_F(Transactions, a_commit_that_came_later_stays) {
  create("t");
  const auto commit_plain = [&](int64_t offset) {
    kafka::OffsetCommitRequest request;
    request.group_id = "group";
    auto& partition = request.topics.emplace_back();
    partition.name = "t";
    auto& row = partition.partitions.emplace_back();
    row.partition_index = 0;
    row.committed_offset = offset;
    return ask<kafka::OffsetCommitResponse>(request, 7).topics.at(0).partitions.at(0).error_code;
  };
  const auto producer = init("id");
  for (const bool restarted : {false, true}) {
    ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
    ASSERT_EQ(commit_plain(3), ErrorCode::kNone);
    clock_.advance(Millis(1));
    ASSERT_EQ(commit_offset("id", producer, 5), ErrorCode::kNone);
    if (restarted) reopen();
    ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
    EXPECT_EQ(committed_offset().committed_offset, 5) << restarted;

    ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
    ASSERT_EQ(commit_offset("id", producer, 6), ErrorCode::kNone);
    clock_.advance(Millis(1));
    ASSERT_EQ(commit_plain(9), ErrorCode::kNone);
    if (restarted) reopen();
    ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
    EXPECT_EQ(committed_offset().committed_offset, 9) << restarted;
    reopen();
    EXPECT_EQ(committed_offset().committed_offset, 9) << restarted;
  }
}

TEST_F(Transactions, offsets_of_a_stranger_to_the_group_are_refused) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
  auto request = offsets_request("id", producer, 5);
  request.generation_id = 3;
  request.member_id = "nobody";
  const auto code = [&] {
    return ask<kafka::TxnOffsetCommitResponse>(request, 3).topics.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(code(), ErrorCode::kIllegalGeneration) << "there is no such group";
  kafka::JoinGroupRequest join;
  join.group_id = "group";
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols.push_back({"range", "x"});
  const auto joined = ask<kafka::JoinGroupResponse>(join, 3);
  ASSERT_EQ(joined.error_code, ErrorCode::kNone);
  EXPECT_EQ(code(), ErrorCode::kUnknownMemberId);
  request.member_id = joined.member_id;
  request.generation_id = joined.generation_id + 1;
  EXPECT_EQ(code(), ErrorCode::kIllegalGeneration);
  request.generation_id = joined.generation_id;
  EXPECT_EQ(code(), ErrorCode::kNone);
  ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
  EXPECT_EQ(committed_offset().committed_offset, 5);
}

TEST_F(Transactions, an_open_transaction_outlives_a_crash) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  ASSERT_EQ(commit_offset("id", producer, 5), ErrorCode::kNone);
  reopen();
  EXPECT_EQ(state_of("id"), "Ongoing");
  EXPECT_EQ(committed_offset().error_code, ErrorCode::kUnstableOffsetCommit);
  EXPECT_EQ(latest(true), 0);
  EXPECT_EQ(write("id", producer, 1, "b"), ErrorCode::kNone);
  EXPECT_EQ(end("id", producer, true), ErrorCode::kNone);
  EXPECT_EQ(latest(true), 3);
  EXPECT_EQ(committed_offset().committed_offset, 5);
}

// A crash between the decision and its markers: what is durable is only the Prepare* record.
class PreparedTransactions : public Transactions, public testing::WithParamInterface<bool> {};

TEST_P(PreparedTransactions, are_completed_before_anybody_is_served) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  ASSERT_EQ(commit_offset("id", producer, 5), ErrorCode::kNone);
  auto prepared = *node_->services().transactions.describe("id");
  prepared.state = GetParam() ? TransactionState::kPrepareCommit : TransactionState::kPrepareAbort;
  node_.reset();
  {
    LogStoreOptions options;
    options.directory = directory_ / "log";
    auto store = LogStore::open(options);
    ASSERT_TRUE(store);
    auto log = KeyedLog::open((*store)->find({std::string(kTransactionsTopic), 0}));
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->write({{encode_transaction_key("id"), encode_transaction(prepared)}}));
  }
  open();
  EXPECT_EQ(state_of("id"), GetParam() ? "CompleteCommit" : "CompleteAbort");
  EXPECT_EQ(latest(true), 2);
  EXPECT_EQ(fetch(0, true).aborted_transactions->size(), GetParam() ? 0U : 1U);
  EXPECT_EQ(committed_offset().committed_offset, GetParam() ? 5 : -1);
  EXPECT_EQ(end("id", producer, GetParam()), ErrorCode::kNone);
  reopen();
  EXPECT_EQ(latest(true), 2) << "nothing is done twice";
}

INSTANTIATE_TEST_SUITE_P(Outcome, PreparedTransactions, testing::Bool());

TEST_F(Transactions, a_transaction_that_nobody_knows_of_is_rolled_back_at_the_start) {
  create("t");
  const PartitionLogPtr log = node_->services().topics.find("t")->partition(0);
  log->allow_transaction(4'000, 1);
  std::promise<AppendResult> done;
  log->append(AppendBatches::from_string(data({4'000, 1}, 0, "a")),
              [&](AppendResult result) { done.set_value(std::move(result)); });
  ASSERT_TRUE(done.get_future().get().ok());
  EXPECT_EQ(latest(true), 0);
  reopen();
  EXPECT_EQ(latest(true), 2);
  EXPECT_EQ(fetch(0, true).aborted_transactions->size(), 1U);
}

TEST_F(Transactions, requests_of_one_id_take_turns) {
  create("t");
  kafka::InitProducerIdRequest request;
  request.transactional_id = "id";
  request.transaction_timeout_ms = 60'000;
  std::vector<Slot> slots;
  for (int i = 0; i < 20; ++i) slots.push_back(send(request, 4));
  std::set<int16_t> epochs;
  for (const auto& slot : slots) {
    const auto answer = read<kafka::InitProducerIdResponse>(slot, 4);
    EXPECT_EQ(answer.error_code, ErrorCode::kNone);
    epochs.insert(answer.producer_epoch);
  }
  EXPECT_EQ(epochs.size(), 20U) << "no two producers share an epoch";
}

TEST_F(Transactions, a_topic_deleted_meanwhile_does_not_hold_the_end) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("id", producer, 0, "a"), ErrorCode::kNone);
  kafka::DeleteTopicsRequest request;
  request.topic_names = {"t"};
  request.timeout_ms = 10'000;
  ask<kafka::DeleteTopicsResponse>(request, 4);
  EXPECT_EQ(end("id", producer, true), ErrorCode::kNone);
}

TEST_F(Transactions, are_listed_and_described) {
  create("t");
  const auto open = init("open-1");
  const auto idle = init("idle-1");
  ASSERT_EQ(add("open-1", open, "t"), ErrorCode::kNone);
  ASSERT_EQ(write("open-1", open, 0, "a"), ErrorCode::kNone);
  const auto list = [&](kafka::ListTransactionsRequest request, int16_t version = 2) {
    std::vector<std::string> ids;
    for (const auto& row :
         ask<kafka::ListTransactionsResponse>(request, version).transaction_states) {
      ids.push_back(row.transactional_id);
    }
    return ids;
  };
  for (const int16_t version : {0, 1, 2}) {
    EXPECT_THAT(list({}, version), ElementsAre("idle-1", "open-1"));
  }
  kafka::ListTransactionsRequest filter;
  filter.state_filters = {"Ongoing", "Nonsense"};
  EXPECT_THAT(list(filter), ElementsAre("open-1"));
  EXPECT_THAT(ask<kafka::ListTransactionsResponse>(filter, 0).unknown_state_filters,
              ElementsAre("Nonsense"));
  filter = {};
  filter.producer_id_filters = {idle.id};
  EXPECT_THAT(list(filter), ElementsAre("idle-1"));
  filter = {};
  filter.transactional_id_pattern = "op.*";
  EXPECT_THAT(list(filter), ElementsAre("open-1"));
  filter.transactional_id_pattern = "(";
  EXPECT_EQ(ask<kafka::ListTransactionsResponse>(filter, 2).error_code,
            ErrorCode::kInvalidRegularExpression);

  kafka::DescribeTransactionsRequest describe;
  describe.transactional_ids = {"open-1", "none"};
  const auto described = ask<kafka::DescribeTransactionsResponse>(describe, 0);
  const auto& row = described.transaction_states.at(0);
  EXPECT_EQ(row.producer_id, open.id);
  EXPECT_EQ(row.transaction_timeout_ms, 60'000);
  EXPECT_EQ(row.transaction_start_time_ms, now_ms());
  EXPECT_EQ(row.topics.at(0).topic, "t");
  EXPECT_EQ(described.transaction_states.at(1).error_code, ErrorCode::kTransactionalIdNotFound);

  kafka::DescribeProducersRequest producers;
  producers.topics.push_back({"t", {0, 5}});
  const auto answer = ask<kafka::DescribeProducersResponse>(producers, 0);
  const auto& active = answer.topics.at(0).partitions.at(0).active_producers;
  ASSERT_EQ(active.size(), 1U);
  EXPECT_EQ(active.at(0).producer_id, open.id);
  EXPECT_EQ(active.at(0).current_txn_start_offset, 0);
  EXPECT_EQ(active.at(0).last_sequence, 0);
  EXPECT_EQ(answer.topics.at(0).partitions.at(1).error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(Transactions, ids_that_nobody_uses_expire) {
  create("t");
  init("old");
  clock_.advance(Millis(7L * 24 * 3600'000));
  const auto open = init("new");
  ASSERT_EQ(add("new", open, "t"), ErrorCode::kNone);
  clock_.advance(Millis(1));
  node_->services().transactions.expire_ids();
  EXPECT_EQ(state_of("old"), "");
  EXPECT_EQ(state_of("new"), "Ongoing");
  init("barrier");
  reopen();
  EXPECT_EQ(state_of("old"), "");
}

TEST_F(Transactions, many_fill_the_state_log_and_stay_right) {
  create("t");
  const auto producer = init("id");
  ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
  ASSERT_EQ(end("id", producer, true), ErrorCode::kNone);
  int32_t sequence = 0;
  for (int i = 0; i < 300; ++i) {
    const bool commit = i % 3 != 0;
    ASSERT_EQ(add("id", producer, "t"), ErrorCode::kNone);
    ASSERT_EQ(add_offsets("id", producer), ErrorCode::kNone);
    ASSERT_EQ(write("id", producer, sequence++, "v"), ErrorCode::kNone);
    ASSERT_EQ(commit_offset("id", producer, i), ErrorCode::kNone);
    ASSERT_EQ(end("id", producer, commit), ErrorCode::kNone);
    if (i % 50 == 7) reopen();
  }
  EXPECT_EQ(latest(true), 600);
  EXPECT_EQ(committed_offset().committed_offset, 299);
  EXPECT_EQ(fetch(0, true).aborted_transactions->size(), 100U);
}

}  // namespace
}  // namespace freshet::broker
